//! A stand-in: a supervisor that speaks as a server, for one of its own that does not speak the protocol.
//!
//! It is a server in everything but this: its `hello` names the process that it speaks for, it claims with
//! [`Call::Provide`](super::Call::Provide) where that process opens its listener by itself, and such a listener is sent with
//! `serving`. It never has an arbiter started: its supervisor becomes one.

use std::fmt::Debug;
use std::time::Duration;

use serverswap_protocol::Address;
use serverswap_protocol::message::{self, Timeouts};

use super::call_error::CallError;
use super::server::ServerRole;
use super::server_addresses::{ServerAddress, Serving};
use super::{ConnectTimeouts, Identity, Session};

/// For which process a stand-in speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandIn {
    /// The main process of the server.
    pub pid: u32,
    /// The number of the signal with which the arbiter takes it down.
    pub stop_signal: u32,
    /// Of a process that was not started for its generation: the deadlines of that.
    pub adopt: Option<Timeouts>,
}

impl StandIn {
    pub(super) fn announced(self) -> message::StandIn {
        let StandIn { pid, stop_signal, adopt } = self;
        message::StandIn { pid, stop_signal, adopt: adopt.is_some() }
    }
}

impl<L: Clone + Debug> Session<L> {
    /// A session of a stand-in that looks for its arbiter from `now` on.
    pub fn stand_in(identity: Identity, stand_in: StandIn, timeouts: ConnectTimeouts, now: Duration) -> Self {
        let role = ServerRole { stand_in: Some(stand_in), ..ServerRole::default() };
        Session::of_role(role, identity, timeouts, now)
    }

    /// The accept loop of an address runs that was granted without a listener, and this is its listener.
    ///
    /// # Errors
    /// The address is not held; nothing was changed or sent.
    pub fn provide(&mut self, address: &Address, listener: L) -> Result<(), CallError> {
        let next = match self.role.addresses.take(address) {
            ServerAddress::Granted(_) => ServerAddress::Serving(Serving { listener: Some(listener.clone()) }),
            ServerAddress::TakingDown(mut taking_down) => {
                (taking_down.listener, taking_down.serves) = (Some(listener.clone()), true);
                ServerAddress::TakingDown(taking_down)
            }
            unheld @ (ServerAddress::Free
            | ServerAddress::Claiming(_)
            | ServerAddress::Serving(_)
            | ServerAddress::Draining(_)) => {
                self.role.addresses.set(address, unheld);
                return Err(CallError::NotHeld(address.clone()));
            }
        };
        self.role.addresses.set(address, next);
        self.send_serving(address, Some(listener));
        Ok(())
    }
}
