//! Claims: asked, asked again, granted, refused, and given up after too long a wait.

use std::fmt::Debug;
use std::time::Duration;

use serverswap_protocol::Address;
use serverswap_protocol::message::{Code, FromClient, Progress, ReadyFor, Released};

use super::Session;
use super::action::SessionAction;
use super::event::{Refusal, ServerEvent};
use super::link::Link;
use super::server_addresses::{ClaimMode, Claiming, Granted, ServerAddress};

impl<L: Clone + Debug> Session<L> {
    /// Sends a claim, if there is a link. Without one, it is sent after the next `hello`.
    pub(super) fn ask(&mut self, address: &Address) {
        let Some(numbers) = self.link.numbers() else { return };
        let ServerAddress::Claiming(claiming) = self.role.addresses.of(address) else { return };
        let id = numbers.next();
        let (mode, more) = (claiming.mode, claiming.more);
        let provide = mode == ClaimMode::Provide;
        let claim = ReadyFor { id, address: address.clone(), socket: mode.socket(), more, provide };
        self.role.asked.insert(id, address.clone());
        self.role.addresses.asked(address, id);
        self.actions.push_back(SessionAction::Send(FromClient::ReadyFor(claim), Vec::new()));
    }

    /// The arbiter grants. `listener` is there exactly when the claim was to inherit; a
    /// grant of another form is a fault of the arbiter.
    pub(super) fn granted(&mut self, re: u64, address: &Address, listener: Option<L>, now: Duration) {
        if self.answered(re).as_ref() != Some(address) {
            return self.out_of_order("`granted` for a claim that is not open", now);
        }
        match self.role.addresses.of(address) {
            ServerAddress::Claiming(claiming) if claiming.id == Some(re) => {
                if claiming.mode.fits(listener.is_some()) {
                    self.grant(address, listener);
                } else {
                    let message = format!("`granted` of `{address}` has too many listeners or too few");
                    self.break_off(Code::DescriptorMismatch, message, now);
                }
            }
            // The claim was withdrawn, and the `released` that did it gives the grant back.
            ServerAddress::Free
            | ServerAddress::Claiming(_)
            | ServerAddress::Granted(_)
            | ServerAddress::Serving(_)
            | ServerAddress::TakingDown(_)
            | ServerAddress::Draining(_) => {}
        }
    }

    /// The arbiter refuses, or confirms that a claim was withdrawn.
    pub(super) fn claim_refused(&mut self, re: u64, error: Refusal, now: Duration) {
        let Some(address) = self.answered(re) else {
            return self.out_of_order("an `error` for a claim that is not open", now);
        };
        if self.waits(&address, re) {
            self.refuse(&address, error);
        }
    }

    /// What an open claim waits for.
    pub(super) fn claim_waits(&mut self, progress: Progress, now: Duration) {
        let Some(address) = self.role.asked.get(&progress.re).cloned() else {
            return self.out_of_order("`progress` of a claim that is not open", now);
        };
        if self.waits(&address, progress.re) {
            self.events.push_back(ServerEvent::Waiting { address, waiting_for: progress.waiting_for });
        }
    }

    /// Whether the claim with this `id` is the one that the server waits for.
    fn waits(&self, address: &Address, id: u64) -> bool {
        match self.role.addresses.of(address) {
            ServerAddress::Claiming(claiming) => claiming.id == Some(id),
            ServerAddress::Free
            | ServerAddress::Granted(_)
            | ServerAddress::Serving(_)
            | ServerAddress::TakingDown(_)
            | ServerAddress::Draining(_) => false,
        }
    }

    pub(super) fn grant(&mut self, address: &Address, listener: Option<L>) {
        self.role.addresses.set(address, ServerAddress::Granted(Granted { listener: listener.clone() }));
        self.events.push_back(ServerEvent::Granted { address: address.clone(), listener });
    }

    /// The driver of a session that is alone has opened a listener, or could not.
    pub(super) fn listener_opened(&mut self, address: &Address, listener: Result<L, Refusal>) {
        match self.role.addresses.of(address) {
            ServerAddress::Claiming(_) => match listener {
                Ok(listener) => self.grant(address, Some(listener)),
                Err(error) => self.refuse(address, error),
            },
            ServerAddress::Free
            | ServerAddress::Granted(_)
            | ServerAddress::Serving(_)
            | ServerAddress::TakingDown(_)
            | ServerAddress::Draining(_) => {}
        }
    }

    /// The address of the claim with this `id`, if it was sent on this link and not answered.
    fn answered(&mut self, re: u64) -> Option<Address> {
        self.role.asked.remove(&re)
    }

    /// The server does not want the address any more.
    pub(super) fn withdraw(&mut self, address: &Address, claiming: &Claiming, why: &str) {
        if claiming.id.is_some() {
            self.send_after_hello(FromClient::Released(Released { re: None, address: address.clone() }));
        }
        self.refuse(address, Refusal { code: Code::Withdrawn, message: format!("`{address}`: {why}") });
    }

    pub(super) fn refuse(&mut self, address: &Address, error: Refusal) {
        self.role.addresses.set(address, ServerAddress::Free);
        self.events.push_back(ServerEvent::Refused { address: address.clone(), error });
    }

    /// Refuses every claim that waits.
    pub(super) fn refuse_all(&mut self, error: &Refusal) {
        for address in self.role.addresses.claimed() {
            self.refuse(&address, error.clone());
        }
    }

    /// When the claim that has waited longest fails, because nobody answers.
    pub(super) fn claim_expires(&self) -> Option<Duration> {
        let (since, _) = self.role.addresses.oldest_claim()?;
        match &self.link {
            Link::Alone | Link::Ready(_) => None,
            Link::Waiting(waiting) => {
                Some(waiting.reconnect.since.max(since) + self.timeouts.supervisor_lost)
            }
            Link::Connecting(connecting) => {
                Some(connecting.reconnect.since.max(since) + self.timeouts.supervisor_lost)
            }
            Link::Greeting(greeting) => {
                Some(greeting.contact.since.max(since) + self.timeouts.arbiter_not_responding)
            }
            Link::Negotiating(negotiating) => {
                Some(negotiating.contact.since.max(since) + self.timeouts.arbiter_not_responding)
            }
        }
    }

    /// Fails the claims that have waited too long for an answer from anybody.
    pub(super) fn expire(&mut self, now: Duration) {
        while self.claim_expires().is_some_and(|at| at <= now) {
            let Some((_, address)) = self.role.addresses.oldest_claim() else { return };
            let address = address.clone();
            let Some(error) = self.nobody_answers() else { return };
            self.refuse(&address, error);
        }
    }

    /// What a claim fails with that has waited too long in this state of the link.
    fn nobody_answers(&self) -> Option<Refusal> {
        let lost = |reason: &str| Refusal {
            code: Code::SupervisorLost,
            message: format!(
                "no supervisor could be reached for {:?}: {reason}",
                self.timeouts.supervisor_lost
            ),
        };
        let silent = |pid: u32| Refusal {
            code: Code::ArbiterNotResponding,
            message: format!(
                "the supervisor with process id {pid} has not answered for {:?}",
                self.timeouts.arbiter_not_responding
            ),
        };
        match &self.link {
            Link::Alone | Link::Ready(_) => None,
            Link::Waiting(waiting) => Some(lost(&waiting.reason)),
            Link::Connecting(_) => Some(lost("it is being connected to")),
            Link::Greeting(greeting) => Some(silent(greeting.contact.pid)),
            Link::Negotiating(negotiating) => Some(silent(negotiating.contact.pid)),
        }
    }
}
