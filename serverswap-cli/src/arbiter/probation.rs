//! `--probation`: a new server serves an inherited address beside the older one until it has
//! lived for a while.
//!
//! - It begins with `serving`, if an older server serves. Until it is over, nobody is taken
//!   down for the new server's sake, and its generation is not up.
//! - Whoever ends in it leaves the address to the older one, which was never touched. So does
//!   whoever says `fail`: it is taken down at once, also if nobody supervises it any more.
//! - It is over when its time has come and its pidfd, polled at that moment, says that it
//!   lives; or when no older server is left to go back to.

use std::time::Duration;

use serverswap::protocol::message::TakedownReason;
use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap::sys::process::Process;

use super::slot::{Expected, Party, Served, Slot, Stage, Taking};
use super::{Action, Arbiter, Liveness, Turn};

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
            Stage::Trial { since: now, until: now + probation, liveness: Liveness::Alive }
        } else {
            Stage::Hold { socket, since: now }
        }
    }

    /// Who has lived long enough, or has nobody left behind it, holds from now on.
    pub(super) fn end_probations(&mut self, address: &Address, turn: &mut Turn) {
        let slot = self.slot(address);
        let is_alone = |party: &Party| !slot.is_served_by_older(party.generation);
        for process in slot.processes(|party| party.is_on_probation() && is_alone(party)) {
            self.passes(address, process, turn);
        }
        let is_due = |party: &Party| party.probation_due().is_some_and(|due| due <= turn.now);
        for process in self.slot(address).processes(is_due) {
            turn.actions.push(Action::Poll { process, address: address.clone() });
        }
    }

    /// Whoever is dead leaves the address to the older one, when its end is read.
    pub(super) fn polled(
        &mut self,
        process: Process,
        address: &Address,
        liveness: Liveness,
        turn: &mut Turn,
    ) {
        match liveness {
            Liveness::Alive => {
                self.passes(address, process, turn);
                turn.touched.insert(address.clone());
            }
            Liveness::Dead => {
                let party = self.slot_mut(address).parties.get_mut(&process);
                if let Some(Stage::Trial { liveness, .. }) = party.map(|party| &mut party.stage) {
                    *liveness = Liveness::Dead;
                }
            }
        }
    }

    /// It lets go of what an older server goes on serving.
    pub(super) fn give_up_probation(&mut self, address: &Address, process: Process, turn: &mut Turn) {
        let slot = self.slot(address);
        let is_tried = |party: &Party| party.is_on_probation() && slot.is_served_by_older(party.generation);
        if slot.parties.get(&process).is_some_and(is_tried) {
            self.take_down_holder(address, process, TakedownReason::Stopping, turn);
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

    /// When the next probation is over; nothing is decided, and nothing due, while somebody is
    /// awaited.
    pub(super) fn next_probation(&self) -> Option<Duration> {
        let decided = self.slots.values().filter(|slot| slot.expected.is_empty());
        decided.flat_map(|slot| slot.parties.values()).filter_map(Party::probation_due).min()
    }

    /// Has every address looked at whose probation is over.
    pub(super) fn touch_probations(&self, turn: &mut Turn) {
        let is_due = |slot: &Slot| {
            let mut ends = slot.parties.values().filter_map(Party::probation_due);
            ends.any(|due| due <= turn.now)
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

    /// The same, or it did so when it was told to let go, and has not.
    pub(super) fn serves_on_probation(&self) -> bool {
        match self.stage {
            Stage::Trial { .. } | Stage::Taking(Taking { served: Served::OnProbation { .. }, .. }) => true,
            Stage::Taking(Taking { served: Served::Not | Served::ForGood, .. })
            | Stage::Claim(_)
            | Stage::Granted { .. }
            | Stage::Hold { .. }
            | Stage::Released { .. } => false,
        }
    }

    /// When its probation is to be ended, as time since boot.
    fn probation_due(&self) -> Option<Duration> {
        match self.stage {
            Stage::Trial { until, liveness: Liveness::Alive, .. } => Some(until),
            Stage::Trial { liveness: Liveness::Dead, .. }
            | Stage::Claim(_)
            | Stage::Granted { .. }
            | Stage::Hold { .. }
            | Stage::Taking(_)
            | Stage::Released { .. } => None,
        }
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

    /// Whether a server older than the generation serves, or the state file says so of one that
    /// is not back yet.
    pub(super) fn is_served_by_older(&self, generation: Generation) -> bool {
        let serves = |party: &Party| party.serves() || party.is_on_probation();
        let awaited = |expected: &Expected| match expected {
            Expected::Server { generation: older, serving, .. } => *serving && *older < generation,
            Expected::Supervisor { .. } => false,
        };
        self.parties.values().any(|party| party.generation < generation && serves(party))
            || self.expected.values().any(awaited)
    }
}
