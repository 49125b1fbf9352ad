//! What the operator is told: progress, errors with the next command to run, and the end.
//!
//! Deliberately nothing is decided here: [`Report`], [`Outcome`] and [`Fault`] are typed
//! values that others make; this turns them into lines. Progress and errors go to stderr,
//! the result to stdout. An error is always two lines: what went wrong and what is still
//! true, and the next command.

mod console;
pub mod duration;
mod fault;
mod hints;
mod json;
mod outcome;
mod report;
mod survivors;
mod verdict;
mod wording;
pub(crate) mod words;

#[cfg(test)]
mod tests;

pub use self::console::{Colour, Console, LogFormat, ResultFormat, Verbosity};
pub use self::fault::{Fault, StillTrue};
pub use self::json::{fault_json, outcome_json};
pub use self::outcome::*;
pub use self::report::{Draining, Level, Report};
pub use self::survivors::{Survivor, Survivors};
pub use self::verdict::Verdict;
