//! Ending servers that were taken down: TERM at the drain deadline, KILL after it.
//!
//! - A server that handles takedown has its generation's `drain_ms`; one that does not gets
//!   TERM at once; one that cannot be reached gets it after a short wait for its return.
//! - A generation that serves, was granted or claims another address is never ended (rule 7).
//! - Deadlines are data: every turn looks at all of them, so none can be lost.

use std::collections::BTreeSet;
use std::time::Duration;

use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;

use super::slot::Expected;
use super::{Action, Arbiter, Server, Signal, Turn};

/// Longest extension of a drain that a server may ask for at a time.
const EXTEND_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The rest of a process group whose server has ended, of a generation that nobody supervises.
#[derive(Debug, Clone)]
pub(super) struct Leftover {
    process: Process,
    generation: Generation,
    term_at: Duration,
    term_sent: Option<Duration>,
}

impl Leftover {
    pub(super) fn generation(&self) -> Generation {
        self.generation
    }
}

impl Arbiter {
    /// Sets until when a server may drain, from its first takedown on.
    pub(super) fn begin_drain(&mut self, address: &Address, process: Process, turn: &mut Turn) {
        let rejoin_wait = self.limits.rejoin_wait;
        let Some(server) = self.servers.get(&process) else {
            return;
        };
        let until = match server.unreachable_since() {
            Some(since) => since + rejoin_wait,
            None if server.handlers.contains(address) => turn.now + self.drain_time(server.generation),
            None => turn.now,
        };
        self.drain_at_least_until(process, until, turn);
        self.tell_draining(address, process, turn);
    }

    /// A server that was taken down while it could not be reached is back.
    pub(super) fn resume_drain(&mut self, process: Process, turn: &mut Turn) {
        if let Some(server) = self.servers.get(&process) {
            let until = turn.now + self.drain_time(server.generation);
            self.drain_at_least_until(process, until, turn);
        }
    }

    pub(super) fn extend_drain(&mut self, process: Process, extend: Duration, turn: &mut Turn) {
        if self.servers.get(&process).is_some_and(|server| server.drain_until.is_some()) {
            self.drain_at_least_until(process, turn.now + extend.min(EXTEND_MAX), turn);
        }
    }

    /// A server that will not let go by itself has no time left.
    pub(super) fn end_now(&mut self, process: Process, turn: &mut Turn) {
        if let Some(server) = self.servers.get_mut(&process) {
            server.drain_until = Some(turn.now);
            turn.changed();
        }
    }

    fn drain_at_least_until(&mut self, process: Process, until: Duration, turn: &mut Turn) {
        if let Some(server) = self.servers.get_mut(&process) {
            server.drain_until = server.drain_until.max(Some(until));
            turn.changed();
        }
    }

    /// What is left of the group of a server that was taken down and has ended.
    pub(super) fn remember_leftovers(&mut self, process: Process, server: &Server, turn: &Turn) {
        let Some(term_at) = server.drain_until else {
            return;
        };
        let generation = server.generation;
        let supervised = self
            .generations
            .get(&generation)
            .is_some_and(|progress| progress.supervision.process().is_some());
        let has_siblings = self.servers.values().any(|other| other.generation == generation);
        if !supervised && !has_siblings {
            self.leftovers.push(Leftover {
                process,
                generation,
                term_at: term_at.max(turn.now),
                term_sent: None,
            });
        }
    }

    pub(super) fn end_overdue(&mut self, turn: &mut Turn) {
        self.end_servers(turn);
        self.end_leftovers(turn);
    }

    fn end_servers(&mut self, turn: &mut Turn) {
        let due: Vec<(Process, Generation, Signal)> = self
            .ending()
            .filter(|(_, _, at, _)| *at <= turn.now)
            .map(|(process, generation, _, signal)| (process, generation, signal))
            .collect();
        for (process, generation, signal) in due {
            let Some(server) = self.servers.get_mut(&process) else {
                continue;
            };
            match signal {
                Signal::Term => server.term_sent = Some(turn.now),
                Signal::Kill => server.kill_sent = Some(turn.now),
            }
            turn.actions.push(Action::Signal { process, generation, signal });
        }
    }

    fn end_leftovers(&mut self, turn: &mut Turn) {
        let now = turn.now;
        let mut kept = Vec::new();
        for mut leftover in std::mem::take(&mut self.leftovers) {
            let Leftover { process, generation, term_at, term_sent } = leftover;
            match term_sent {
                None if term_at <= now => {
                    turn.actions.push(Action::Signal { process, generation, signal: Signal::Term });
                    leftover.term_sent = Some(now);
                    kept.push(leftover);
                }
                Some(sent) if sent + self.kill_time(generation) <= now => {
                    turn.actions.push(Action::Signal { process, generation, signal: Signal::Kill });
                }
                None | Some(_) => kept.push(leftover),
            }
        }
        self.leftovers = kept;
    }

    /// When the next signal is due.
    pub(super) fn next_end(&self) -> Option<Duration> {
        let leftovers = self.leftovers.iter().map(|leftover| match leftover.term_sent {
            None => leftover.term_at,
            Some(sent) => sent + self.kill_time(leftover.generation),
        });
        self.ending().map(|(_, _, at, _)| at).chain(leftovers).min()
    }

    /// Every server that is to be signalled, when, and how.
    fn ending(&self) -> impl Iterator<Item = (Process, Generation, Duration, Signal)> {
        let taken_down = self.servers.iter().any(|(_, server)| server.drain_until.is_some());
        let active = if taken_down { self.active_generations() } else { BTreeSet::new() };
        self.servers.iter().filter(move |(_, server)| !active.contains(&server.generation)).filter_map(
            |(process, server)| {
                let (at, signal) = self.next_signal(server)?;
                Some((*process, server.generation, at, signal))
            },
        )
    }

    fn next_signal(&self, server: &Server) -> Option<(Duration, Signal)> {
        let drain_until = server.drain_until?;
        match (server.term_sent, server.kill_sent) {
            (None, _) => Some((drain_until, Signal::Term)),
            (Some(sent), None) => Some((sent + self.kill_time(server.generation), Signal::Kill)),
            (Some(_), Some(_)) => None,
        }
    }

    /// The generations that claim, were granted or serve something, or are said to by the state file.
    fn active_generations(&self) -> BTreeSet<Generation> {
        let parties = self.slots.values().flat_map(|slot| slot.parties.values());
        let active = parties.filter(|party| party.is_active()).map(|party| party.generation);
        let expected = self.slots.values().flat_map(|slot| slot.expected.values());
        let awaited = expected.filter(|expected| matches!(expected, Expected::Server { .. }));
        active.chain(awaited.map(Expected::generation)).collect()
    }

    fn drain_time(&self, generation: Generation) -> Duration {
        Duration::from_millis(self.timeouts(generation).drain_ms)
    }

    fn kill_time(&self, generation: Generation) -> Duration {
        Duration::from_millis(self.timeouts(generation).kill_ms)
    }
}
