//! Messages that either side sends.

use serde::{Deserialize, Serialize};

use super::{Code, present, short, short_if_present};
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
    /// How many connections the server has closed before they were finished, since the takedown.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "schema", schemars(with = "u64", range(max = INTEGER_MAX)))]
    pub cut: Option<u64>,
    /// Asks that the deadline be no earlier than this many milliseconds from now.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "schema", schemars(with = "u64", range(max = 86_400_000)))]
    pub extend_ms: Option<u64>,
}

/// A barrier: the answer confirms that everything sent before was processed.
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
