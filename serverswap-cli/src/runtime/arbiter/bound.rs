//! What is to be known about an address that a server binds itself, before the core takes a message about it in.

use serverswap::protocol::message::{Code, FromClient, ReadyFor, Released, Serving};
use serverswap::protocol::{Address, SocketMode};
use serverswap::sys::listener::{self, SocketOwner};
use serverswap::sys::process;

use super::super::listener_store::OwnListener;
use super::ArbiterRuntime;
use crate::arbiter::{ArbiterEvent, ConnectionId};

impl ArbiterRuntime {
    /// The event that the core takes in; `None` where it waits for an answer of the kernel's, or is answered here.
    pub(super) fn checked(&mut self, mut event: ArbiterEvent) -> Option<ArbiterEvent> {
        if let ArbiterEvent::Received { message: FromClient::ReadyFor(claim), .. } = &mut event {
            self.consider_stored(claim);
        }
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

    /// Where a service manager has the listener for this process, a server that would open one itself is given that; who
    /// binds an address exclusively does not find it in the way.
    fn consider_stored(&self, claim: &mut ReadyFor) {
        match claim.socket {
            SocketMode::Inherit if claim.provide => {
                claim.provide = self.stored(&claim.address).is_none();
                self.make_way_for(&claim.address, OwnListener::Used);
            }
            SocketMode::Bind if self.core.is_free(&claim.address) => {
                self.make_way_for(&claim.address, OwnListener::GivenUp);
            }
            SocketMode::Inherit | SocketMode::Bind => {}
        }
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
        let (code, message) = self.refusal_of_in_use(address, owner);
        self.refuse_claim(link, &claim, code, message);
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
