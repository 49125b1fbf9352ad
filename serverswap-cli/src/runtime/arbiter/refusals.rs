//! What the driver refuses by itself, for a reason that the core does not know.

use serverswap::protocol::message::{Code, Error, Event, EventKind, FromArbiter, ReadyFor};
use serverswap::protocol::{Address, Generation};

use super::ArbiterRuntime;
use crate::arbiter::ConnectionId;

impl ArbiterRuntime {
    /// A claim is refused, and its supervisor told why.
    pub(super) fn refuse_claim(&mut self, link: ConnectionId, claim: &ReadyFor, code: Code, message: String) {
        self.refuse(link, Some(claim.id), code.clone(), message.clone());
        self.notify_supervisors_of(self.core.generation_of_client(link), &claim.address, code, message);
    }

    pub(super) fn notify_supervisors_of(
        &mut self,
        generation: Option<Generation>,
        address: &Address,
        code: Code,
        message: String,
    ) {
        let Some(generation) = generation else { return };
        let event = Event {
            code: Some(code),
            message: Some(message),
            ..Event::about(EventKind::Failed, generation, address)
        };
        for supervisor in self.core.supervisors_of(generation) {
            self.clients.send(supervisor, &FromArbiter::Event(event.clone()), None);
        }
    }

    pub(super) fn refuse(&mut self, link: ConnectionId, re: Option<u64>, code: Code, message: String) {
        let refusal = Error { re, code, message, fatal: re.is_none() };
        self.clients.send(link, &FromArbiter::Error(refusal), None);
    }
}
