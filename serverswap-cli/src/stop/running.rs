//! What runs in a runtime directory, by its state: one value for each generation.

use std::collections::{BTreeMap, BTreeSet};

use serverswap::protocol::message::Timeouts;
use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;

use crate::state::{Snapshot, UnrecordedRecord};

/// A generation of which something runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    /// Which.
    pub(crate) generation: Generation,
    /// The process that started it, if it lives.
    pub(crate) supervisor: Option<Process>,
    /// Its servers, and what those have left.
    pub(crate) servers: BTreeSet<Process>,
    /// What they hold, drain or may have back.
    pub(crate) addresses: BTreeSet<Address>,
    /// Its deadlines, if they are known.
    pub(crate) timeouts: Option<Timeouts>,
    /// Who sees to its end when it is taken down.
    pub(crate) keeper: Deadlines,
}

/// Who keeps the deadlines of a generation without a supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deadlines {
    /// The arbiter, which has taken its servers down.
    OfArbiter,
    /// Nobody else.
    Ours,
}

/// Every generation of which a process `lives`, oldest first. `hidden` are processes that no state names, `listens` says where
/// a process listens of which no state says what it holds.
pub(crate) fn running(
    snapshot: &Snapshot,
    hidden: &[UnrecordedRecord],
    lives: impl Fn(Process) -> bool,
    listens: impl Fn(Process) -> Vec<Address>,
) -> Vec<Running> {
    let mut found = Found { snapshot, all: BTreeMap::new() };
    for (generation, record) in &snapshot.generations {
        if let Some(supervisor) = record.starter(*generation).filter(|process| lives(*process)) {
            found.of(*generation).supervisor = Some(supervisor);
        }
    }
    for (address, record) in &snapshot.addresses {
        let holders = record.holders.iter().map(|one| (one.process, one.generation));
        let draining = record.draining.iter().map(|one| (one.process, one.generation));
        let left = record.left.iter().map(|one| (one.process, one.generation));
        for (process, generation) in holders.chain(draining).chain(left) {
            if lives(process) {
                let running = found.of(generation);
                running.servers.insert(process);
                running.addresses.insert(address.clone());
            }
        }
        for drain in record.draining.iter().filter(|one| lives(one.process)) {
            found.of(drain.generation).keeper = Deadlines::OfArbiter;
        }
        for owner in record.supervisors.iter().filter(|one| one.owns && lives(one.process)) {
            if let Some(running) = found.all.get_mut(&owner.generation) {
                running.addresses.insert(address.clone());
            }
        }
    }
    // A server that does not come back to the arbiter is not asked by it.
    for record in snapshot.addresses.values() {
        let drains = |process: Process| record.draining.iter().any(|drain| drain.process == process);
        for holder in record.holders.iter().filter(|one| lives(one.process) && !drains(one.process)) {
            found.of(holder.generation).keeper = Deadlines::Ours;
        }
    }
    for UnrecordedRecord { process, generation } in snapshot.unrecorded.iter().chain(hidden) {
        if lives(*process) {
            let running = found.of(*generation);
            running.servers.insert(*process);
            running.addresses.extend(listens(*process));
        }
    }
    found.all.into_values().collect()
}

struct Found<'a> {
    snapshot: &'a Snapshot,
    all: BTreeMap<Generation, Running>,
}

impl Found<'_> {
    fn of(&mut self, generation: Generation) -> &mut Running {
        let timeouts = self.snapshot.generations.get(&generation).map(|record| record.timeouts);
        self.all.entry(generation).or_insert_with(|| Running {
            generation,
            supervisor: None,
            servers: BTreeSet::new(),
            addresses: BTreeSet::new(),
            timeouts,
            keeper: Deadlines::Ours,
        })
    }
}
