//! The words of a server. Each is checked against what is true, then said if it can be.

use std::time::Duration;

use serverswap_protocol::limits::TEXT_BYTES_MAX;
use serverswap_protocol::message::{
    Code, Fail, FromClient, OnTakedown, Progress, Released, ServerUp, Serving as ServingLine,
};
use serverswap_protocol::{Address, SocketMode};

use super::action::Action;
use super::event::{Event, Refusal};
use super::link::Link;
use super::places::{Claiming, Draining, Place, Serving};
use super::use_error::UseError;
use super::{Outcome, Session};

impl<L: Clone> Session<L> {
    /// Claims an address. The answer is [`Event::Granted`] or [`Event::Refused`]. With
    /// `more`, the server is not up before it says [`Self::server_up`].
    ///
    /// # Errors
    /// [`UseError::Failed`], [`UseError::NotInheritable`], [`UseError::AlreadyClaimed`].
    pub fn ready_for(
        &mut self,
        address: &Address,
        socket: SocketMode,
        more: bool,
        now: Duration,
    ) -> Result<(), UseError> {
        if let Outcome::Failed(_) = self.outcome {
            return Err(UseError::Failed);
        }
        if socket == SocketMode::Inherit && !address.has_socket() {
            return Err(UseError::NotInheritable(address.clone()));
        }
        match self.places.of(address) {
            Place::Claiming(_) | Place::Granted(_) | Place::Serving(_) | Place::Leaving(_) => {
                return Err(UseError::AlreadyClaimed(address.clone()));
            }
            Place::Free | Place::Draining(_) => {}
        }
        let claiming = Claiming { socket, more, since: now, id: None };
        self.places.set(address, Place::Claiming(claiming));
        if let Link::Alone = self.link {
            self.grant_alone(address, socket);
        } else {
            self.ask(address);
            self.look_again(now);
        }
        Ok(())
    }

    fn grant_alone(&mut self, address: &Address, socket: SocketMode) {
        match socket {
            SocketMode::Bind => self.grant(address, None),
            SocketMode::Inherit => self.actions.push_back(Action::Open(address.clone())),
        }
    }

    /// The accept loop of a granted address runs.
    ///
    /// # Errors
    /// [`UseError::NotHeld`].
    pub fn serving(&mut self, address: &Address) -> Result<(), UseError> {
        let next = match self.places.take(address) {
            Place::Granted(granted) => {
                self.tell_unless_failed(FromClient::Serving(ServingLine { address: address.clone() }));
                Place::Serving(Serving { listener: granted.listener })
            }
            Place::Leaving(mut leaving) => {
                if !leaving.serves {
                    leaving.serves = true;
                    self.tell_unless_failed(FromClient::Serving(ServingLine { address: address.clone() }));
                }
                Place::Leaving(leaving)
            }
            Place::Serving(serving) => Place::Serving(serving),
            unheld @ (Place::Free | Place::Claiming(_) | Place::Draining(_)) => {
                self.places.set(address, unheld);
                return Err(UseError::NotHeld(address.clone()));
            }
        };
        self.places.set(address, next);
        Ok(())
    }

    /// This server handles takedown of the address, now or when it will hold it. A server
    /// that never says so is ended when the address is taken.
    pub fn on_takedown(&mut self, address: &Address) {
        if !self.handled.insert(address.clone()) {
            return;
        }
        let line = FromClient::OnTakedown(OnTakedown { address: address.clone() });
        match (&self.outcome, self.places.of(address).is_held()) {
            (Outcome::Failed(_), _) => {}
            (Outcome::Open | Outcome::Up, true) => self.tell(line),
            (Outcome::Open | Outcome::Up, false) => self.tell_now(line),
        }
    }

    /// Lets go of an address: answers its takedown, gives it up without one, or withdraws
    /// the claim that waits. The session's own listener is dropped.
    ///
    /// # Errors
    /// [`UseError::NotHeld`].
    pub fn released(&mut self, address: &Address) -> Result<(), UseError> {
        match self.places.take(address) {
            Place::Claiming(claiming) => {
                self.withdraw(address, &claiming, "the claim was withdrawn");
            }
            Place::Granted(_) | Place::Serving(_) => self.let_go(address, None),
            Place::Leaving(leaving) => self.let_go(address, leaving.owed),
            unheld @ (Place::Free | Place::Draining(_)) => {
                self.places.set(address, unheld);
                return Err(UseError::NotHeld(address.clone()));
            }
        }
        Ok(())
    }

    fn let_go(&mut self, address: &Address, takedown: Option<u64>) {
        match takedown {
            Some(id) => self.answer_takedown(id, address),
            None => self.tell(FromClient::Released(Released { re: None, address: address.clone() })),
        }
        self.places.set(address, Place::Draining(Draining { takedown }));
        self.unshow(address);
    }

    /// What the server has not been told yet about an address that it let go of is not true
    /// any more. A claim that was granted in the meantime counts as withdrawn (rule 2).
    fn unshow(&mut self, address: &Address) {
        let is_grant = |event: &Event<L>| matches!(event, Event::Granted { .. });
        let about = |event: &Event<L>| event.address() == Some(address);
        let granted = self.events.iter().any(|event| about(event) && is_grant(event));
        self.events.retain(|event| !about(event));
        if granted {
            let message = format!("`{address}`: it was let go of before the grant was seen");
            let error = Refusal { code: Code::Withdrawn, message };
            self.events.push_back(Event::Refused { address: address.clone(), error });
        }
    }

    /// How a takedown goes: how many connections are open, and how long it is at least to
    /// last from now on. Of no effect when no takedown was asked for on this link.
    ///
    /// # Errors
    /// [`UseError::NotHeld`] if the address was never taken from this server.
    pub fn progress(
        &mut self,
        address: &Address,
        connections: Option<u64>,
        extend: Option<Duration>,
    ) -> Result<(), UseError> {
        let takedown = match self.places.of(address) {
            Place::Leaving(leaving) => leaving.owed,
            Place::Draining(draining) => draining.takedown,
            Place::Granted(_) | Place::Serving(_) => None,
            Place::Free | Place::Claiming(_) => return Err(UseError::NotHeld(address.clone())),
        };
        if let Some(re) = takedown {
            let extend_ms = extend.map(|extend| u64::try_from(extend.as_millis()).unwrap_or(u64::MAX));
            let extend_ms = extend_ms.map(|extend| extend.min(EXTEND_MS_MAX));
            let progress = Progress { re, waiting_for: None, connections, extend_ms };
            self.tell_now(FromClient::Progress(progress));
        }
        Ok(())
    }

    /// Every address that this server will ever claim is granted and serving. Only for
    /// servers that claim with `more`.
    pub fn server_up(&mut self) {
        match self.outcome {
            Outcome::Open => {
                self.outcome = Outcome::Up;
                self.tell_now(FromClient::ServerUp(ServerUp {}));
            }
            Outcome::Up | Outcome::Failed(_) => {}
        }
    }

    /// This server gives up: the claims that wait are withdrawn and no other can be made.
    /// What is held goes on being held.
    pub fn fail(&mut self, reason: &str) {
        match self.outcome {
            Outcome::Open | Outcome::Up => {
                let reason = truncated(reason).to_owned();
                self.outcome = Outcome::Failed(reason.clone());
                self.tell_now(FromClient::Fail(Fail { reason }));
                for address in self.places.claimed() {
                    if let Place::Claiming(claiming) = self.places.take(&address) {
                        self.withdraw(&address, &claiming, "the server has said `fail`");
                    }
                }
            }
            Outcome::Failed(_) => {}
        }
    }
}

/// Longest extension of a drain that one `progress` may ask for: a day.
const EXTEND_MS_MAX: u64 = 86_400_000;

/// At most [`TEXT_BYTES_MAX`] bytes, cut between two characters.
fn truncated(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
