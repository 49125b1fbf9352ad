//! What is to be known about an address that a server binds itself, before the core takes a message about it in.

use serverswap::protocol::message::{Code, FromClient, Released, Serving};
use serverswap::protocol::{Address, SocketMode};
use serverswap::sys::listener::{self, OpenError, SocketOwner};
use serverswap::sys::process;

use super::ArbiterRuntime;
use crate::arbiter::{ArbiterEvent, ConnectionId};

impl ArbiterRuntime {
    /// The event that the core takes in; `None` where it waits for an answer of the kernel's, or is answered here.
    pub(super) fn checked(&mut self, event: ArbiterEvent) -> Option<ArbiterEvent> {
        let ArbiterEvent::Received { link, message, .. } = &event else {
            return Some(event);
        };
        let (link, process) = (*link, self.clients.process_of(*link)?);
        if let FromClient::ReadyFor(claim) = message
            && claim.socket == SocketMode::Bind
            && self.core.is_free(&claim.address)
            && process::shares_network(process.pid)
            && listener::is_in_use(&claim.address)
        {
            self.bound.look_for_owner(link, claim.clone());
            return None;
        }
        if let FromClient::ReadyFor(claim) = message
            && self.core.stand_in_of(process).is_some_and(|stand_in| stand_in.adopted)
            && let Some((code, message)) = self.objection_to_adoption(process, &claim.address)
        {
            self.refuse_claim(link, claim, code, message);
            return None;
        }
        if let FromClient::Serving(Serving { address, .. }) = message
            && self.core.is_to_bind(process, address)
            && let Some(generation) = self.core.generation_of_client(link)
        {
            self.bound.wait_until_listening(link, process, generation, address.clone());
            return None;
        }
        if let FromClient::Released(Released { re, address }) = message {
            self.bound.forget(link, address);
            if re.is_none()
                && let Some(claim) = self.bound.take_claim(link, address)
            {
                let message = format!("the server withdrew its claim on `{address}`");
                self.refuse_claim(link, &claim, Code::Withdrawn, message);
                return None;
            }
        }
        Some(event)
    }

    /// The claim goes on where the process belongs to this directory: the core knows what to do.
    pub(super) fn claim_looked_into(
        &mut self,
        link: ConnectionId,
        address: &Address,
        owner: Option<SocketOwner>,
    ) -> Option<ArbiterEvent> {
        let claim = self.bound.take_claim(link, address)?;
        let process = self.clients.process_of(link)?;
        if owner.as_ref().is_some_and(|owner| self.started_here(owner).is_some()) {
            let (message, liveness) = (FromClient::ReadyFor(claim), self.processes.liveness(process));
            return Some(ArbiterEvent::Received { link, message, liveness });
        }
        let error = OpenError::InUse { address: address.clone(), owner };
        self.refuse_claim(link, &claim, error.code(), error.to_string());
        None
    }

    pub(super) fn serves(&mut self, link: ConnectionId, address: Address) -> Option<ArbiterEvent> {
        self.bound.forget(link, &address);
        let liveness = self.processes.liveness(self.clients.process_of(link)?);
        let serving = Serving { address, fds: Vec::new() };
        Some(ArbiterEvent::Received { link, message: FromClient::Serving(serving), liveness })
    }

    pub(super) fn report_not_listening(
        &mut self,
        link: ConnectionId,
        address: &Address,
        owner: Option<SocketOwner>,
    ) {
        if let Some(process) = self.clients.process_of(link) {
            let held = owner.map(|owner| format!(": {owner} does")).unwrap_or_default();
            let message =
                format!("pid {} sent `serving` for `{address}` and does not listen there{held}", process.pid);
            self.notify_supervisors_of(
                self.core.generation_of_client(link),
                address,
                Code::NotListening,
                message,
            );
        }
    }
}
