//! Who leaves: a connection that ends, a process that has ended (rule 4).

use std::sync::Arc;

use serverswap::protocol::Address;
use serverswap::protocol::message::Role;
use serverswap::sys::process::Process;

use super::parts::Supervision;
use super::{Arbiter, Link, Turn, slot};

impl Arbiter {
    /// The connection is over; what was granted on it stays granted (rule 4).
    pub(super) fn unlink(&mut self, link: Link, turn: &mut Turn) {
        let Some(peer) = self.peers.remove(&link) else {
            return;
        };
        match peer.role {
            Role::Server => {}
            Role::Supervisor | Role::Observer => return,
        }
        let Some(server) = self.servers.get_mut(&peer.process).filter(|server| server.link == Some(link))
        else {
            return;
        };
        server.link = None;
        server.unlinked = Some(turn.now);
        for address in self.addresses_of(peer.process) {
            let slot = self.slot_mut(&address);
            match slot.parties.get_mut(&peer.process).map(|party| &mut party.stage) {
                Some(slot::Stage::Claim(_)) => {
                    slot.parties.remove(&peer.process);
                }
                Some(slot::Stage::Taking(taking)) => taking.message = None,
                Some(
                    slot::Stage::Granted { .. }
                    | slot::Stage::Trial { .. }
                    | slot::Stage::Hold { .. }
                    | slot::Stage::Released { .. },
                )
                | None => {}
            }
            turn.touched.insert(address);
        }
    }

    fn parties_of(&self, process: Process) -> Vec<(Address, slot::Party)> {
        let parties = self
            .slots
            .iter()
            .filter_map(|(address, slot)| Some((address.clone(), slot.parties.get(&process)?.clone())));
        parties.collect()
    }

    pub(super) fn gone(&mut self, process: Process, turn: &mut Turn) {
        self.tell_gone(process, turn);
        self.forget_unnamed(process, turn);
        for (address, party) in self.parties_of(process) {
            self.remember_had(&address, process, &party, turn);
        }
        for (address, slot) in &mut self.slots {
            let involved = slot.parties.contains_key(&process)
                || slot.expected.contains_key(&process)
                || slot.owners.contains_key(&process)
                || slot.keepers.contains_key(&process);
            if !involved {
                continue;
            }
            let slot = Arc::make_mut(slot);
            slot.parties.remove(&process);
            slot.expected.remove(&process);
            slot.owners.remove(&process);
            slot.keepers.remove(&process);
            turn.touched.insert(address.clone());
            turn.changed();
        }
        if let Some(server) = self.servers.remove(&process) {
            self.remember_leftovers(process, &server, turn);
        }
        self.peers.retain(|_, peer| peer.process != process);
        self.newest.remove(&process);
        for progress in self.generations.values_mut() {
            if progress.supervision.process() == Some(process) {
                progress.supervision = Supervision::Alone;
                turn.changed();
            }
        }
    }
}
