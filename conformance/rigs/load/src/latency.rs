//! How long answers took: a histogram that is small enough to have hundreds of it.

use std::time::Duration;

use hdrhistogram::Histogram;

/// From a microsecond to this; what is longer counts as this.
const LONGEST_MICROS: u64 = 60_000_000;

/// The latencies of some good answers, to two digits.
#[derive(Debug, Clone, Default)]
pub struct Latency {
    /// `None` without an answer: most steps of a long silence have none.
    histogram: Option<Histogram<u32>>,
}

impl Latency {
    /// How many answers it is of.
    pub fn count(&self) -> u64 {
        self.histogram.as_ref().map_or(0, Histogram::len)
    }

    /// The latency below which `percent` of the answers lie; `None` without any.
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        let histogram = self.histogram.as_ref()?;
        Some(Duration::from_micros(histogram.value_at_percentile(percent)))
    }

    /// Adds one answer.
    pub(super) fn record(&mut self, latency: Duration) {
        let histogram = self.histogram.get_or_insert_with(|| {
            Histogram::new_with_bounds(1, LONGEST_MICROS, 2).expect("the bounds are in order")
        });
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        histogram.saturating_record(micros.max(1));
    }

    /// Adds those of another one.
    pub fn merge(&mut self, other: &Latency) {
        match (&mut self.histogram, &other.histogram) {
            (Some(mine), Some(theirs)) => mine.add(theirs).expect("both have the same bounds"),
            (mine @ None, Some(theirs)) => *mine = Some(theirs.clone()),
            (_, None) => {}
        }
    }
}
