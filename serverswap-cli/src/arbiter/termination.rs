//! Ending servers that were taken down: TERM at the drain deadline, KILL after it (R9).
//!
//! - To find the processes of a generation takes its time on a busy machine, so the kill timeout begins when TERM
//!   was sent, and not when that was decided.
//! - A server that handles takedown has its generation's `drain_ms`, also one that is not connected: it may be
//!   busy, and be sent its takedown when it is back. One that does not handle it gets TERM at once; one that
//!   has no listener to serve on gets it after a short wait for its return.
//! - A server for which a stand-in speaks gets its stop signal instead of a takedown, then has its `drain_ms`, and KILL
//!   after that.
//! - A generation that serves, was granted or claims another address is never ended (R7).
//! - Deadlines are data, found anew whenever something changes that they depend on: none can be lost.

use std::time::Duration;

use serverswap::protocol::message::{Event, EventKind};
use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;

use super::collections::{Map, Set};
use super::server::{ServerConnection, Termination};
use super::{Arbiter, ArbiterAction, TerminationSignal, Turn};

/// Longest extension of a drain that a server may ask for at a time.
const EXTEND_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// When each server is to be signalled.
#[derive(Debug, Clone, Default)]
pub(super) struct SignalSchedule {
    of: Map<Process, Duration>,
    ordered: Set<(Duration, Process)>,
}

impl SignalSchedule {
    pub(super) fn set(&mut self, process: Process, at: Option<Duration>) {
        if let Some(before) = self.of.get(&process).copied() {
            self.of.remove_mut(&process);
            self.ordered.remove_mut(&(before, process));
        }
        if let Some(at) = at {
            self.of.insert_mut(process, at);
            self.ordered.insert_mut((at, process));
        }
    }

    pub(super) fn next(&self) -> Option<Duration> {
        self.ordered.first().map(|(at, _)| *at)
    }

    fn due(&self, now: Duration) -> Vec<Process> {
        self.ordered.iter().take_while(|(at, _)| *at <= now).map(|(_, process)| *process).collect()
    }
}

impl Arbiter {
    /// Sets until when a server may drain, from its first takedown on.
    pub(super) fn begin_drain(&mut self, address: &Address, process: Process, turn: &mut Turn) {
        let Some(server) = self.servers.get(process) else {
            return;
        };
        let state = self.address(address);
        let drained = turn.now + self.drain_time(server.generation);
        let until = match server.connection {
            _ if server.stand_in().is_some() => server.drain_until().unwrap_or(drained),
            _ if state.has_released(process) => drained,
            _ if !server.handlers.contains(address) => turn.now,
            ServerConnection::Away { since } if state.is_grant_unread(process) => {
                since + self.limits.rejoin_wait
            }
            ServerConnection::Away { .. } | ServerConnection::Open(_) => drained,
        };
        self.drain_at_least_until(Some(address), process, until, turn);
        self.notify_draining(address, process, turn);
    }

    /// A server that was taken down while it could not be reached is back.
    pub(super) fn resume_drain(&mut self, address: &Address, process: Process, turn: &mut Turn) {
        if let Some(server) = self.servers.get(process).filter(|one| one.handlers.contains(address)) {
            let until = turn.now + self.drain_time(server.generation);
            self.drain_at_least_until(Some(address), process, until, turn);
        }
    }

    pub(super) fn extend_drain(
        &mut self,
        address: Option<&Address>,
        process: Process,
        extend: Duration,
        turn: &mut Turn,
    ) {
        if self.servers.get(process).is_some_and(|server| server.drain_until().is_some()) {
            self.drain_at_least_until(address, process, turn.now + extend.min(EXTEND_MAX), turn);
        }
    }

    /// A server that will not release an address by itself has no time left.
    pub(super) fn end_now(&mut self, process: Process, turn: &mut Turn) {
        let addresses = self.index.addresses_of(process);
        self.set_drain(process, turn.now, turn);
        turn.changes.addresses.extend(addresses);
    }

    /// The next arbiter takes the latest moment that the state gives for a server, so it is enough to record
    /// it at one address.
    fn drain_at_least_until(
        &mut self,
        address: Option<&Address>,
        process: Process,
        until: Duration,
        turn: &mut Turn,
    ) {
        let is_later = self.servers.get(process).is_some_and(|server| server.drain_until() < Some(until));
        if is_later {
            self.set_drain(process, until, turn);
            let first = || self.index.addresses_of(process).into_iter().next();
            turn.changes.addresses.extend(address.cloned().or_else(first));
        }
    }

    pub(super) fn set_drain(&mut self, process: Process, until: Duration, turn: &mut Turn) {
        if let Some(server) = self.servers.get_mut(process) {
            server.set_drain_until(until);
            turn.generations.insert(server.generation);
        }
    }

    /// When each server of a generation is to be signalled: never, while the generation is active (R7).
    pub(super) fn settle_deadlines(&mut self, generation: Generation) {
        let is_active = self.index.is_active(generation);
        let kill_time = self.kill_time(generation);
        for process in self.servers.of_generation(generation).collect::<Vec<_>>() {
            let server = self.servers.get(process).filter(|_| !is_active);
            let next = server.and_then(|server| server.termination.next_signal(kill_time));
            self.signals.set(process, next.map(|(at, _)| at));
        }
    }

    pub(super) fn send_due_signals(&mut self, turn: &mut Turn) {
        for process in self.signals.due(turn.now) {
            let Some(server) = self.servers.get(process) else {
                continue;
            };
            let generation = server.generation;
            let kill_time = self.kill_time(generation);
            let Some((_, signal)) = server.termination.next_signal(kill_time) else {
                continue;
            };
            let termination = server.termination.after(signal);
            self.signals.set(process, None);
            if let Some(server) = self.servers.get_mut(process) {
                server.termination = termination;
            }
            let addresses = self.index.addresses_of(process);
            turn.actions.push(ArbiterAction::Signal { process, generation, signal, addresses });
        }
    }

    /// The processes of a generation were signalled.
    pub(super) fn signal_sent(&mut self, generation: Generation, signal: TerminationSignal, turn: &mut Turn) {
        match signal {
            TerminationSignal::Kill => return,
            TerminationSignal::Term => self.abandoned_is_terminated(generation, turn.now),
            TerminationSignal::Stop(_) => {}
        }
        for process in self.servers.of_generation(generation).collect::<Vec<_>>() {
            let drained = turn.now + self.drain_time(generation);
            let Some(server) = self.servers.get_mut(process) else {
                continue;
            };
            match (signal, server.termination) {
                (TerminationSignal::Term, Termination::Terminating { until }) => {
                    server.termination = Termination::Terminated { until, at: turn.now };
                }
                (TerminationSignal::Stop(_), Termination::BeingStopped { until }) => {
                    server.termination = Termination::Stopped { until: until.max(drained) };
                    self.stopped(process, turn);
                }
                (TerminationSignal::Term | TerminationSignal::Stop(_) | TerminationSignal::Kill, _) => {}
            }
        }
        turn.generations.insert(generation);
    }

    /// The drain of a server with a stand-in has begun: the next arbiter is not to ask it again.
    fn stopped(&mut self, process: Process, turn: &mut Turn) {
        for address in self.index.addresses_of(process) {
            self.notify_draining(&address, process, turn);
            turn.changes.addresses.insert(address);
        }
    }

    /// To everybody whom the end of the server concerns: what is open when it is signalled. What it reports
    /// itself may be a little old, and the kernel's count may have missed processes that it forked.
    pub(super) fn notify_signalled(
        &self,
        process: Process,
        signal: TerminationSignal,
        connections: Option<u64>,
        turn: &mut Turn,
    ) {
        let Some(server) = self.servers.get(process) else {
            return;
        };
        let generation = server.generation;
        let counted = connections.filter(|counted| *counted > 0);
        let (what, remaining_ms) = match signal {
            TerminationSignal::Term => (EventKind::Terminated, Some(self.timeouts(generation).kill_ms)),
            TerminationSignal::Kill => (EventKind::Killed, None),
            // It is how its takedown begins, of which they are told.
            TerminationSignal::Stop(_) => return,
        };
        let event = Event {
            pid: Some(process.pid),
            connections: counted.or(server.connections).or(connections),
            remaining_ms,
            ..Event::new(what, generation)
        };
        self.notify(&event, self.generations_at_addresses_of(process), turn);
    }

    fn drain_time(&self, generation: Generation) -> Duration {
        Duration::from_millis(self.timeouts(generation).drain_ms)
    }

    pub(super) fn kill_time(&self, generation: Generation) -> Duration {
        Duration::from_millis(self.timeouts(generation).kill_ms)
    }
}

impl Termination {
    fn next_signal(self, kill_time: Duration) -> Option<(Duration, TerminationSignal)> {
        match self {
            Termination::None
            | Termination::Terminating { .. }
            | Termination::BeingStopped { .. }
            | Termination::Killed { .. } => None,
            Termination::Draining { until } => Some((until, TerminationSignal::Term)),
            Termination::Terminated { at, .. } => Some((at + kill_time, TerminationSignal::Kill)),
            Termination::ToBeStopped { signal, .. } => {
                Some((Duration::ZERO, TerminationSignal::Stop(signal)))
            }
            Termination::Stopped { until } => Some((until, TerminationSignal::Kill)),
        }
    }

    fn after(self, signal: TerminationSignal) -> Termination {
        match self {
            Termination::None => Termination::None,
            Termination::Draining { until }
            | Termination::Terminating { until }
            | Termination::Terminated { until, .. }
            | Termination::ToBeStopped { until, .. }
            | Termination::BeingStopped { until }
            | Termination::Stopped { until }
            | Termination::Killed { until } => match signal {
                TerminationSignal::Term => Termination::Terminating { until },
                TerminationSignal::Stop(_) => Termination::BeingStopped { until },
                TerminationSignal::Kill => Termination::Killed { until },
            },
        }
    }
}
