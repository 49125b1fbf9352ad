//! What happened when, put together from the timeline of a load and the lifecycles of its servers. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use serverswap_load::{Latency, Source, Step, Timeline};

use super::lifecycle::{Lifecycle, Micros};

/// The most columns: fewer than a load has steps, so that what is drawn is calm.
const COLUMNS_MAX: usize = 240;

/// A load and the swaps that it saw.
#[derive(Debug, Clone)]
pub struct Model {
    /// How long one column is.
    pub(super) step: Duration,
    /// How exactly it is known when a connection was opened.
    pub(super) precision: Duration,
    /// The columns, from the beginning of the load on.
    pub(super) columns: Vec<Column>,
    /// Whose answers they are.
    pub(super) series: Vec<Series>,
    /// The starts after the first one.
    pub(super) swaps: Vec<Swap>,
}

/// What happened within one step.
#[derive(Debug, Clone, Default)]
pub(super) struct Column {
    /// Good answers, by the index of their series.
    pub(super) answers: BTreeMap<usize, u64>,
    /// Connections that were open at its end, likewise.
    pub(super) open: BTreeMap<usize, u64>,
    /// Requests that failed.
    pub(super) failed: u64,
    /// Half of the answers came within this; `None` without any.
    pub(super) p50: Option<Duration>,
    /// Nearly all of them did.
    pub(super) p99: Option<Duration>,
}

/// Answers that belong together.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) by: ServedBy,
    pub(super) latency: Latency,
}

/// Who gave an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ServedBy {
    /// The generation of this number, counted from 1.
    Generation(u32),
    /// One of two that accepted connections at the same time, and do not say who they are.
    Either,
    /// Nobody knows: nothing was recorded.
    Unknown,
}

/// One start while another generation served.
#[derive(Debug, Clone)]
pub(super) struct Swap {
    /// Counted from 1.
    pub(super) number: u32,
    /// What was started.
    pub(super) new: Lifecycle,
    /// What it replaced, if it did.
    pub(super) old: Option<Lifecycle>,
}

impl Model {
    /// `generations` are in the order of their starts.
    pub fn new(timeline: &Timeline, generations: &[Lifecycle]) -> Model {
        let sources = timeline.steps().iter().flat_map(|step| step.answers.keys().chain(step.open.keys()));
        let by_source: BTreeMap<Source, ServedBy> =
            sources.map(|source| (*source, served_by(timeline, *source, generations))).collect();
        let mut latencies: BTreeMap<ServedBy, Latency> = BTreeMap::new();
        for (source, by) in &by_source {
            let latency = latencies.entry(*by).or_default();
            timeline.sources().get(source).into_iter().for_each(|more| latency.merge(more));
        }
        let series: Vec<Series> = latencies.into_iter().map(|(by, latency)| Series { by, latency }).collect();
        let index = |source: &Source| series.iter().position(|series| series.by == by_source[source]);
        let add = |sums: &mut BTreeMap<usize, u64>, counts: &BTreeMap<Source, u64>| {
            for (source, count) in counts {
                *sums.entry(index(source).expect("it is one of them")).or_default() += count;
            }
        };
        let in_one = timeline.steps().len().div_ceil(COLUMNS_MAX).max(1);
        let column = |steps: &[Step]| {
            let (mut column, mut latency) = (Column::default(), Latency::default());
            for step in steps {
                add(&mut column.answers, &step.answers);
                column.open.clear();
                add(&mut column.open, &step.open);
                column.failed += step.failed.values().sum::<u64>();
                latency.merge(&step.latency);
            }
            Column { p50: latency.percentile(50.0), p99: latency.percentile(99.0), ..column }
        };
        Model {
            step: timeline.step() * u32::try_from(in_one).unwrap_or(u32::MAX),
            precision: timeline.step(),
            columns: timeline.steps().chunks(in_one).map(column).collect(),
            swaps: swaps(generations),
            series,
        }
    }

    /// How long all columns are.
    pub(super) fn duration(&self) -> Duration {
        self.step * u32::try_from(self.columns.len()).unwrap_or(u32::MAX)
    }
}

impl Swap {
    /// Whether the new generation has served.
    pub(super) fn is_made(&self) -> bool {
        self.new.serving.is_some()
    }

    /// When it was over: the replaced server has ended, or the new one never served.
    pub(super) fn over(&self) -> Option<Micros> {
        match &self.old {
            Some(old) => old.ended.or(self.new.done).max(self.new.serving),
            None => self.new.serving.or(self.new.ended).or(Some(self.new.heard)),
        }
    }
}

/// A swap replaces the newest generation that served before it.
fn swaps(generations: &[Lifecycle]) -> Vec<Swap> {
    let swap = |index: usize| {
        let new = generations[index].clone();
        let before = generations[..index].iter().rev();
        let old = before.clone().find(|old| old.serving.is_some()).cloned();
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        Swap { number, old: old.filter(|_| new.serving.is_some()), new }
    };
    (1..generations.len()).map(swap).collect()
}

/// By the process that the answer names, or by who accepted connections when its own was opened.
fn served_by(timeline: &Timeline, source: Source, generations: &[Lifecycle]) -> ServedBy {
    let number = |index: usize| ServedBy::Generation(u32::try_from(index + 1).unwrap_or(u32::MAX));
    if let Source::Process(pid) = source
        && let Some(index) = generations.iter().position(|one| one.pids.contains(&pid))
    {
        return number(index);
    }
    let at = Micros::try_from(timeline.served_at(source).as_micros()).unwrap_or(Micros::MAX);
    let mut accepting = generations.iter().enumerate().filter(|(_, one)| one.accepts(at));
    match (accepting.next(), accepting.next()) {
        (Some((index, _)), None) => number(index),
        (Some(_), Some(_)) => ServedBy::Either,
        (None, _) => {
            let served = |one: &Lifecycle| one.serving.is_some_and(|since| since <= at);
            generations.iter().rposition(served).map_or(ServedBy::Unknown, number)
        }
    }
}
