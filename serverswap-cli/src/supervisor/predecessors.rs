//! What the supervisor knows of the servers of older generations that its own replaces.

use std::collections::{BTreeMap, BTreeSet};

use serverswap::protocol::Address;

/// Older servers, by process id.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Predecessors {
    draining: BTreeMap<u32, BTreeSet<Option<Address>>>,
    seen: BTreeSet<u32>,
}

/// Whether a report is the first of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    First,
    Again,
}

impl Predecessors {
    /// It drains.
    pub(super) fn drains(&mut self, pid: u32, address: Option<Address>) -> Seen {
        self.seen.insert(pid);
        if self.draining.entry(pid).or_default().insert(address) { Seen::First } else { Seen::Again }
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
