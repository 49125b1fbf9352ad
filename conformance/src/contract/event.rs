//! What a driver tells without being asked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An outcome of a command, or something that happened to the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// The claim waits.
    Waiting {
        /// Of the claim.
        op: String,
        /// For what, for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        waiting_for: Option<String>,
    },
    /// The address is this server's.
    Granted {
        /// Of the claim.
        op: String,
        /// The address.
        address: String,
        /// Whether a listener came with it.
        listener: bool,
    },
    /// The claim has failed.
    Refused {
        /// Of the claim.
        op: String,
        /// The address.
        address: String,
        /// A code of the protocol.
        code: String,
        /// For people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// Stop accepting and let go.
    Takedown {
        /// The address.
        address: String,
        /// Why; a reason of the protocol.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// How long what is open may be finished, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        drain_ms: Option<u64>,
    },
    /// One connection was accepted, answered and closed.
    Accepted {
        /// Of `accept`.
        op: String,
    },
    /// Nothing is accepted any more, and nothing is open.
    Stopped {
        /// Of `stop`.
        op: String,
    },
    /// What the client said in a forked child.
    Forked {
        /// Of `fork`.
        op: String,
        /// The code of the error that the child got; `none` if it got none.
        code: String,
    },
    /// The library reports a fault that is about no claim.
    Lost {
        /// A code of the protocol, or a word of the library.
        code: String,
    },
    /// The library reports something that nothing follows from.
    Warning {
        /// A code of the protocol, or a word of the library.
        code: String,
    },
}
