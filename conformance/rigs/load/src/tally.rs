//! What a load has seen, in figures.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::failure::Failure;
use super::timeline::Timeline;

/// Whether a swap is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Everything between two swaps.
    Between,
    /// From the start of a deploy to the end of what it replaced.
    Swap,
}

/// Everything that a load has seen.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Of requests that a swap touched.
    pub swap: Figures,
    /// Of all others.
    pub between: Figures,
    /// Every server process that answered, in the order of its first answer.
    pub answerers: Vec<Answerer>,
    /// The first request that failed.
    pub first_failed: Option<FailedRequest>,
    /// Idle keep-alive connections that the server closed before they were used again: seen by
    /// the client in time, so nothing was lost.
    pub idle_closed: u64,
    /// What happened when, if the plan asks for it.
    pub timeline: Option<Timeline>,
}

/// The figures of one phase.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Requests with a good answer.
    pub ok: u64,
    /// Requests without, by kind.
    pub failed: BTreeMap<Failure, u64>,
    /// The longest time in which no request succeeded.
    pub longest_gap: Duration,
    /// Of good answers, in microseconds.
    latency: Histogram<u64>,
}

/// A server process as its answers name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answerer {
    /// Its process id, if it says it.
    pub pid: Option<u32>,
    /// Its version, if it says it.
    pub version: Option<String>,
    /// When its first answer was whole.
    pub first: Instant,
    /// How many answers came from it.
    pub answers: u64,
}

/// A request that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedRequest {
    /// How.
    pub failure: Failure,
    /// When it was given up, since the load began.
    pub after: Duration,
    /// In which phase.
    pub phase: Phase,
}

impl Default for Figures {
    fn default() -> Self {
        // From a microsecond to a minute, three digits.
        let latency = Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are in order");
        Figures { ok: 0, failed: BTreeMap::new(), longest_gap: Duration::ZERO, latency }
    }
}

impl Tally {
    /// Good answers of both phases.
    pub fn ok(&self) -> u64 {
        self.swap.ok + self.between.ok
    }

    /// Failed requests of both phases.
    pub fn failed(&self) -> u64 {
        self.swap.failures() + self.between.failures()
    }

    /// Failed requests of both phases, by kind.
    pub fn failed_by_kind(&self) -> BTreeMap<Failure, u64> {
        let mut sum = self.swap.failed.clone();
        for (failure, count) in &self.between.failed {
            *sum.entry(*failure).or_default() += count;
        }
        sum
    }

    /// The p99 during swaps divided by the p99 between them; `None` where one has no requests.
    pub fn p99_ratio(&self) -> Option<f64> {
        let (swap, between) = (self.swap.percentile(99.0)?, self.between.percentile(99.0)?);
        Some(swap.as_secs_f64() / between.as_secs_f64())
    }

    /// The figures of one phase.
    pub(super) fn of(&mut self, phase: Phase) -> &mut Figures {
        match phase {
            Phase::Swap => &mut self.swap,
            Phase::Between => &mut self.between,
        }
    }

    /// Adds what another load saw at the same time.
    pub fn merge(&mut self, other: Tally) {
        self.swap.merge(other.swap);
        self.between.merge(other.between);
        self.answerers.extend(other.answerers);
        self.idle_closed += other.idle_closed;
        self.timeline = match (self.timeline.take(), other.timeline) {
            (Some(mut mine), Some(theirs)) => {
                mine.merge(theirs);
                Some(mine)
            }
            (mine, theirs) => mine.or(theirs),
        };
        self.first_failed = match (self.first_failed.take(), other.first_failed) {
            (Some(mine), Some(theirs)) => Some(if mine.after <= theirs.after { mine } else { theirs }),
            (mine, theirs) => mine.or(theirs),
        };
    }
}

impl Figures {
    /// How many requests failed.
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    /// The latency below which `percent` of the good answers lie; `None` without any.
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        (self.ok > 0).then(|| Duration::from_micros(self.latency.value_at_percentile(percent)))
    }

    pub(super) fn succeeded(&mut self, latency: Duration) {
        self.ok += 1;
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latency.saturating_record(micros.max(1));
    }

    pub(super) fn lost(&mut self, failure: Failure) {
        *self.failed.entry(failure).or_default() += 1;
    }

    fn merge(&mut self, other: Figures) {
        self.ok += other.ok;
        for (failure, count) in other.failed {
            *self.failed.entry(failure).or_default() += count;
        }
        self.longest_gap = self.longest_gap.max(other.longest_gap);
        self.latency.add(&other.latency).expect("both have the same bounds");
    }
}
