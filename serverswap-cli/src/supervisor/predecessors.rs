//! What the supervisor knows of the servers of older generations that its own replaces.

use std::collections::{BTreeMap, BTreeSet};

use serverswap::protocol::Address;

/// Predecessors servers, by process id.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Predecessors {
    draining: BTreeMap<u32, BTreeSet<Option<Address>>>,
    seen: BTreeSet<u32>,
}

/// Whether a drain was told before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    First,
    Again,
}

impl Predecessors {
    /// It drains.
    pub(super) fn drains(&mut self, pid: u32, address: Option<Address>) -> Told {
        self.seen.insert(pid);
        if self.draining.entry(pid).or_default().insert(address) { Told::First } else { Told::Again }
    }

    /// It has exited. `Again` if nothing was known of it, or it was told before.
    pub(super) fn gone(&mut self, pid: u32) -> Told {
        let told = if self.draining.remove(&pid).is_some() { Told::First } else { Told::Again };
        if self.seen.insert(pid) { Told::First } else { told }
    }

    /// A new arbiter says it all again; who exited in between is not mentioned by it.
    pub(super) fn link_lost(&mut self) {
        self.draining.clear();
    }

    /// Whether none is known to drain.
    pub(super) fn is_empty(&self) -> bool {
        self.draining.is_empty()
    }

    /// All that were ever told.
    pub(super) fn replaced(&self) -> Vec<u32> {
        self.seen.iter().copied().collect()
    }
}
