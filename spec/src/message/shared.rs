//! Messages that either side sends.

use serde::{Deserialize, Serialize};

use super::{present, short, short_if_present};
#[cfg(feature = "schema")]
use crate::limits::INTEGER_MAX;

/// What is being waited for, while a request is under way.
///
/// The arbiter sends it to a claimant that waits; a server sends it about a `takedown`
/// while it drains. It is never the terminal reply.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The `id` of the request that this is about.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = INTEGER_MAX)))]
    pub re: u64,
    /// What is being waited for, in words for people.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "short_if_present",
        deserialize_with = "present"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "String", length(max = 2048)))]
    pub waiting_for: Option<String>,
    /// How many connections are still open.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "schema", schemars(with = "u64", range(max = INTEGER_MAX)))]
    pub connections: Option<u64>,
    /// Asks that the deadline be no earlier than this many milliseconds from now.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "schema", schemars(with = "u64", range(max = 86_400_000)))]
    pub extend_ms: Option<u64>,
}

/// A barrier: the answer says that everything sent before was processed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Ping {
    /// The number that the `pong` answers.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = INTEGER_MAX)))]
    pub id: u64,
}

/// The answer to a `ping`, sent after everything received before it was processed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Pong {
    /// The `id` of the `ping`.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = INTEGER_MAX)))]
    pub re: u64,
}

/// Something went wrong. With `re` it is the terminal reply to that request; a fatal one
/// is the last line before the sender closes the connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Error {
    /// The `id` of the request that failed; absent when it is about the connection.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "schema", schemars(with = "u64", range(min = 1, max = INTEGER_MAX)))]
    pub re: Option<u64>,
    /// What went wrong, for programs.
    pub code: Code,
    /// What went wrong, for people. Never to be parsed.
    #[serde(serialize_with = "short")]
    #[cfg_attr(feature = "schema", schemars(length(max = 2048)))]
    pub message: String,
    /// Whether the sender closes the connection after this line.
    #[serde(default)]
    pub fatal: bool,
}

/// The error codes of version 1. An unknown code is treated as `internal`.
///
/// The table with sender, fatality, retry and what is true afterwards is in `spec/README.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("x-open" = true)))]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The line is not one JSON object of the protocol's form.
    MalformedLine,
    /// The line is longer than the limit.
    LineTooLong,
    /// A known message with a missing or impossible field.
    InvalidMessage,
    /// A `type` that this side does not know, in a message that wants a reply.
    UnknownType,
    /// More or fewer descriptors arrived than `fds` names, or they were truncated.
    DescriptorMismatch,
    /// Another message than `hello` came first.
    NotNegotiated,
    /// The `version` of the `hello` was not offered.
    VersionUnsupported,
    /// A message that is not legal in this state or for this role.
    OutOfOrder,
    /// An `id` that is not greater than the one before.
    IdReused,
    /// The peer runs as another user.
    NotPermitted,
    /// The peer runs in another pid namespace.
    OtherPidNamespace,
    /// Too many connections are open.
    TooManyConnections,
    /// The text is not an address.
    InvalidAddress,
    /// An address without a socket cannot be inherited.
    NotInheritable,
    /// This server claims or holds the address already.
    AlreadyClaimed,
    /// A newer generation claims or holds the address.
    Superseded,
    /// A program that serverswap does not manage holds the address.
    AddressInUse,
    /// The address may not be opened: a privileged port, an unwritable folder.
    AddressNotPermitted,
    /// The address cannot be opened on this machine.
    AddressNotAvailable,
    /// The arbiter could not write down what it was about to decide.
    StateNotWritten,
    /// The arbiter is out of descriptors or memory.
    Exhausted,
    /// The server was asked to stop.
    Stopping,
    /// The claim was withdrawn by the server itself.
    Withdrawn,
    /// Made by client libraries: no arbiter could be found in time.
    SupervisorLost,
    /// Made by client libraries: the arbiter lives and does not greet.
    ArbiterNotResponding,
    /// A fault of the sender.
    Internal,
    /// A code from the future.
    #[serde(untagged)]
    Other(String),
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}
