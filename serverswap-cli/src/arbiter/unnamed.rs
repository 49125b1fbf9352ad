//! A server of this directory whom no state file names: the file was unusable, or the directory
//! was deleted and made anew. It comes back by itself, and until then its listener is known only
//! by the open that fails.
//!
//! Claims wait for it, for as long as a known server may take to come back; nothing is taken from
//! its descriptors, since it may well be the server of another arbiter whose directory was
//! deleted, who would never be taken down.

use std::time::Duration;

use serverswap::protocol::Address;
use serverswap::protocol::message::Code;

use super::slot::Listener;
use super::{Arbiter, Turn};

impl Arbiter {
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
