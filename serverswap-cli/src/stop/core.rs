//! Who is asked to end, how often, and what is told of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serverswap::protocol::message::{self, EventKind, Timeouts};
use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;

use super::running::Deadlines;
use super::{Running, Selection, Stopped};
use crate::supervisor::{CutServers, GenerationSignal, REMIND_INTERVAL};
use crate::ui::{DrainStatus, EndingServer, Report, WaitingFor};

/// The deadlines of a generation that has given none: as those of a deploy.
const TIMEOUTS: Timeouts =
    Timeouts { drain_ms: 30_000, kill_ms: 5_000, probation_ms: 0, stream_ms: None, ready_ms: None };

/// Takedown, TERM, KILL.
const REQUESTS_MAX: u32 = 3;

/// What the command line gives in place of the deadlines of a generation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// From the takedown to TERM.
    pub(crate) drain: Option<Duration>,
    /// From TERM to KILL.
    pub(crate) kill: Option<Duration>,
}

/// Something for the driver to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StopAction {
    /// Take the generation down through the arbiter, with these deadlines.
    TakeDown { generation: Generation, timeouts: Timeouts, servers: BTreeSet<Process> },
    /// Ask its supervisor, for the first, second or third time.
    Ask { supervisor: Process, request: u32 },
    /// Signal everything of the generation.
    Signal { generation: Generation, signal: GenerationSignal },
    /// Tell the operator.
    Report(Report),
}

/// A stop that is under way.
#[derive(Debug)]
pub(crate) struct Stop {
    selection: Selection,
    limits: Limits,
    began: Duration,
    /// How often the operator has asked, the command itself included.
    requests: u32,
    asked: BTreeMap<Generation, Asked>,
    stopped: BTreeMap<Generation, StoppedGeneration>,
    /// The servers that drain or were signalled, with the connections that they have open as far as is known.
    ending: BTreeMap<u32, Option<u64>>,
    gone: BTreeSet<u32>,
    cut: CutServers,
    next: Option<Duration>,
    /// When the operator is told next what is waited for.
    remind_at: Duration,
}

/// How a generation was asked to end.
#[derive(Debug, Clone, Copy)]
struct Asked {
    way: Way,
    at: Duration,
    requests: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Supervisor(Process),
    Arbiter,
}

/// What was stopped of a generation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StoppedGeneration {
    pub(crate) supervisor: Option<u32>,
    pub(crate) servers: BTreeSet<u32>,
    pub(crate) addresses: BTreeSet<Address>,
}

impl Stop {
    pub(crate) fn new(selection: Selection, limits: Limits, now: Duration) -> Self {
        Stop {
            selection,
            limits,
            began: now,
            requests: 1,
            asked: BTreeMap::new(),
            stopped: BTreeMap::new(),
            ending: BTreeMap::new(),
            gone: BTreeSet::new(),
            cut: CutServers::default(),
            next: None,
            remind_at: now + REMIND_INTERVAL,
        }
    }

    /// What is to be done about what is recorded now; `None` if nothing of it is left. The record of a process that does not
    /// live any more is there until the arbiter knows what else runs of its generation.
    pub(crate) fn look(
        &mut self,
        running: &[Running],
        lives: impl Fn(Process) -> bool,
        now: Duration,
    ) -> Option<Vec<StopAction>> {
        let meant = self.selection.of_running(running);
        self.next = None;
        let (mut through_arbiter, mut others) = (Vec::new(), Vec::new());
        let to_be_asked =
            |one: &&Running| one.supervisor.is_some() || one.servers.iter().any(|server| lives(*server));
        for one in meant.iter().filter(to_be_asked) {
            for action in self.ask(one, &lives, now) {
                match &action {
                    // What a supervisor brings about is seen by an observer; what we bring about is waited for.
                    StopAction::TakeDown { .. } | StopAction::Report(_) => through_arbiter.push(action),
                    StopAction::Ask { .. } | StopAction::Signal { .. } => others.push(action),
                }
            }
        }
        through_arbiter.extend(others);
        if self.remind_at <= now {
            self.remind_at = now + REMIND_INTERVAL;
            through_arbiter.extend(self.waits_for(&meant, lives, now).map(StopAction::Report));
        }
        (!meant.is_empty()).then_some(through_arbiter)
    }

    /// When [`Self::look`] is to be called, if nothing happens before.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.next
    }

    /// The operator has asked again: the next step at once.
    pub(crate) fn hasten(&mut self) {
        self.requests = (self.requests + 1).min(REQUESTS_MAX);
    }

    /// The arbiter could not be asked to take the generation down.
    pub(crate) fn not_taken_down(&mut self, generation: Generation) {
        self.asked.remove(&generation);
    }

    /// Whether each of these drains, was signalled, or is gone.
    pub(crate) fn is_under_way(&self, servers: &BTreeSet<Process>) -> bool {
        servers.iter().all(|one| self.ending.contains_key(&one.pid) || self.gone.contains(&one.pid))
    }

    /// What an event of the arbiter is to the operator.
    pub(crate) fn on_event(&mut self, event: message::Event) -> Vec<Report> {
        let Some(pid) = event.pid.filter(|_| self.selection.contains(event.generation)) else {
            return Vec::new();
        };
        let mut reports: Vec<Report> = self.cut.note_cut(pid, event.cut).into_iter().collect();
        let remaining = event.remaining_ms.map(Duration::from_millis);
        match event.what {
            EventKind::Draining => {
                // Without time to drain, its TERM follows.
                if remaining != Some(Duration::ZERO) {
                    let is_first = self.ending.insert(pid, event.connections).is_none();
                    let status = DrainStatus::of(pid, event);
                    reports.push(if is_first {
                        Report::Draining(status)
                    } else {
                        Report::DrainProgress(status)
                    });
                }
            }
            EventKind::Terminated => {
                self.ending.insert(pid, event.connections);
                let kill_after = remaining.unwrap_or_default();
                let term = GenerationSignal::Term;
                reports.extend(self.cut.note_signal(pid, term, event.connections, kill_after));
            }
            EventKind::Killed => {
                self.ending.insert(pid, event.connections);
                let kill = GenerationSignal::Kill;
                reports.extend(self.cut.note_signal(pid, kill, event.connections, Duration::ZERO));
            }
            EventKind::Gone => {
                if self.gone.insert(pid) {
                    reports.push(Report::Gone { pid });
                }
            }
            EventKind::Claimed
            | EventKind::Granted
            | EventKind::Probation
            | EventKind::Serving
            | EventKind::Up
            | EventKind::Busy
            | EventKind::Vacant
            | EventKind::Replaced
            | EventKind::Superseded
            | EventKind::Failed
            | EventKind::Gap
            | EventKind::Close
            | EventKind::Done
            | EventKind::Other(_) => {}
        }
        reports
    }

    /// Nothing of it is left; `running` is what else runs.
    pub(crate) fn over(self, running: &[Running], now: Duration) -> Stopped {
        let later = self.selection.later(running).into_iter().cloned().collect();
        Stopped {
            generations: self.stopped,
            cut_short: self.cut.list(),
            later,
            duration: now.saturating_sub(self.began),
        }
    }

    /// For people: every process that has not ended.
    fn waits_for(&self, meant: &[Running], lives: impl Fn(Process) -> bool, now: Duration) -> Option<Report> {
        let mut servers = Vec::new();
        for one in meant {
            let living: Vec<u32> =
                one.servers.iter().filter(|server| lives(**server)).map(|server| server.pid).collect();
            let supervisor = one.supervisor.filter(|_| living.is_empty()).map(|supervisor| supervisor.pid);
            let pids = living.into_iter().chain(supervisor);
            servers.extend(pids.map(|pid| EndingServer {
                pid,
                generation: one.generation,
                connections: self.ending.get(&pid).copied().flatten(),
                signal: self.cut.signal(pid),
                remaining: self.remaining(one, pid, now),
            }));
        }
        (!servers.is_empty()).then_some(Report::StillWaiting(WaitingFor::Exit { servers }))
    }

    /// Until its next signal, if that is to be known: an answer that flows may move it.
    fn remaining(&self, one: &Running, pid: u32, now: Duration) -> Option<Duration> {
        let (timeouts, asked) = (self.timeouts(one), self.asked.get(&one.generation)?);
        let term_at = asked.at + Duration::from_millis(timeouts.drain_ms);
        let at = match self.cut.signal(pid) {
            None => Some(term_at),
            Some(GenerationSignal::Term) => Some(term_at + Duration::from_millis(timeouts.kill_ms)),
            Some(GenerationSignal::Kill) => None,
        };
        at?.checked_sub(now).filter(|left| !left.is_zero())
    }

    fn ask(&mut self, one: &Running, lives: impl Fn(Process) -> bool, now: Duration) -> Vec<StopAction> {
        let way = one.supervisor.map_or(Way::Arbiter, Way::Supervisor);
        let known = self.stopped.entry(one.generation).or_default();
        known.supervisor = known.supervisor.or(one.supervisor.map(|supervisor| supervisor.pid));
        known.servers.extend(one.servers.iter().map(|server| server.pid));
        known.addresses.extend(one.addresses.iter().cloned());
        let before = self.asked.get(&one.generation).copied().filter(|asked| asked.way == way);
        let mut asked = before.unwrap_or(Asked { way, at: now, requests: 0 });
        let due = self.requests + self.passed(one, asked, now);
        let mut actions = Vec::new();
        while asked.requests < due.min(REQUESTS_MAX) {
            asked.requests += 1;
            actions.extend(self.request(one, &lives, asked));
        }
        self.asked.insert(one.generation, asked);
        actions
    }

    fn request(&mut self, one: &Running, lives: impl Fn(Process) -> bool, asked: Asked) -> Vec<StopAction> {
        let signal = if asked.requests == 2 { GenerationSignal::Term } else { GenerationSignal::Kill };
        if asked.requests > 1 {
            // Also of one that is stopped (SIGSTOP), or for another reason has never said that it drains.
            for server in one.servers.iter().filter(|server| lives(**server)) {
                let connections = self.ending.get(&server.pid).copied().flatten();
                // Nothing is said of it now: the operator has asked for it.
                let _ = self.cut.note_signal(server.pid, signal, connections, Duration::ZERO);
            }
        }
        let timeouts = self.timeouts(one);
        let report = Report::StoppingServers {
            pids: one.servers.iter().map(|server| server.pid).collect(),
            addresses: one.addresses.iter().cloned().collect(),
            supervisor: one.supervisor.map(|supervisor| supervisor.pid),
            drain: Duration::from_millis(timeouts.drain_ms),
        };
        let report = (asked.requests == 1).then_some(StopAction::Report(report));
        let (generation, request) = (one.generation, asked.requests);
        let action = match (asked.way, request) {
            (Way::Supervisor(supervisor), _) => StopAction::Ask { supervisor, request },
            (Way::Arbiter, 1) => StopAction::TakeDown { generation, timeouts, servers: one.servers.clone() },
            (Way::Arbiter, _) => StopAction::Signal { generation, signal },
        };
        report.into_iter().chain([action]).collect()
    }

    /// How many of our deadlines for it are over.
    fn passed(&mut self, one: &Running, asked: Asked, now: Duration) -> u32 {
        let due = self.deadlines(one, asked);
        let passed = due.iter().filter(|at| **at <= now).count();
        self.next = due.into_iter().filter(|at| *at > now).chain(self.next).min();
        u32::try_from(passed).unwrap_or(REQUESTS_MAX)
    }

    /// When it is to be asked again. A supervisor and the arbiter have deadlines of their own, which a supervisor does not learn to
    /// be shorter.
    fn deadlines(&self, one: &Running, asked: Asked) -> Vec<Duration> {
        let timeouts = self.timeouts(one);
        let drain_ms = timeouts.drain_ms.max(timeouts.stream_ms.unwrap_or(0));
        let term_at = asked.at + Duration::from_millis(drain_ms);
        let kill_at = term_at + Duration::from_millis(timeouts.kill_ms);
        match (asked.way, one.keeper) {
            (Way::Supervisor(_), _) => {
                let own = one.timeouts.unwrap_or(TIMEOUTS);
                let term = (timeouts.drain_ms < own.drain_ms).then_some(term_at);
                let kill = (timeouts.kill_ms < own.kill_ms).then_some(kill_at);
                term.into_iter().chain(kill).collect()
            }
            (Way::Arbiter, Deadlines::Ours) => vec![term_at, kill_at],
            (Way::Arbiter, Deadlines::OfArbiter) => Vec::new(),
        }
    }

    fn timeouts(&self, one: &Running) -> Timeouts {
        let millis = |given: Option<Duration>, own: u64| {
            given.map_or(own, |given| u64::try_from(given.as_millis()).unwrap_or(own))
        };
        let own = one.timeouts.unwrap_or(TIMEOUTS);
        Timeouts {
            drain_ms: millis(self.limits.drain, own.drain_ms),
            // Who says how long it may take means everything.
            stream_ms: own.stream_ms.filter(|_| self.limits.drain.is_none()),
            kill_ms: millis(self.limits.kill, own.kill_ms),
            ..own
        }
    }
}
