//! A server of this directory whom no state file names: the file was unusable, or the directory
//! was deleted and made anew. It comes back by itself.
//!
//! - *Inherit*: until then its listener is known only by the open that fails. Claims wait for it,
//!   for as long as a known server may take to come back; nothing is taken from its descriptors,
//!   since it may well be the server of another arbiter whose directory was deleted, who would
//!   never be taken down.
//! - *Bind*: a name has nothing that could be looked at. The driver has looked for every process
//!   that was started in this directory; an exclusive claim waits as long, and is refused then,
//!   while one lives that has not come back; that may well be a child of a server, which never
//!   will. An address that somebody is known to hold exclusively can have no other holder.

use std::collections::BTreeSet;
use std::time::Duration;

use serverswap::protocol::message::Code;
use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;

use super::slot::{Holders, Listener};
use super::{Arbiter, Turn};
use crate::state::UnrecordedRecord;

impl Arbiter {
    pub(super) fn unnamed_records(&self) -> Vec<UnrecordedRecord> {
        let record = |(process, generation): (&Process, &Generation)| UnrecordedRecord {
            process: *process,
            generation: *generation,
        };
        self.unnamed.iter().map(record).collect()
    }

    /// Somebody has come back, or has ended.
    pub(super) fn forget_unnamed(&mut self, process: Process, turn: &mut Turn) {
        if self.unnamed.remove(&process).is_some() {
            turn.changed();
            self.touch_uncertain(turn);
        }
    }

    /// The claims for which it may matter are decided again.
    pub(super) fn touch_uncertain(&self, turn: &mut Turn) {
        let is_uncertain = |holders| match holders {
            Holders::Unknown => true,
            Holders::Known => false,
        };
        let uncertain = self.slots.iter().filter(|(_, slot)| is_uncertain(slot.holders));
        turn.touched.extend(uncertain.map(|(address, _)| address.clone()));
    }

    pub(super) fn learn_of_holders(&mut self, address: &Address) {
        let slot = self.slot(address);
        if slot.holders == Holders::Unknown && slot.has_exclusive_holder() {
            self.slot_mut(address).holders = Holders::Known;
        }
    }

    /// Then the exclusive claim waits, or is refused.
    pub(super) fn may_be_held_by_unnamed(
        &mut self,
        address: &Address,
        claimant: Process,
        turn: &mut Turn,
    ) -> bool {
        let others: BTreeSet<Process> = self.unnamed.keys().copied().collect();
        let Some(other) = others.first().copied() else {
            return false;
        };
        match (self.slot(address).holders, self.recover_until) {
            (Holders::Known, _) => return false,
            (Holders::Unknown, Some(_)) => {
                self.tell_waiting(address, &BTreeSet::from([claimant]), &others, turn);
            }
            (Holders::Unknown, None) => {
                let message = format!(
                    "pid {} was started in this directory, is not connected to its arbiter, and no state says \
                     whether it holds `{address}`",
                    other.pid
                );
                self.refuse_claim(address, claimant, Code::AddressInUse, message, turn);
            }
        }
        true
    }

    pub(super) fn held_by_absent(&mut self, address: &Address, message: String, turn: &mut Turn) {
        let until = turn.now + self.limits.rejoin_wait;
        self.slot_mut(address).listener = Listener::Awaited { until, message };
    }

    /// When the next wait is over.
    pub(super) fn next_unreturned(&self) -> Option<Duration> {
        self.slots.values().filter_map(|slot| slot.listener.awaited_until()).min()
    }

    pub(super) fn give_up_unreturned(&mut self, turn: &mut Turn) {
        let due = |listener: &Listener| listener.awaited_until().is_some_and(|until| until <= turn.now);
        let over: Vec<Address> = self
            .slots
            .iter()
            .filter(|(_, slot)| due(&slot.listener))
            .map(|(address, _)| address.clone())
            .collect();
        for address in over {
            let listener = std::mem::take(&mut self.slot_mut(&address).listener);
            let Listener::Awaited { message, .. } = listener else {
                continue;
            };
            for process in self.slot(&address).processes(|party| party.claim().is_some()) {
                self.refuse_claim(&address, process, Code::AddressInUse, message.clone(), turn);
            }
            turn.touched.insert(address);
        }
    }
}

impl Listener {
    fn awaited_until(&self) -> Option<Duration> {
        match self {
            Listener::Awaited { until, .. } => Some(*until),
            Listener::Absent | Listener::Opening | Listener::Held => None,
        }
    }
}
