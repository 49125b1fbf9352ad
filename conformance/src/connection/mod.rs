//! One end of a protocol connection that a script plays: what the scripted arbiter of `client` and
//! the scripted servers of `supervisor` have in common.
//!
//! It deliberately knows neither drivers nor steps, and shares only the message types, the schema
//! and the state tables with the product: no session, no reconnection.
//!
//! Rules:
//! - Nothing here waits except [`ready`], which has a deadline. Sockets are non-blocking.
//! - Every line of the other side is judged (`wire-valid`); every line of ours, unless it is wrong
//!   on purpose, too (`harness-valid`).
//! - A line is traced when it is read or sent, before it is judged.

mod poll;
mod same_file;
mod scripted;
mod socket;
mod strict_schema;
mod trace;
mod validator;

pub use poll::ready;
pub use same_file::same_file;
pub use scripted::{ConnectionEnd, RawLine, Received, ScriptedConnection};
pub use strict_schema::{fits_strict_schema, warm_up};
pub use trace::Trace;
pub use validator::{Validation, Validator};
