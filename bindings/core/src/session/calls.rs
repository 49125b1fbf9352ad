//! The calls of a server. Each is checked against the state of its address, and then sent if there
//! is a link to send it on.

use std::fmt::Debug;
use std::time::Duration;

use serverswap_protocol::limits::{INTEGER_MAX, TEXT_BYTES_MAX};
use serverswap_protocol::message::{
    Code, Fail, FromClient, LISTENER, OnTakedown, Progress, Released, ServerUp, Serving as ServingLine,
};
use serverswap_protocol::{Address, SocketMode};

use super::Session;
use super::action::SessionAction;
use super::call_error::CallError;
use super::event::{Refusal, ServerEvent};
use super::link::Link;
use super::server::Outcome;
use super::server_addresses::{ClaimMode, Claiming, Draining, ServerAddress, Serving};

/// What a server calls. A binding makes one of these of a call in its language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Claims an address. [`ServerEvent::Granted`] or [`ServerEvent::Refused`] answers it.
    ReadyFor {
        /// The address.
        address: Address,
        /// Whether the listener is inherited.
        socket: SocketMode,
        /// The server is not up before it calls [`Call::ServerUp`].
        more: bool,
    },
    /// As [`Call::ReadyFor`] with a listener that is inherited. Where there is none, [`ServerEvent::Granted`] has
    /// none: the server opens it by itself, and [`Session::provide`] sends it. For stand-ins.
    Provide {
        /// The address.
        address: Address,
        /// As in [`Call::ReadyFor`].
        more: bool,
    },
    /// The accept loop of a granted address runs.
    Serving(Address),
    /// This server handles takedown of the address, now or when it holds it. A server that
    /// does not is ended when the address is taken.
    OnTakedown(Address),
    /// The server has stopped accepting and releases the address: the answer to a takedown.
    /// Without one the address is given up; before the grant, the claim is withdrawn.
    Released(Address),
    /// How the drain of a taken address goes. Of no effect if no takedown arrived on this link.
    Progress {
        /// The address.
        address: Address,
        /// How many connections are open.
        connections: Option<u64>,
        /// How many connections the server has closed unfinished since the takedown.
        cut: Option<u64>,
        /// How long the drain is to last at least, from now on.
        extend: Option<Duration>,
    },
    /// Every address that this server will ever claim is granted and serving. Only for
    /// servers that claim with `more`.
    ServerUp,
    /// This server gives up: the claims that wait are withdrawn and no other can be made. What
    /// is held stays held.
    Fail {
        /// Why, for people.
        reason: String,
    },
}

impl<L: Clone + Debug> Session<L> {
    pub(super) fn take_call(&mut self, call: Call, now: Duration) -> Result<(), CallError> {
        match call {
            Call::ReadyFor { address, socket: SocketMode::Bind, more } => {
                self.ready_for(&address, ClaimMode::Bind, more, now)
            }
            Call::ReadyFor { address, socket: SocketMode::Inherit, more } => {
                self.ready_for(&address, ClaimMode::Inherit, more, now)
            }
            Call::Provide { address, more } => self.ready_for(&address, ClaimMode::Provide, more, now),
            Call::Serving(address) => self.serving(&address),
            Call::OnTakedown(address) => {
                self.on_takedown(&address);
                Ok(())
            }
            Call::Released(address) => self.released(&address),
            Call::Progress { address, connections, cut, extend } => {
                self.progress(&address, connections, cut, extend)
            }
            Call::ServerUp => {
                self.server_up();
                Ok(())
            }
            Call::Fail { reason } => {
                self.fail(&reason);
                Ok(())
            }
        }
    }

    fn ready_for(
        &mut self,
        address: &Address,
        mode: ClaimMode,
        more: bool,
        now: Duration,
    ) -> Result<(), CallError> {
        if let Outcome::Failed(_) = self.role.outcome {
            return Err(CallError::Failed);
        }
        if mode.socket() == SocketMode::Inherit && !address.has_socket() {
            return Err(CallError::NotInheritable(address.clone()));
        }
        match self.role.addresses.of(address) {
            ServerAddress::Claiming(_)
            | ServerAddress::Granted(_)
            | ServerAddress::Serving(_)
            | ServerAddress::TakingDown(_) => {
                return Err(CallError::AlreadyClaimed(address.clone()));
            }
            ServerAddress::Free | ServerAddress::Draining(_) => {}
        }
        let claiming = Claiming { mode, more, since: now, id: None };
        self.role.addresses.set(address, ServerAddress::Claiming(claiming));
        if let Link::Alone = self.link {
            self.grant_alone(address, mode);
        } else {
            self.ask(address);
            self.look_again(now);
        }
        Ok(())
    }

    fn grant_alone(&mut self, address: &Address, mode: ClaimMode) {
        match mode {
            ClaimMode::Bind | ClaimMode::Provide => self.grant(address, None),
            ClaimMode::Inherit => self.actions.push_back(SessionAction::Open(address.clone())),
        }
    }

    fn serving(&mut self, address: &Address) -> Result<(), CallError> {
        let next = match self.role.addresses.take(address) {
            ServerAddress::Granted(granted) => {
                self.send_serving(address, None);
                ServerAddress::Serving(Serving { listener: granted.listener })
            }
            ServerAddress::TakingDown(mut taking_down) => {
                if !taking_down.serves {
                    taking_down.serves = true;
                    self.send_serving(address, None);
                }
                ServerAddress::TakingDown(taking_down)
            }
            ServerAddress::Serving(serving) => ServerAddress::Serving(serving),
            unheld @ (ServerAddress::Free | ServerAddress::Claiming(_) | ServerAddress::Draining(_)) => {
                self.role.addresses.set(address, unheld);
                return Err(CallError::NotHeld(address.clone()));
            }
        };
        self.role.addresses.set(address, next);
        Ok(())
    }

    /// With the listener that the server has opened, if it was granted none.
    pub(super) fn send_serving(&mut self, address: &Address, opened: Option<L>) {
        let fds = opened.iter().map(|_| LISTENER.to_owned()).collect();
        let line = FromClient::Serving(ServingLine { address: address.clone(), fds });
        self.send_unless_failed(line, opened.into_iter().collect());
    }

    fn on_takedown(&mut self, address: &Address) {
        if !self.role.handled.insert(address.clone()) {
            return;
        }
        let line = FromClient::OnTakedown(OnTakedown { address: address.clone() });
        self.send_unless_failed(line, Vec::new());
    }

    /// The session's own duplicate of the listener is dropped.
    fn released(&mut self, address: &Address) -> Result<(), CallError> {
        match self.role.addresses.take(address) {
            ServerAddress::Claiming(claiming) => {
                self.withdraw(address, &claiming, "the claim was withdrawn");
            }
            ServerAddress::Granted(_) | ServerAddress::Serving(_) => self.release(address, None),
            ServerAddress::TakingDown(taking_down) => self.release(address, taking_down.owed),
            unheld @ (ServerAddress::Free | ServerAddress::Draining(_)) => {
                self.role.addresses.set(address, unheld);
                return Err(CallError::NotHeld(address.clone()));
            }
        }
        Ok(())
    }

    fn release(&mut self, address: &Address, takedown: Option<u64>) {
        match takedown {
            Some(id) => self.answer_takedown(id, address),
            None => {
                self.send_after_hello(FromClient::Released(Released { re: None, address: address.clone() }))
            }
        }
        self.role.addresses.set(address, ServerAddress::Draining(Draining { takedown }));
        self.drop_events(address);
    }

    /// Events that the server has not taken yet are out of date when it releases their address.
    /// A claim that was granted in the meantime counts as withdrawn (C2).
    fn drop_events(&mut self, address: &Address) {
        let is_grant = |event: &ServerEvent<L>| matches!(event, ServerEvent::Granted { .. });
        let about = |event: &ServerEvent<L>| event.address() == Some(address);
        let granted = self.events.iter().any(|event| about(event) && is_grant(event));
        self.events.retain(|event| !about(event));
        if granted {
            let message = format!("`{address}`: it was released before the grant was seen");
            let error = Refusal { code: Code::Withdrawn, message };
            self.events.push_back(ServerEvent::Refused { address: address.clone(), error });
        }
    }

    fn progress(
        &mut self,
        address: &Address,
        connections: Option<u64>,
        cut: Option<u64>,
        extend: Option<Duration>,
    ) -> Result<(), CallError> {
        let takedown = match self.role.addresses.of(address) {
            ServerAddress::TakingDown(taking_down) => taking_down.owed,
            ServerAddress::Draining(draining) => draining.takedown,
            ServerAddress::Granted(_) | ServerAddress::Serving(_) => None,
            ServerAddress::Free | ServerAddress::Claiming(_) => {
                return Err(CallError::NotHeld(address.clone()));
            }
        };
        if let Some(re) = takedown {
            let extend_ms = extend.map(|extend| u64::try_from(extend.as_millis()).unwrap_or(u64::MAX));
            let extend_ms = extend_ms.map(|extend| extend.min(EXTEND_MS_MAX));
            let connections = connections.map(|connections| connections.min(INTEGER_MAX));
            let cut = cut.map(|cut| cut.min(INTEGER_MAX));
            let progress = Progress { re, waiting_for: None, connections, cut, extend_ms };
            self.send_after_hello(FromClient::Progress(progress));
        }
        Ok(())
    }

    fn server_up(&mut self) {
        match self.role.outcome {
            Outcome::Open => {
                self.role.outcome = Outcome::Up;
                self.send_after_hello(FromClient::ServerUp(ServerUp {}));
            }
            Outcome::Up | Outcome::Failed(_) => {}
        }
    }

    fn fail(&mut self, reason: &str) {
        match self.role.outcome {
            Outcome::Open | Outcome::Up => {
                let reason = truncated(reason).to_owned();
                self.role.outcome = Outcome::Failed(reason.clone());
                self.send_after_hello(FromClient::Fail(Fail { reason }));
                for address in self.role.addresses.claimed() {
                    if let ServerAddress::Claiming(claiming) = self.role.addresses.take(&address) {
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
