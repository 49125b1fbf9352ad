//! What the history counts up to. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::SystemTime;

use serverswap::protocol::Generation;

use crate::history::{Record, What};

/// The upper bounds of the buckets, in milliseconds.
pub(super) const BUCKETS_MS: [u64; 10] = [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000];

/// The outcomes that are there from the beginning, with 0: what has never happened can be alerted upon, too.
const OUTCOMES: [&str; 4] = ["done", "failed", "rolled_back", "superseded"];

/// Counted from the oldest record on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// The time of the oldest record.
    pub(super) since: Option<SystemTime>,
    /// Deploys that are over, by their outcome.
    pub(super) deploys: BTreeMap<String, u64>,
    /// Deploys that have replaced a server.
    pub(super) swaps: u64,
    /// From the start of a server until it served, of the deploys that came so far.
    pub(super) serving: Histogram,
    pub(super) restarts: u64,
    pub(super) crashes: u64,
    pub(super) stops: u64,
    pub(super) arbiter_changes: u64,
    /// Connections that were closed unfinished.
    pub(super) cut: u64,
}

/// How many were how long.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Histogram {
    /// Of each bucket by itself; the last is that without a bound.
    counts: [u64; BUCKETS_MS.len() + 1],
    pub(super) sum_ms: u64,
}

impl Totals {
    pub(super) fn of(records: &[Record]) -> Totals {
        let since = records.first().and_then(|record| humantime::parse_rfc3339(&record.at).ok());
        let deploys = OUTCOMES.map(|outcome| (outcome.to_owned(), 0)).into();
        let mut totals = Totals { since, deploys, ..Totals::default() };
        let mut over: HashSet<(&str, Generation)> = HashSet::new();
        // Both the deploy that replaces a server and the supervisor of that server tell what it has cut.
        let mut cut: HashMap<(&str, u32), u64> = HashMap::new();
        for record in records {
            for one in &record.cut_short {
                let known = cut.entry((&record.boot, one.pid)).or_default();
                *known = one.connections_cut().max(*known);
            }
            match &record.what {
                What::Deploy => {
                    let of = record.generation.map(|generation| (record.boot.as_str(), generation));
                    if of.is_none_or(|of| over.insert(of)) {
                        totals.deploy(record);
                    }
                }
                What::Restart => totals.restarts += 1,
                What::Crash => totals.crashes += 1,
                What::Stop => totals.stops += 1,
                What::Arbiter => totals.arbiter_changes += 1,
                What::Start
                | What::Up
                | What::End
                | What::Delayed
                | What::Following
                | What::Event
                | What::Other(_) => {}
            }
        }
        totals.cut = cut.into_values().sum();
        totals
    }

    fn deploy(&mut self, record: &Record) {
        let outcome = record.outcome.clone().unwrap_or_else(|| "unknown".to_owned());
        *self.deploys.entry(outcome).or_default() += 1;
        self.swaps += u64::from(!record.replaced.is_empty());
        if let Some(millis) = record.serving_ms {
            self.serving.add(millis);
        }
    }
}

impl Histogram {
    fn add(&mut self, millis: u64) {
        let bucket = BUCKETS_MS.iter().position(|bound| millis <= *bound).unwrap_or(BUCKETS_MS.len());
        self.counts[bucket] += 1;
        self.sum_ms += millis;
    }

    /// How many were within each bound and, last, all of them.
    pub(super) fn cumulated(&self) -> impl Iterator<Item = (Option<u64>, u64)> {
        let bounds = BUCKETS_MS.iter().copied().map(Some).chain([None]);
        bounds.zip(&self.counts).scan(0, |sum, (bound, count)| {
            *sum += count;
            Some((bound, *sum))
        })
    }

    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::ui::CutShort;

    pub(super) fn record(second: u64, what: What) -> Record {
        Record::new(what, Path::new("/run/x"), "boot", SystemTime::UNIX_EPOCH + Duration::from_secs(second))
    }

    fn deploy(second: u64, start: u64, outcome: &str, replaced: &[u32]) -> Record {
        Record {
            generation: Some(Generation { start, pid: 7 }),
            outcome: Some(outcome.to_owned()),
            replaced: replaced.to_vec(),
            serving_ms: Some(700),
            ..record(second, What::Deploy)
        }
    }

    #[test]
    fn deploys_are_counted_by_their_outcome_each_once() {
        let records = [
            deploy(1, 1, "done", &[]),
            deploy(2, 2, "done", &[6]),
            deploy(2, 2, "done", &[6]),
            deploy(3, 3, "interrupted", &[]),
        ];
        let totals = Totals::of(&records);
        let expected =
            [("done", 2), ("failed", 0), ("interrupted", 1), ("rolled_back", 0), ("superseded", 0)];
        assert_eq!(totals.deploys, expected.map(|(outcome, count)| (outcome.to_owned(), count)).into());
        assert_eq!((totals.swaps, totals.serving.count(), totals.serving.sum_ms), (1, 3, 2_100));
        assert_eq!(totals.since, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1)));
    }

    #[test]
    fn what_a_server_has_cut_is_counted_once_whoever_tells_it() {
        let cut = |what| {
            let cut_short = vec![CutShort { pid: 6, cut: Some(3), signal: None, connections: None }];
            Record { cut_short, ..record(1, what) }
        };
        assert_eq!(Totals::of(&[cut(What::Deploy), cut(What::End)]).cut, 3);
    }

    #[test]
    fn a_histogram_cumulates() {
        let mut histogram = Histogram::default();
        [50, 51, 99_000].into_iter().for_each(|millis| histogram.add(millis));
        let cumulated: Vec<_> = histogram.cumulated().collect();
        assert_eq!((cumulated[0], cumulated[1], cumulated[10]), ((Some(50), 1), (Some(100), 2), (None, 3)));
    }

    #[test]
    fn of_no_history_everything_is_nothing() {
        let totals = Totals::of(&[]);
        assert_eq!((totals.since, totals.restarts, totals.serving.count()), (None, 0, 0));
    }
}
