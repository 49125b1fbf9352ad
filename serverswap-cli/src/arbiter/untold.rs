//! What a generation's supervisor could not be told, because it was not connected: that its
//! server was granted or served an address and is gone, or that a claim lost or failed.
//!
//! What an address *is* to a generation is a status, told anew on every connection; but for
//! that some server of the generation must still have to do with the address. So the last
//! thing it had is kept, said with the next `welcome`, and the status follows. It is written
//! down, because the supervisor may come back to a later arbiter. It decides nothing but how
//! a command explains its end.

use serverswap::protocol::message::{Event, EventKind, FromArbiter, Role};
use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;

use super::slot::Party;
use super::status::Status;
use super::{Arbiter, Link, Supervision, Turn};

/// Most events that are remembered, over all generations; the oldest are forgotten first.
const UNTOLD_MAX: usize = 256;

impl Arbiter {
    /// Remembers that a claim ended, unless a supervisor of the generation hears it now.
    pub(super) fn remember_untold(&mut self, generation: Generation, event: &Event, turn: &mut Turn) {
        let is_an_end = matches!(event.what, EventKind::Superseded | EventKind::Failed);
        if is_an_end && !self.hears(generation) {
            self.remember(event.clone(), turn);
        }
    }

    /// Remembers what a server had that is gone, or that says that it has it no more; nothing,
    /// if its supervisor has left.
    pub(super) fn remember_had(
        &mut self,
        address: &Address,
        process: Process,
        party: &Party,
        turn: &mut Turn,
    ) {
        let Some(status) = party.had() else {
            return;
        };
        let generation = party.generation;
        let supervision = self.generations.get(&generation).map(|progress| progress.supervision);
        let is_supervised = supervision.and_then(Supervision::process).is_some();
        if !is_supervised {
            return;
        }
        let event = Event { pid: Some(process.pid), ..Event::about(status.kind(), generation, address) };
        if !self.hears(generation) {
            self.remember(event, turn);
        } else if !self.slot(address).expected.is_empty() {
            self.tell_had(event, status, address, turn);
        }
    }

    /// What becomes of the address is not known before everybody is back: then the status
    /// follows, to whoever was told something of it.
    fn tell_had(&mut self, event: Event, status: Status, address: &Address, turn: &mut Turn) {
        for (link, peer) in &mut self.peers {
            let is_its_own = peer.role == Role::Supervisor && peer.generation == Some(event.generation);
            if is_its_own && peer.told.insert(address.clone(), status) != Some(status) {
                turn.send(*link, FromArbiter::Event(event.clone()));
            }
        }
    }

    fn hears(&self, generation: Generation) -> bool {
        let mut peers = self.peers.values();
        peers.any(|peer| peer.role == Role::Supervisor && peer.generation == Some(generation))
    }

    fn remember(&mut self, event: Event, turn: &mut Turn) {
        let excess = (self.untold.len() + 1).saturating_sub(UNTOLD_MAX);
        self.untold.drain(..excess);
        self.untold.push(event);
        turn.changed();
    }

    /// A supervisor is back.
    pub(super) fn tell_untold(&mut self, link: Link, generation: Generation, turn: &mut Turn) {
        let untold: Vec<Event> = self.untold.extract_if(.., |event| event.generation == generation).collect();
        for event in untold {
            if let (Some(status), Some(address)) = (Status::of(&event.what), &event.address) {
                turn.touched.insert(address.clone());
                if let Some(peer) = self.peers.get_mut(&link) {
                    peer.told.insert(address.clone(), status);
                }
            }
            turn.send(link, FromArbiter::Event(event));
            turn.changed();
        }
    }
}
