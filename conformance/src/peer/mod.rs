//! One end of a protocol connection that a script plays: what the scripted arbiter of `engine` and
//! the scripted clients of `supervisor` have in common.
//!
//! It deliberately knows neither drivers nor steps, and shares only the message types, the schema
//! and the state tables with the product: no session, no reconnection.
//!
//! Rules:
//! - Nothing here waits except [`ready`], which has a deadline. Sockets are non-blocking.
//! - Every line of the other side is judged (`wire-valid`); every line of ours, unless it is wrong
//!   on purpose, too (`harness-valid`).
//! - A line is traced when it is read or sent, before it is judged.

mod judge;
mod link;
mod ready;
mod same;
mod socket;
mod strict;
mod trace;

pub use judge::{Judge, Judged};
pub use link::{Ended, Heard, Link, RawLine};
pub use ready::ready;
pub use same::same_file;
pub use strict::{fits_strict_schema, warm_up};
pub use trace::Trace;
