//! What follows from all addresses together. It is kept up to date from the differences of each turn, so
//! that a turn costs what it changes and not what there is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serverswap::protocol::{Address, Generation, Reach};
use serverswap::sys::process::Process;

use super::address::AddressState;
use super::collections::{Map, Set, insert_into, remove_from};

/// Over all addresses.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Index {
    /// Where a server or supervisor is named.
    addresses_of: Map<Process, Set<Address>>,
    tallies: Map<Generation, Tally>,
    /// Where somebody is expected whom the state file names.
    recovering: Set<Address>,
    /// Where a claim waits.
    claimed: Set<Address>,
    deadlines: Set<(Duration, Address)>,
    /// The addresses that somebody has or claims, by what they take of the ports.
    in_use: Map<Reach, Set<Address>>,
}

/// A generation, over all addresses where it is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) addresses: Set<Address>,
    /// Servers that serve, those on probation not counted.
    pub(super) serving: usize,
    /// Claimed, granted and not serving, or on probation.
    pub(super) pending: usize,
    /// Servers of older generations that have not exited.
    pub(super) older: usize,
    /// Claimed, granted or serving, also by the state file.
    pub(super) active: usize,
}

/// What one address adds to the tally of a generation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Share {
    serving: usize,
    pending: usize,
    older: usize,
    active: usize,
}

/// It follows from the addresses, so it is no part of what distinguishes two arbiters.
impl fmt::Debug for Index {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Index")
    }
}

impl Index {
    /// Whether a process is named at an address.
    pub(super) fn has(&self, process: Process, address: &Address) -> bool {
        self.addresses_of.get(&process).is_some_and(|addresses| addresses.contains(address))
    }

    /// The addresses at which a process is named.
    pub(super) fn addresses_of(&self, process: Process) -> Vec<Address> {
        let addresses = self.addresses_of.get(&process);
        addresses.into_iter().flat_map(|addresses| addresses.iter().cloned()).collect()
    }

    pub(super) fn count_of(&self, process: Process) -> usize {
        self.addresses_of.get(&process).map_or(0, Set::size)
    }

    /// `None` for a generation that is named nowhere.
    pub(super) fn tally(&self, generation: Generation) -> Option<&Tally> {
        self.tallies.get(&generation)
    }

    /// The addresses at which a generation is named.
    pub(super) fn addresses_of_generation(&self, generation: Generation) -> Vec<Address> {
        let tally = self.tallies.get(&generation);
        tally.into_iter().flat_map(|tally| tally.addresses.iter().cloned()).collect()
    }

    pub(super) fn is_active(&self, generation: Generation) -> bool {
        self.tallies.get(&generation).is_some_and(|tally| tally.active > 0)
    }

    pub(super) fn is_recovering(&self) -> bool {
        !self.recovering.is_empty()
    }

    pub(super) fn recovering(&self) -> impl Iterator<Item = &Address> {
        self.recovering.iter()
    }

    pub(super) fn claimed(&self) -> impl Iterator<Item = &Address> {
        self.claimed.iter()
    }

    pub(super) fn is_at_rest(&self) -> bool {
        self.claimed.is_empty() && self.tallies.values().all(|tally| tally.pending == 0 && tally.older == 0)
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    pub(super) fn due(&self, now: Duration) -> impl Iterator<Item = &Address> {
        self.deadlines.iter().take_while(move |(at, _)| *at <= now).map(|(_, address)| address)
    }

    /// The addresses in use that overlap this one.
    pub(super) fn overlapping(&self, address: &Address) -> impl Iterator<Item = &Address> {
        let ranges = address.reach().map(Reach::neighbours).into_iter().flatten();
        let neighbours = ranges.flat_map(|range| self.in_use.range(range)).flat_map(|(_, set)| set.iter());
        neighbours.filter(move |other| other.overlaps(address))
    }

    /// Takes in that one address is `after` and was `before`; returns the generations whose tally changed.
    pub(super) fn replace(
        &mut self,
        address: &Address,
        before: &AddressState,
        after: &AddressState,
    ) -> BTreeSet<Generation> {
        let (old, new) = (processes(before), processes(after));
        for process in old.difference(&new) {
            remove_from(&mut self.addresses_of, process, address);
        }
        for process in new.difference(&old) {
            insert_into(&mut self.addresses_of, *process, address.clone());
        }
        keep(&mut self.recovering, address, !after.expected.is_empty());
        keep(&mut self.claimed, address, after.newest_claim().is_some());
        if let Some(reach) = address.reach() {
            match (before.occupant(), after.occupant()) {
                (None, Some(_)) => insert_into(&mut self.in_use, reach, address.clone()),
                (Some(_), None) => remove_from(&mut self.in_use, &reach, address),
                (None, None) | (Some(_), Some(_)) => {}
            }
        }
        if before.deadline() != after.deadline() {
            if let Some(at) = before.deadline() {
                self.deadlines.remove_mut(&(at, address.clone()));
            }
            if let Some(at) = after.deadline() {
                self.deadlines.insert_mut((at, address.clone()));
            }
        }
        self.replace_shares(address, &shares(before), &shares(after))
    }

    fn replace_shares(
        &mut self,
        address: &Address,
        before: &BTreeMap<Generation, Share>,
        after: &BTreeMap<Generation, Share>,
    ) -> BTreeSet<Generation> {
        let all: BTreeSet<Generation> = before.keys().chain(after.keys()).copied().collect();
        let changed = all.into_iter().filter(|generation| before.get(generation) != after.get(generation));
        let changed: BTreeSet<Generation> = changed.collect();
        for generation in &changed {
            let mut tally = self.tallies.get(generation).cloned().unwrap_or_else(Tally::new);
            let (old, new) = (before.get(generation), after.get(generation));
            match (old, new) {
                (None, Some(_)) => tally.addresses.insert_mut(address.clone()),
                (Some(_), None) => {
                    tally.addresses.remove_mut(address);
                }
                (Some(_), Some(_)) | (None, None) => {}
            }
            let (old, new) = (old.copied().unwrap_or_default(), new.copied().unwrap_or_default());
            tally.serving = tally.serving + new.serving - old.serving;
            tally.pending = tally.pending + new.pending - old.pending;
            tally.older = tally.older + new.older - old.older;
            tally.active = tally.active + new.active - old.active;
            if tally.addresses.is_empty() {
                self.tallies.remove_mut(generation);
            } else {
                self.tallies.insert_mut(*generation, tally);
            }
        }
        changed
    }
}

impl Tally {
    fn new() -> Self {
        Tally { addresses: Set::new_sync(), serving: 0, pending: 0, older: 0, active: 0 }
    }
}

fn keep(addresses: &mut Set<Address>, address: &Address, is_in: bool) {
    if is_in && !addresses.contains(address) {
        addresses.insert_mut(address.clone());
    } else if !is_in {
        addresses.remove_mut(address);
    }
}

fn processes(state: &AddressState) -> BTreeSet<Process> {
    let servers = state.participants.keys().chain(state.expected.keys());
    let supervisors = state.owners.keys().chain(state.keepers.keys()).chain(state.notified.keys());
    servers.chain(state.left.keys()).chain(supervisors).copied().collect()
}

fn shares(state: &AddressState) -> BTreeMap<Generation, Share> {
    let mut shares: BTreeMap<Generation, Share> = BTreeMap::new();
    let mut servers: BTreeMap<Generation, usize> = BTreeMap::new();
    for generation in state.generations_of_servers() {
        *servers.entry(generation).or_default() += 1;
    }
    for participant in state.participants.values() {
        let older: usize = servers.range(..participant.generation).map(|(_, count)| count).sum();
        let share = shares.entry(participant.generation).or_default();
        let is_pending =
            participant.is_granted() || participant.is_on_probation() || participant.claim().is_some();
        share.serving += usize::from(participant.serves());
        share.pending += usize::from(is_pending);
        share.older += older;
        share.active += usize::from(participant.is_active());
    }
    for expected in state.expected.values() {
        shares.entry(expected.generation).or_default().active += usize::from(expected.is_active());
    }
    for left in state.left.values() {
        shares.entry(left.generation).or_default().active += 1;
    }
    let supervisors = state.owners.values().copied();
    for generation in supervisors.chain(state.keepers.values().map(|keeper| keeper.generation)) {
        shares.entry(generation).or_default();
    }
    shares
}

#[cfg(test)]
impl super::Arbiter {
    /// # Panics
    /// When the index is not what follows from the addresses.
    pub(super) fn check_index(&self) {
        let mut index = Index::default();
        for (address, state) in self.addresses.iter() {
            index.replace(address, &AddressState::default(), state);
        }
        assert!(index == self.index, "the index is not what follows from {:?}", self.addresses);
    }
}
