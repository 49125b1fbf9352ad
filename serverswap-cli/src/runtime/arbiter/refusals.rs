//! What the driver refuses by itself, for a reason that the core does not know.

use serverswap::protocol::Address;
use serverswap::protocol::message::{Code, Error, Event, EventKind, FromArbiter, ReadyFor};

use super::ArbiterRuntime;
use crate::arbiter::ConnectionId;

impl ArbiterRuntime {
    /// A claim is refused, and its supervisor told why.
    pub(super) fn refuse_claim(&mut self, link: ConnectionId, claim: &ReadyFor, code: Code, message: String) {
        self.refuse(link, Some(claim.id), code.clone(), message.clone());
        self.notify_supervisors(link, &claim.address, code, message);
    }

    pub(super) fn notify_supervisors(
        &mut self,
        link: ConnectionId,
        address: &Address,
        code: Code,
        message: String,
    ) {
        if let Some((generation, supervisors)) = self.core.supervisors_of_client(link) {
            let event = Event {
                code: Some(code),
                message: Some(message),
                ..Event::about(EventKind::Failed, generation, address)
            };
            for supervisor in supervisors {
                self.clients.send(supervisor, &FromArbiter::Event(event.clone()), None);
            }
        }
    }

    pub(super) fn refuse(&mut self, link: ConnectionId, re: Option<u64>, code: Code, message: String) {
        let refusal = Error { re, code, message, fatal: re.is_none() };
        self.clients.send(link, &FromArbiter::Error(refusal), None);
    }
}
