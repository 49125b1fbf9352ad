//! What the supervisor knows of the servers of older generations that its own replaces.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serverswap::protocol::{Address, Generation};

/// Older servers, by process id.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Predecessors {
    draining: BTreeMap<u32, Draining>,
    seen: BTreeSet<u32>,
}

/// One that drains, or was sent a signal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draining {
    pub(super) generation: Generation,
    pub(super) addresses: BTreeSet<Option<Address>>,
    /// How many connections it has open, as it reported last.
    pub(super) connections: Option<u64>,
    pub(super) deadlines: DrainDeadlines,
}

/// When a server that drains gets its signals, as far as the arbiter has reported that.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct DrainDeadlines {
    /// The end of the drain timeout.
    pub(super) term_at: Option<Duration>,
    /// The end of the kill timeout, once it was sent TERM.
    pub(super) kill_at: Option<Duration>,
}

/// Whether a report is the first of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    First,
    Again,
}

impl Predecessors {
    /// It drains; `reported` is of this moment.
    pub(super) fn drains(&mut self, pid: u32, reported: Draining) -> Seen {
        self.seen.insert(pid);
        let Some(known) = self.draining.get_mut(&pid) else {
            self.draining.insert(pid, reported);
            return Seen::First;
        };
        let before = known.addresses.len();
        known.addresses.extend(reported.addresses);
        known.connections = reported.connections.or(known.connections);
        known.deadlines.term_at = reported.deadlines.term_at;
        if known.addresses.len() > before { Seen::First } else { Seen::Again }
    }

    /// It was sent TERM.
    pub(super) fn is_killed_at(&mut self, pid: u32, kill_at: Duration) {
        if let Some(known) = self.draining.get_mut(&pid) {
            known.deadlines.kill_at = Some(kill_at);
        }
    }

    /// Those that have not exited.
    pub(super) fn draining(&self) -> impl Iterator<Item = (u32, &Draining)> {
        self.draining.iter().map(|(pid, draining)| (*pid, draining))
    }

    /// It has exited.
    pub(super) fn gone(&mut self, pid: u32) -> Seen {
        let first = if self.draining.remove(&pid).is_some() { Seen::First } else { Seen::Again };
        if self.seen.insert(pid) { Seen::First } else { first }
    }

    /// A new arbiter reports every drain again, and no server that has exited in between.
    pub(super) fn link_lost(&mut self) {
        self.draining.clear();
    }

    pub(super) fn none_drains(&self) -> bool {
        self.draining.is_empty()
    }

    /// All that the arbiter ever reported.
    pub(super) fn replaced(&self) -> Vec<u32> {
        self.seen.iter().copied().collect()
    }
}
