//! What a generation's supervisor could not be told, because it was not connected: that a
//! claim lost or failed. It is told with its next `welcome`.
//!
//! Everything else is a status, which is told anew on every connection anyway. Not written
//! down: it decides nothing but how a command explains its end.

use serverswap::protocol::Generation;
use serverswap::protocol::message::{Event, EventKind, FromArbiter, Role};

use super::{Arbiter, Link, Turn};

/// Most events that are remembered, over all generations; the oldest are forgotten first.
const UNTOLD_MAX: usize = 256;

impl Arbiter {
    /// Remembers the event, unless a supervisor of the generation hears it now.
    pub(super) fn remember_untold(&mut self, generation: Generation, event: &Event) {
        let is_an_end = matches!(event.what, EventKind::Superseded | EventKind::Failed);
        let is_heard = self
            .peers
            .values()
            .any(|peer| peer.role == Role::Supervisor && peer.generation == Some(generation));
        if is_an_end && !is_heard {
            let excess = (self.untold.len() + 1).saturating_sub(UNTOLD_MAX);
            self.untold.drain(..excess);
            self.untold.push(event.clone());
        }
    }

    /// A supervisor is back.
    pub(super) fn tell_untold(&mut self, link: Link, generation: Generation, turn: &mut Turn) {
        for event in self.untold.extract_if(.., |event| event.generation == generation) {
            turn.send(link, FromArbiter::Event(event));
        }
    }
}
