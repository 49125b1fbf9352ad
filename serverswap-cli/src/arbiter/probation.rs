//! `--probation`: a new server serves an inherited address beside the older one until it has
//! lived for a while.
//!
//! - It begins with `serving`, if an older server serves. Until it is over, nobody is taken
//!   down for the new server's sake, and its generation is not up.
//! - Whoever ends in it leaves the address to the older one, which was never touched.
//! - It is over when its time has come, or when no older server is left to go back to.

use std::time::Duration;

use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap::sys::process::Process;

use super::slot::{Expected, Party, Slot, Stage};
use super::{Arbiter, Turn};

impl Arbiter {
    /// What a server is that has just said `serving`.
    pub(super) fn begins_to_serve(
        &self,
        address: &Address,
        generation: Generation,
        socket: SocketMode,
        now: Duration,
    ) -> Stage {
        let probation = Duration::from_millis(self.timeouts(generation).probation_ms);
        let is_tried = socket == SocketMode::Inherit
            && !probation.is_zero()
            && self.slot(address).is_served_by_older(generation);
        if is_tried {
            Stage::Trial { since: now, until: now + probation }
        } else {
            Stage::Hold { socket, since: now }
        }
    }

    /// Who has lived long enough, or has nobody left behind it, holds from now on.
    pub(super) fn end_probations(&mut self, address: &Address, turn: &mut Turn) {
        let slot = self.slot(address);
        let is_over = |party: &Party| match party.stage {
            Stage::Trial { until, .. } => until <= turn.now || !slot.is_served_by_older(party.generation),
            Stage::Claim(_)
            | Stage::Granted { .. }
            | Stage::Hold { .. }
            | Stage::Taking(_)
            | Stage::Released { .. } => false,
        };
        for process in slot.processes(is_over) {
            self.passes(address, process, turn);
        }
    }

    fn passes(&mut self, address: &Address, process: Process, turn: &mut Turn) {
        let slot = self.slot_mut(address);
        let Some(party) = slot.parties.get_mut(&process) else {
            return;
        };
        let Stage::Trial { since, .. } = party.stage else {
            return;
        };
        party.stage = Stage::Hold { socket: SocketMode::Inherit, since };
        let generation = party.generation;
        self.takes_over(address, generation, turn);
    }

    /// A generation serves for good: no older one owns the address any more.
    pub(super) fn takes_over(&mut self, address: &Address, generation: Generation, turn: &mut Turn) {
        self.slot_mut(address).owners.retain(|_, owner| *owner >= generation);
        self.own(address, generation);
        turn.changed();
    }

    /// When the next probation is over.
    pub(super) fn next_probation(&self) -> Option<Duration> {
        let parties = self.slots.values().flat_map(|slot| slot.parties.values());
        parties.filter_map(Party::probation_until).min()
    }

    /// Has every address looked at whose probation is over.
    pub(super) fn touch_probations(&self, turn: &mut Turn) {
        let is_due = |slot: &Slot| {
            let mut ends = slot.parties.values().filter_map(Party::probation_until);
            ends.any(|until| until <= turn.now)
        };
        let due = self.slots.iter().filter(|(_, slot)| is_due(slot)).map(|(address, _)| address.clone());
        turn.touched.extend(due.collect::<Vec<_>>());
    }
}

impl Party {
    /// Whether it serves beside an older server.
    pub(super) fn is_on_probation(&self) -> bool {
        self.probation_until().is_some()
    }

    /// Until when it serves beside an older server, as time since boot.
    pub(super) fn probation_until(&self) -> Option<Duration> {
        match self.stage {
            Stage::Trial { until, .. } => Some(until),
            Stage::Claim(_)
            | Stage::Granted { .. }
            | Stage::Hold { .. }
            | Stage::Taking(_)
            | Stage::Released { .. } => None,
        }
    }
}

impl Slot {
    /// When the last probation of a generation is over.
    pub(super) fn probation_of(&self, generation: Generation) -> Option<Duration> {
        let own = self.parties.values().filter(|party| party.generation == generation);
        own.filter_map(Party::probation_until).max()
    }

    fn is_served_by_older(&self, generation: Generation) -> bool {
        let serves = |party: &Party| party.serves() || party.is_on_probation();
        let awaited = |expected: &Expected| match expected {
            Expected::Server { generation: older, serving, .. } => *serving && *older < generation,
            Expected::Supervisor { .. } => false,
        };
        self.parties.values().any(|party| party.generation < generation && serves(party))
            || self.expected.values().any(awaited)
    }
}
