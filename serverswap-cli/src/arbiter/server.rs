//! What the arbiter knows of server processes, apart from their addresses.

use std::time::Duration;

use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;

use super::ConnectionId;
use super::collections::{Map, Set, insert_into, remove_from};
use crate::state::StandInRecord;

/// A server process, for as long as it lives.
#[derive(Debug, Clone)]
pub(super) struct ServerRecord {
    pub(super) generation: Generation,
    pub(super) kind: ServerKind,
    pub(super) speaker: Speaker,
    pub(super) connection: ServerConnection,
    /// The addresses whose takedown it handles.
    pub(super) handlers: Set<Address>,
    /// The takedowns that were sent on the present connection, by `id`.
    pub(super) takedowns: Map<u64, Address>,
    pub(super) termination: Termination,
    /// How many connections it has open, as it says itself.
    pub(super) connections: Option<u64>,
    /// How many it has closed unfinished, as it says itself.
    pub(super) cut: Option<u64>,
    /// When the number of open ones was last recorded in the state.
    pub(super) connections_recorded: Option<Duration>,
}

/// Whether a process that is followed is a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServerKind {
    /// It has sent `hello`, or is recorded as one that has.
    Server,
    /// It remains of a generation whose servers have ended.
    Helper,
}

/// Who speaks for a server, and so how it is taken down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// It does: by `takedown`.
    Itself,
    /// Its supervisor: by a signal.
    StandIn(StandInRecord),
}

impl Speaker {
    pub(super) fn of(stand_in: Option<StandInRecord>) -> Speaker {
        stand_in.map_or(Speaker::Itself, Speaker::StandIn)
    }
}

/// Whether a server can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ServerConnection {
    Open(ConnectionId),
    /// It ended, or the server is named by the state file and not back yet.
    Away {
        since: Duration,
    },
}

/// How far the end of a server is that was taken down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Termination {
    /// It was taken down nowhere.
    None,
    /// It may drain until then.
    Draining { until: Duration },
    /// It is being sent TERM.
    Terminating { until: Duration },
    /// It got TERM.
    Terminated { until: Duration, at: Duration },
    /// It is to get its stop signal as soon as its generation is active nowhere.
    ToBeStopped { signal: u32, until: Duration },
    /// It is being sent its stop signal.
    BeingStopped { until: Duration },
    /// It got its stop signal, and may drain until then.
    Stopped { until: Duration },
    /// It got KILL.
    Killed { until: Duration },
}

impl ServerRecord {
    pub(super) fn new(generation: Generation, connection: ServerConnection) -> Self {
        ServerRecord {
            generation,
            kind: ServerKind::Server,
            speaker: Speaker::Itself,
            connection,
            handlers: Set::new_sync(),
            takedowns: Map::new_sync(),
            termination: Termination::None,
            connections: None,
            cut: None,
            connections_recorded: None,
        }
    }

    pub(super) fn link(&self) -> Option<ConnectionId> {
        match self.connection {
            ServerConnection::Open(link) => Some(link),
            ServerConnection::Away { .. } => None,
        }
    }

    /// Until when it may drain; set by its first takedown, moved by later ones.
    pub(super) fn drain_until(&self) -> Option<Duration> {
        self.termination.drain_until()
    }

    /// It is to end, and may drain until then.
    pub(super) fn set_drain_until(&mut self, until: Duration) {
        self.termination = match (self.termination, self.speaker) {
            (Termination::None, Speaker::StandIn(StandInRecord { stop_signal, .. })) => {
                Termination::ToBeStopped { signal: stop_signal, until }
            }
            (termination, Speaker::Itself | Speaker::StandIn(_)) => termination.with_drain_until(until),
        };
    }

    pub(super) fn stand_in(&self) -> Option<StandInRecord> {
        match self.speaker {
            Speaker::Itself => None,
            Speaker::StandIn(record) => Some(record),
        }
    }
}

impl Termination {
    pub(super) fn drain_until(self) -> Option<Duration> {
        match self {
            Termination::None => None,
            Termination::Draining { until }
            | Termination::Terminating { until }
            | Termination::Terminated { until, .. }
            | Termination::ToBeStopped { until, .. }
            | Termination::BeingStopped { until }
            | Termination::Stopped { until }
            | Termination::Killed { until } => Some(until),
        }
    }

    fn with_drain_until(self, until: Duration) -> Termination {
        match self {
            Termination::None | Termination::Draining { .. } => Termination::Draining { until },
            Termination::Terminating { .. } => Termination::Terminating { until },
            Termination::Terminated { at, .. } => Termination::Terminated { until, at },
            Termination::ToBeStopped { signal, .. } => Termination::ToBeStopped { signal, until },
            Termination::BeingStopped { .. } => Termination::BeingStopped { until },
            Termination::Stopped { .. } => Termination::Stopped { until },
            Termination::Killed { .. } => Termination::Killed { until },
        }
    }

    /// Of what remains of a generation whose last server was to end; `until` is when its drain is over.
    pub(super) fn of_remains(self, until: Duration) -> Termination {
        match self {
            Termination::ToBeStopped { .. } => self,
            Termination::BeingStopped { until } | Termination::Stopped { until } => {
                Termination::Stopped { until }
            }
            Termination::None
            | Termination::Draining { .. }
            | Termination::Terminating { .. }
            | Termination::Terminated { .. }
            | Termination::Killed { .. } => Termination::Draining { until },
        }
    }
}

/// Every server that lives.
#[derive(Debug, Clone, Default)]
pub(super) struct Servers {
    all: Map<Process, ServerRecord>,
    of_generation: Map<Generation, Set<Process>>,
}

impl Servers {
    pub(super) fn get(&self, process: Process) -> Option<&ServerRecord> {
        self.all.get(&process)
    }

    pub(super) fn get_mut(&mut self, process: Process) -> Option<&mut ServerRecord> {
        self.all.get_mut(&process)
    }

    pub(super) fn insert(&mut self, process: Process, server: ServerRecord) {
        insert_into(&mut self.of_generation, server.generation, process);
        self.all.insert_mut(process, server);
    }

    pub(super) fn remove(&mut self, process: Process) -> Option<ServerRecord> {
        let server = self.all.get(&process)?.clone();
        self.all.remove_mut(&process);
        remove_from(&mut self.of_generation, &server.generation, &process);
        Some(server)
    }

    pub(super) fn of_generation(&self, generation: Generation) -> impl Iterator<Item = Process> {
        self.of_generation.get(&generation).into_iter().flat_map(|servers| servers.iter().copied())
    }
}
