//! What the servers of the deploy, the own one and those that it replaces, could not finish.

use std::collections::BTreeMap;
use std::time::Duration;

use super::GenerationSignal;
use crate::ui::{CutShort, Report};

/// By process id.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct CutServers {
    all: BTreeMap<u32, CutShort>,
}

/// Whether something was not known before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Newly,
    Already,
}

impl CutServers {
    /// A server has closed so many connections unfinished, all told; what is to be said if that is new.
    pub(crate) fn note_cut(&mut self, pid: u32, cut: Option<u64>) -> Option<Report> {
        let connections = cut.filter(|cut| *cut > 0)?;
        let is_new = self.has_cut(pid, connections) == Known::Newly;
        is_new.then_some(Report::ConnectionsCut { pid, connections })
    }

    /// A server was signalled, by whomever; `kill_after` is from TERM to KILL. What is to be said if that is new.
    pub(crate) fn note_signal(
        &mut self,
        pid: u32,
        signal: GenerationSignal,
        connections: Option<u64>,
        kill_after: Duration,
    ) -> Option<Report> {
        let is_new = self.was_sent(pid, signal, connections) == Known::Newly;
        is_new.then_some(match signal {
            GenerationSignal::Term => Report::Terminated { pid, kill_after, connections },
            GenerationSignal::Kill => Report::Killed { pid, connections },
        })
    }

    fn has_cut(&mut self, pid: u32, connections: u64) -> Known {
        let known = self.of(pid);
        if known.cut.unwrap_or_default() >= connections {
            return Known::Already;
        }
        known.cut = Some(connections);
        Known::Newly
    }

    /// It was sent a signal, with so many connections open. The arbiter and a supervisor may both send it.
    fn was_sent(&mut self, pid: u32, signal: GenerationSignal, connections: Option<u64>) -> Known {
        let known = self.of(pid);
        let is_first = known.signal.is_none();
        if known.signal >= Some(signal) {
            return Known::Already;
        }
        known.signal = Some(signal);
        if is_first || known.connections.is_none() {
            known.connections = connections;
        }
        Known::Newly
    }

    /// The last signal that a server was sent.
    pub(crate) fn signal(&self, pid: u32) -> Option<GenerationSignal> {
        self.all.get(&pid).and_then(|known| known.signal)
    }

    pub(crate) fn list(&self) -> Vec<CutShort> {
        let worth_telling = |one: &&CutShort| one.cut.is_some() || one.signal.is_some();
        self.all.values().filter(worth_telling).cloned().collect()
    }

    fn of(&mut self, pid: u32) -> &mut CutShort {
        self.all.entry(pid).or_insert(CutShort { pid, cut: None, signal: None, connections: None })
    }
}
