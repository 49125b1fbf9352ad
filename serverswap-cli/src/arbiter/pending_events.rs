//! Events for a generation's supervisor that was not connected: that its server was granted or served an
//! address and is gone, or that a claim lost or failed.
//!
//! What an address *is* to a generation is a status, sent anew on every connection; but for that some
//! server of the generation must still participate. So the last thing it had is kept and sent with the next
//! `welcome`, and the status follows. It is recorded, because the supervisor may come back to a later
//! arbiter. It decides nothing but how a command explains its end.

use std::sync::Arc;

use serverswap::protocol::message::{Event, EventKind, FromArbiter};
use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;

use super::address::state::{GenerationStatus, Participant};
use super::{Arbiter, Changed, ConnectionId, Turn};

/// Most events that are kept, over all generations; the oldest are dropped first.
const PENDING_MAX: usize = 256;

impl Arbiter {
    /// Keeps the end of a claim, unless a supervisor of the generation is sent it now.
    pub(super) fn remember_end_of_claim(&mut self, generation: Generation, event: &Event, turn: &mut Turn) {
        let is_an_end = matches!(event.what, EventKind::Superseded | EventKind::Failed);
        if is_an_end && !self.peers.is_supervised(generation) {
            self.remember(event.clone(), turn);
        }
    }

    /// Keeps what a server had that is gone, or that does not list it any more; nothing, if its supervisor
    /// has left.
    pub(super) fn remember_had(
        &mut self,
        address: &Address,
        process: Process,
        participant: &Participant,
        turn: &mut Turn,
    ) {
        let Some(status) = participant.had() else {
            return;
        };
        let generation = participant.generation;
        if self.generation(generation).supervisor.process().is_none() {
            return;
        }
        let event = Event { pid: Some(process.pid), ..Event::about(status.kind(), generation, address) };
        if !self.peers.is_supervised(generation) {
            self.remember(event, turn);
        } else if !self.address(address).expected.is_empty() {
            self.send_had(event, status, address, turn);
        }
    }

    /// What becomes of the address is not known before everybody is back: then the status follows, to
    /// whoever was notified of the address.
    fn send_had(&mut self, event: Event, status: GenerationStatus, address: &Address, turn: &mut Turn) {
        for link in self.peers.supervisors_of(event.generation).collect::<Vec<_>>() {
            let Some(supervisor) = self.peers.get(link).map(|peer| peer.process) else {
                continue;
            };
            let before = self.edit(address, turn, |state| state.notified.insert(supervisor, status));
            if before != Some(status) {
                turn.send(link, FromArbiter::Event(event.clone()));
            }
        }
    }

    pub(super) fn remember(&mut self, event: Event, turn: &mut Turn) {
        let pending = Arc::make_mut(&mut self.pending_events);
        let excess = (pending.len() + 1).saturating_sub(PENDING_MAX);
        pending.drain(..excess);
        pending.push(event);
        turn.changes.pending_events = Changed::State;
    }

    /// A supervisor is back.
    pub(super) fn send_pending_events(
        &mut self,
        link: ConnectionId,
        supervisor: Process,
        generation: Generation,
        turn: &mut Turn,
    ) {
        if !self.pending_events.iter().any(|event| event.generation == generation) {
            return;
        }
        let pending = Arc::make_mut(&mut self.pending_events);
        let own: Vec<Event> = pending.extract_if(.., |event| event.generation == generation).collect();
        turn.changes.pending_events = Changed::State;
        for event in own {
            if let (Some(status), Some(address)) = (GenerationStatus::of(&event.what), &event.address) {
                self.edit(address, turn, |state| state.notified.insert(supervisor, status));
                turn.touched.insert(address.clone());
            }
            turn.send(link, FromArbiter::Event(event));
        }
    }
}
