//! What a session reports to its server.

use std::time::Duration;

use serverswap_protocol::Address;
use serverswap_protocol::message::{Code, TakedownReason};

/// Something that the server is to act on. `L` is the listener's handle.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerEvent<L> {
    /// The address is this server's now. Ends the claim.
    Granted {
        /// The address.
        address: Address,
        /// Its listener, exactly when the claim was for inheriting it.
        listener: Option<L>,
    },
    /// The claim has failed. Ends the claim.
    Refused {
        /// The address.
        address: Address,
        /// Why.
        error: Refusal,
    },
    /// The claim waits.
    Waiting {
        /// The address.
        address: Address,
        /// For what, for people.
        waiting_for: Option<String>,
    },
    /// Stop accepting on the address, then call `Released`. Reported once a holding.
    Takedown {
        /// The address.
        address: Address,
        /// Why.
        reason: TakedownReason,
        /// For how long, from the takedown on, open connections may be finished.
        drain: Duration,
        /// For how long responses may that still make progress; it is no shorter.
        stream: Duration,
    },
    /// The arbiter reports a fault that is about no claim. What is held goes on being
    /// served.
    Error {
        /// What went wrong, for programs.
        code: Code,
        /// What went wrong, for people.
        message: String,
    },
}

impl<L> ServerEvent<L> {
    /// The address that it is about.
    pub fn address(&self) -> Option<&Address> {
        match self {
            ServerEvent::Granted { address, .. }
            | ServerEvent::Refused { address, .. }
            | ServerEvent::Waiting { address, .. }
            | ServerEvent::Takedown { address, .. } => Some(address),
            ServerEvent::Error { .. } => None,
        }
    }
}

/// Why a claim has failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// For programs.
    pub code: Code,
    /// For people.
    pub message: String,
}
