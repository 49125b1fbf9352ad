//! The messages of version 1: one type a message, one enum a direction.
//!
//! The types are the source: the JSON Schema in `v1/` is generated from them and their
//! comments. No field here is ever `null`: an absent optional field is left out.

mod codes;
mod from_arbiter;
mod from_client;
mod shared;

pub use codes::{Code, CodeInfo, Fatal, Retry, Sender};
pub use from_arbiter::{
    ArbiterInfo, DecidedVerdict, Event, EventKind, FromArbiter, Granted, Greeting, Limits, Takedown,
    TakedownReason, Verdict, Welcome,
};
pub use from_client::{
    ClientInfo, Closed, Fail, Form, FromClient, Hello, Holding, HoldingMore, OnTakedown, ReadyFor, Released,
    Role, ServerUp, Serving, StandIn, Stop, TimedOut, Timeouts, UnixSockets,
};
pub use shared::{Error, Ping, Pong, Progress};

use crate::limits::TEXT_BYTES_MAX;

/// The one protocol version that these types describe.
pub const VERSION: u32 = 1;

/// The name of the one descriptor of a `granted`, and of an `event` that carries a duplicate.
pub const LISTENER: &str = "listener";

/// The capability of an arbiter that serves stand-ins.
pub const STAND_IN: &str = "standIn";

/// What both directions have in common: the reserved keys, without a match in every caller.
pub trait Message: serde::Serialize + Sized {
    /// Every `type` that this direction knows.
    const TYPES: &'static [&'static str];

    /// Reads the JSON object of one line whose `type` is one of [`Self::TYPES`].
    fn from_object(object: serde_json::Map<String, serde_json::Value>) -> serde_json::Result<Self>;

    /// The names of the descriptors that travel with this message, in order.
    fn fds(&self) -> &[String];
}

/// Senders keep to the limit of texts for people, whatever they contain: a path, another
/// peer's text, a list of processes.
fn short<S: serde::Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    serializer.serialize_str(&text[..end])
}

/// As [`short`], for a field that may be absent.
fn short_if_present<S: serde::Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    short(text.as_deref().unwrap_or_default(), serializer)
}

/// An optional field that is there must have a value: `null` is not the same as absent, it
/// is refused.
fn present<'de, T: serde::Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
