//! What a load saw over time, in steps of equal length. Pure.
//!
//! It is bounded, however long the load lasts: when there would be more than [`STEPS_MAX`] steps, each two become one.
//!
//! Rules:
//! - A time is one since the beginning of the timeline, and no earlier than that of the call before.
//! - An answer has a source: the process that it names, or else the step in which its connection was opened. Whoever knows when which
//!   generation served knows from which it came.

use std::collections::BTreeMap;
use std::time::Duration;

use super::failure::Failure;
use super::latency::Latency;

/// Most steps of a timeline.
pub const STEPS_MAX: usize = 600;

/// The length of its steps at first.
const STEP_MIN: Duration = Duration::from_millis(10);

/// From which server an answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The process that its header `Pid` names.
    Process(u32),
    /// It names none, and its connection was opened in this step.
    Opened(usize),
}

/// What happened within one step.
#[derive(Debug, Clone, Default)]
pub struct Step {
    /// Good answers.
    pub answers: BTreeMap<Source, u64>,
    /// Requests without one, when they were given up.
    pub failed: BTreeMap<Failure, u64>,
    /// Connections that were open at its end.
    pub open: BTreeMap<Source, u64>,
    /// Connections that were opened.
    pub opened: u64,
    /// Of its good answers.
    pub latency: Latency,
}

/// Everything that happened, step by step.
#[derive(Debug, Clone)]
pub struct Timeline {
    step: Duration,
    steps: Vec<Step>,
    sources: BTreeMap<Source, Latency>,
    /// When each process was first named.
    processes: BTreeMap<u32, Duration>,
    /// What is open now, by number.
    connections: Vec<Option<OpenConnection>>,
}

#[derive(Debug, Clone, Copy)]
struct OpenConnection {
    opened: Duration,
    process: Option<u32>,
}

impl Default for Timeline {
    fn default() -> Self {
        Timeline {
            step: STEP_MIN,
            steps: vec![Step::default()],
            sources: BTreeMap::new(),
            processes: BTreeMap::new(),
            connections: Vec::new(),
        }
    }
}

impl Timeline {
    /// How long one step is.
    pub fn step(&self) -> Duration {
        self.step
    }

    /// The steps, without a gap.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The latencies of all answers of each source.
    pub fn sources(&self) -> &BTreeMap<Source, Latency> {
        &self.sources
    }

    /// When a server surely served from which answers of this source came: when the process was first named, or when the step ended in
    /// which the connection was opened.
    pub fn served_at(&self, source: Source) -> Duration {
        match source {
            Source::Process(pid) => self.processes.get(&pid).copied().unwrap_or_default(),
            Source::Opened(step) => self.step * u32::try_from(step + 1).unwrap_or(u32::MAX),
        }
    }

    /// A connection is open; the number is its own until it is closed.
    pub fn opened(&mut self, at: Duration) -> usize {
        self.at(at).opened += 1;
        let new = Some(OpenConnection { opened: at, process: None });
        match self.connections.iter().position(Option::is_none) {
            Some(free) => {
                self.connections[free] = new;
                free
            }
            None => {
                self.connections.push(new);
                self.connections.len() - 1
            }
        }
    }

    /// The connection is closed.
    pub fn closed(&mut self, connection: usize) {
        self.connections[connection] = None;
    }

    /// A good answer, on a connection that is open.
    pub fn answered(&mut self, at: Duration, connection: usize, pid: Option<u32>, latency: Duration) {
        let step = self.at(at);
        step.latency.record(latency);
        let Some(connection) = self.connections[connection].as_mut() else { return };
        connection.process = pid;
        let source = source(*connection, self.step);
        if let Source::Process(pid) = source {
            self.processes.entry(pid).or_insert(at);
        }
        *self.last().answers.entry(source).or_default() += 1;
        self.sources.entry(source).or_default().record(latency);
    }

    /// A request that failed.
    pub fn lost(&mut self, at: Duration, failure: Failure) {
        *self.at(at).failed.entry(failure).or_default() += 1;
    }

    /// Nothing more happens until then.
    pub fn end(&mut self, at: Duration) {
        self.at(at);
        self.note_open();
    }

    /// Adds what another load saw that began at the same time.
    pub fn merge(&mut self, mut other: Timeline) {
        while self.step < other.step {
            self.halve();
        }
        while other.step < self.step {
            other.halve();
        }
        if self.steps.len() < other.steps.len() {
            self.steps.resize_with(other.steps.len(), Step::default);
        }
        for (mine, theirs) in self.steps.iter_mut().zip(&other.steps) {
            mine.add(theirs);
            add(&mut mine.open, &theirs.open);
        }
        for (source, latency) in &other.sources {
            self.sources.entry(*source).or_default().merge(latency);
        }
        for (pid, first) in other.processes {
            self.processes.entry(pid).and_modify(|known| *known = first.min(*known)).or_insert(first);
        }
    }

    /// The step at this time, which is the last one from now on.
    fn at(&mut self, at: Duration) -> &mut Step {
        let mut index = self.index(at);
        while index >= STEPS_MAX {
            self.halve();
            index = self.index(at);
        }
        while self.steps.len() <= index {
            self.note_open();
            self.steps.push(Step::default());
        }
        self.last()
    }

    fn index(&self, at: Duration) -> usize {
        usize::try_from(at.as_nanos() / self.step.as_nanos()).unwrap_or(usize::MAX)
    }

    fn last(&mut self) -> &mut Step {
        self.steps.last_mut().expect("there always is one")
    }

    fn note_open(&mut self) {
        let mut open = BTreeMap::new();
        for connection in self.connections.iter().flatten() {
            *open.entry(source(*connection, self.step)).or_default() += 1;
        }
        self.last().open = open;
    }

    /// Makes one step of each two.
    fn halve(&mut self) {
        self.step *= 2;
        let steps = std::mem::take(&mut self.steps);
        self.steps = steps.chunks(2).map(Step::of).collect();
        for (source, latency) in std::mem::take(&mut self.sources) {
            self.sources.entry(source.halved()).or_default().merge(&latency);
        }
    }
}

impl Step {
    /// What happened within one or two steps; open is what was open last.
    fn of(steps: &[Step]) -> Step {
        let mut sum = Step::default();
        for step in steps {
            sum.add(step);
            sum.open.clone_from(&step.open);
        }
        let halved = |counts: BTreeMap<Source, u64>| {
            let mut sum = BTreeMap::new();
            for (source, count) in counts {
                *sum.entry(source.halved()).or_default() += count;
            }
            sum
        };
        Step { answers: halved(sum.answers), open: halved(sum.open), ..sum }
    }

    fn add(&mut self, other: &Step) {
        add(&mut self.answers, &other.answers);
        add(&mut self.failed, &other.failed);
        self.opened += other.opened;
        self.latency.merge(&other.latency);
    }
}

impl Source {
    fn halved(self) -> Source {
        match self {
            Source::Process(pid) => Source::Process(pid),
            Source::Opened(step) => Source::Opened(step / 2),
        }
    }
}

fn source(connection: OpenConnection, step: Duration) -> Source {
    let opened = connection.opened.as_nanos() / step.as_nanos();
    connection.process.map_or(Source::Opened(usize::try_from(opened).unwrap_or(usize::MAX)), Source::Process)
}

fn add<K: Ord + Copy>(sum: &mut BTreeMap<K, u64>, more: &BTreeMap<K, u64>) {
    for (key, count) in more {
        *sum.entry(*key).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn answers(timeline: &Timeline) -> u64 {
        timeline.steps().iter().flat_map(|step| step.answers.values()).sum()
    }

    #[test]
    fn an_answer_belongs_to_the_process_that_it_names_or_to_when_its_connection_was_opened() {
        let mut timeline = Timeline::default();
        let (named, silent) = (timeline.opened(MS), timeline.opened(11 * MS));
        timeline.answered(25 * MS, named, Some(7), MS);
        timeline.answered(26 * MS, silent, None, MS);
        timeline.closed(named);
        timeline.end(31 * MS);
        let expected = BTreeMap::from([(Source::Process(7), 1), (Source::Opened(1), 1)]);
        assert_eq!(timeline.steps()[2].answers, expected);
        assert_eq!(timeline.steps()[3].open, BTreeMap::from([(Source::Opened(1), 1)]));
        assert_eq!(
            [Source::Process(7), Source::Opened(1)].map(|source| timeline.served_at(source)),
            [25 * MS, 20 * MS]
        );
    }

    #[test]
    fn a_long_load_has_longer_steps_and_loses_nothing() {
        let mut timeline = Timeline::default();
        let kept = timeline.opened(Duration::ZERO);
        for second in 0..7_200 {
            let at = Duration::from_secs(second);
            let new = timeline.opened(at);
            timeline.answered(at, new, None, 2 * MS);
            timeline.answered(at, kept, None, MS);
            timeline.closed(new);
            timeline.lost(at, Failure::Refused);
        }
        timeline.end(Duration::from_secs(7_200));
        assert!(timeline.steps().len() <= STEPS_MAX && timeline.sources().len() <= STEPS_MAX + 1);
        assert_eq!(timeline.step(), 10 * MS * 2_048);
        let failed: u64 = timeline.steps().iter().flat_map(|step| step.failed.values()).sum();
        let latencies: u64 = timeline.sources().values().map(Latency::count).sum();
        let opened: u64 = timeline.steps().iter().map(|step| step.opened).sum();
        assert_eq!((answers(&timeline), failed, latencies, opened), (14_400, 7_200, 14_400, 7_201));
        let of_kept = timeline.steps().iter().filter(|step| step.open.contains_key(&Source::Opened(0)));
        assert_eq!(of_kept.count(), timeline.steps().len());
    }

    #[test]
    fn two_loads_are_one_timeline_however_long_each_of_them_was() {
        let mut short = Timeline::default();
        let mut long = Timeline::default();
        for (timeline, seconds) in [(&mut short, 2), (&mut long, 20)] {
            for second in 0..seconds {
                let at = Duration::from_secs(second);
                let connection = timeline.opened(at);
                timeline.answered(at, connection, None, MS);
                timeline.closed(connection);
            }
        }
        short.merge(long);
        assert_eq!((answers(&short), short.step()), (22, 40 * MS));
        assert_eq!(short.steps()[25].answers, BTreeMap::from([(Source::Opened(25), 2)]));
    }

    #[test]
    fn a_silence_has_steps_in_which_nothing_was_answered() {
        let mut timeline = Timeline::default();
        timeline.lost(55 * MS, Failure::Timeout);
        assert_eq!(timeline.steps().len(), 6);
        assert_eq!(timeline.steps()[3].latency.percentile(50.0), None);
    }
}
