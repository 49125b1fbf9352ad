//! A small closed-loop load, of HTTP/1.1 or of a protocol of lines, that accounts for every request it makes.
//!
//! It deliberately is no benchmark tool: it never retries, never pipelines and speaks only to
//! this machine. A request that a correct client would have lost is counted as failed, with
//! how it was lost; a connection that the server announced to close (`Connection: close`) is
//! left as HTTP says, and costs nothing.
//!
//! Rules:
//! - Every slot has one request under way at most; the number of slots, requests and seconds is bounded.
//! - A request counts as made "during a swap" if a swap was under way when it began or when it ended.
//! - The load runs on a thread of its own, so that whoever watches it does not slow it down.

mod ask;
mod connection;
mod exchange;
mod failure;
mod latency;
mod load;
mod probe;
mod request;
mod response;
mod shared;
mod slot;
mod stream;
mod tally;
mod target;
mod timeline;

pub use ask::{ask, ask_for};
pub use failure::Failure;
pub use latency::Latency;
pub use load::{Load, LoadError, Plan};
pub use probe::{Probe, ProbeReport, Refusal};
pub use request::RequestKind;
pub use response::{Answer, Malformed};
pub use slot::{Connections, Slot};
pub use tally::{Answerer, FailedRequest, Figures, Phase, Tally};
pub use target::{Target, TargetError};
pub use timeline::{STEPS_MAX, Source, Step, Timeline};
