//! What the arbiter sends to servers, supervisors and observers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Code, Error, Message, Ping, Pong, Progress, present, short_if_present};
use crate::address::Address;
use crate::generation::Generation;
#[cfg(feature = "schema")]
use crate::limits::INTEGER_MAX;
use crate::limits::{FDS_PER_LINE_MAX, LINE_BYTES_MAX};

/// One line from the arbiter to a client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum FromArbiter {
    /// The first line of every connection.
    Greeting(Greeting),
    /// The answer to `hello`.
    Welcome(Welcome),
    /// The address is yours.
    Granted(Granted),
    /// Stop accepting and release.
    Takedown(Takedown),
    /// What a claim waits for.
    Progress(Progress),
    /// What became of a generation or an address.
    Event(Event),
    /// The answer to `timedOut`.
    Verdict(Verdict),
    /// A barrier.
    Ping(Ping),
    /// The answer to a barrier.
    Pong(Pong),
    /// Something went wrong.
    Error(Error),
}

/// The first line of every connection. Its form is frozen for ever: every later version
/// begins with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Greeting {
    /// The versions that the arbiter speaks.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub versions: Vec<u32>,
    /// The program that is the arbiter.
    pub arbiter: ArbiterInfo,
    /// What it can do beyond the version: an object for each, never a boolean.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, Map<String, Value>>"))]
    pub capabilities: BTreeMap<String, Map<String, Value>>,
    /// The limits of this connection.
    pub limits: Limits,
}

/// The name, version and process id of the arbiter, for logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ArbiterInfo {
    /// For example `serverswap`.
    pub name: String,
    /// For example `1.2.0`.
    pub version: String,
    /// Its process id.
    pub pid: u32,
}

/// The limits of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// The longest line, in bytes, the line feed included.
    pub line_bytes: u32,
    /// The most descriptors that one line may carry.
    pub fds_per_line: u32,
}

impl Limits {
    /// The limits of version 1.
    pub const V1: Limits =
        Limits { line_bytes: LINE_BYTES_MAX as u32, fds_per_line: FDS_PER_LINE_MAX as u32 };
}

/// The answer to `hello`: the connection is negotiated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Welcome {
    /// The `id` of the `hello`.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = INTEGER_MAX)))]
    pub re: u64,
    /// The version that is now spoken.
    pub version: u32,
    /// The generation that the client belongs to, as it sent it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "schema", schemars(with = "Generation"))]
    pub generation: Option<Generation>,
    /// The capabilities that are now on.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, Map<String, Value>>"))]
    pub capabilities: BTreeMap<String, Map<String, Value>>,
}

/// The address is the claimant's; with its listener attached if it is inherited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Granted {
    /// The `id` of the `readyFor`.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = INTEGER_MAX)))]
    pub re: u64,
    /// The address.
    pub address: Address,
    /// `["listener"]` for an inherited address, otherwise absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 1)))]
    pub fds: Vec<String>,
}

/// Stop accepting on the address and release it; answered by `released`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Takedown {
    /// The number that `released` answers.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = INTEGER_MAX)))]
    pub id: u64,
    /// The address.
    pub address: Address,
    /// Why the address is taken.
    pub reason: TakedownReason,
    /// How many milliseconds from now the server may go on finishing what is open, before
    /// it gets TERM.
    #[cfg_attr(feature = "schema", schemars(range(max = INTEGER_MAX)))]
    pub drain_ms: u64,
    /// For how many milliseconds from now the server may ask for more time, for responses that
    /// still make progress. Absent: for none beyond `drainMs`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "schema", schemars(with = "u64", range(max = INTEGER_MAX)))]
    pub stream_ms: Option<u64>,
}

/// Why an address is taken from a server. An unknown reason is treated as `replaced`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("x-open" = true)))]
#[serde(rename_all = "camelCase")]
pub enum TakedownReason {
    /// A newer generation serves the address, or waits for it.
    Replaced,
    /// The supervisor was asked to stop.
    Stopping,
    /// A reason from the future.
    #[serde(untagged)]
    Other(String),
}

impl TakedownReason {
    /// As a program is told it: a reason from the future is `replaced` (SS-LINE-16).
    #[must_use]
    pub fn or_replaced(self) -> TakedownReason {
        if matches!(self, TakedownReason::Other(_)) { TakedownReason::Replaced } else { self }
    }
}

/// What became of a generation or of an address. Sent to supervisors and observers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// What happened.
    pub what: EventKind,
    /// The generation that it is about.
    pub generation: Generation,
    /// The address that it is about; absent when it is about the whole generation.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "schema", schemars(with = "Address"))]
    pub address: Option<Address>,
    /// The server process that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "schema", schemars(with = "u32"))]
    pub pid: Option<u32>,
    /// `draining`: how many connections are still open, if the server reports it. `terminated` and
    /// `killed`: how many were open when it got the signal, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "schema", schemars(with = "u64", range(max = INTEGER_MAX)))]
    pub connections: Option<u64>,
    /// `draining` and `gone`: how many connections the server has closed unfinished, if it reports it.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "schema", schemars(with = "u64", range(max = INTEGER_MAX)))]
    pub cut: Option<u64>,
    /// `draining`: milliseconds until the server gets TERM. `terminated`: until it gets KILL. `probation`: milliseconds until
    /// it is over.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "schema", schemars(with = "u64", range(max = INTEGER_MAX)))]
    pub remaining_ms: Option<u64>,
    /// `failed`: what went wrong, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    #[cfg_attr(feature = "schema", schemars(with = "Code"))]
    pub code: Option<Code>,
    /// `failed` and `gap`: what went wrong, for people.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "short_if_present",
        deserialize_with = "present"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "String", length(max = 2048)))]
    pub message: Option<String>,
    /// `["listener"]` when the duplicate for a supervisor that keeps it is attached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 1)))]
    pub fds: Vec<String>,
}

impl Event {
    /// An event about a whole generation, without particulars.
    pub fn new(what: EventKind, generation: Generation) -> Self {
        Event {
            what,
            generation,
            address: None,
            pid: None,
            connections: None,
            cut: None,
            remaining_ms: None,
            code: None,
            message: None,
            fds: Vec::new(),
        }
    }

    /// An event about an address of a generation, without particulars.
    pub fn about(what: EventKind, generation: Generation, address: &Address) -> Self {
        Event { address: Some(address.clone()), ..Event::new(what, generation) }
    }
}

/// What an `event` reports. An unknown kind is ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("x-open" = true)))]
#[serde(rename_all = "camelCase")]
pub enum EventKind {
    /// A server of the generation claims the address.
    Claimed,
    /// The address was granted to the generation, which does not serve it yet.
    Granted,
    /// The generation serves the address beside an older one, for `remainingMs` more.
    Probation,
    /// The generation serves the address. A supervisor that stays gets the listener with it.
    Serving,
    /// The whole generation is up.
    Up,
    /// A newer generation claims or was granted the address.
    Busy,
    /// No server holds the address of the generation that owns it: it may be started again.
    Vacant,
    /// A newer generation serves the address. Final. A duplicate is to be closed and
    /// answered with `closed`.
    Replaced,
    /// The duplicate is to be closed and answered with `closed`, because an exclusive claim
    /// waits for it. The generation still owns the address.
    Close,
    /// A claim of the generation lost to a newer one.
    Superseded,
    /// A server of the generation is being taken down and finishes what is open.
    Draining,
    /// A server of the generation was sent TERM: its time to drain is over, or it handles no takedown.
    Terminated,
    /// A server of the generation was sent KILL: its kill timeout is over.
    Killed,
    /// A server of the generation has exited.
    Gone,
    /// A claim failed, or (without an address) the server sent `fail`.
    Failed,
    /// An address was or will be without a server for a moment, and why.
    Gap,
    /// The generation is up and every server that it replaced has exited.
    Done,
    /// A kind from the future.
    #[serde(untagged)]
    Other(String),
}

/// The answer to `timedOut`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The `id` of the `timedOut`.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = INTEGER_MAX)))]
    pub re: u64,
    /// What the supervisor is to do with its server.
    pub verdict: DecidedVerdict,
}

/// What becomes of a server that was not up in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum DecidedVerdict {
    /// It serves nothing: end it.
    End,
    /// It serves an address: keep it.
    Keep,
}

impl Message for FromArbiter {
    const TYPES: &'static [&'static str] = &[
        "greeting", "welcome", "granted", "takedown", "progress", "event", "verdict", "ping", "pong", "error",
    ];

    fn from_object(object: Map<String, Value>) -> serde_json::Result<Self> {
        serde_json::from_value(Value::Object(object))
    }

    fn fds(&self) -> &[String] {
        match self {
            FromArbiter::Granted(granted) => &granted.fds,
            FromArbiter::Event(event) => &event.fds,
            FromArbiter::Greeting(_)
            | FromArbiter::Welcome(_)
            | FromArbiter::Takedown(_)
            | FromArbiter::Progress(_)
            | FromArbiter::Verdict(_)
            | FromArbiter::Ping(_)
            | FromArbiter::Pong(_)
            | FromArbiter::Error(_) => &[],
        }
    }
}
