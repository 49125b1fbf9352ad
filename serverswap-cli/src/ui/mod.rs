//! What the operator reads: progress, errors with the next command to run, and the outcome.
//!
//! Deliberately nothing is decided here: [`Report`], [`RunOutcome`] and [`SetupError`] are typed
//! values that others make; this turns them into lines. Progress and errors go to stderr,
//! the result to stdout. An error is always two lines: what went wrong and what is still
//! true, and the next command.

mod console;
mod cut_short;
mod deploy_result;
pub mod duration;
pub(crate) mod grammar;
mod hints;
mod json;
mod not_adoptable;
mod not_ready;
mod outcome;
mod output_queue;
mod report;
mod setup_error;
mod still_serving;
mod style;
mod summary;
mod text;
mod waiting_for;

#[cfg(test)]
mod tests;

pub use self::console::{Conclusion, Console, ResultFormat};
pub use self::cut_short::CutShort;
pub use self::deploy_result::DeployResult;
pub(crate) use self::json::{json_line, result_json};
pub use self::not_adoptable::NotAdoptable;
pub use self::not_ready::NotReady;
pub use self::outcome::*;
pub use self::report::{DrainStatus, Report};
pub use self::setup_error::{SetupError, StillTrue};
pub use self::still_serving::{ServingServer, StillServing};
pub use self::style::{Colour, LogFormat, Verbosity};
pub(crate) use self::style::{GREEN, RED, YELLOW};
pub use self::summary::Summary;
pub use self::waiting_for::{EndingServer, SomeAddresses, WaitingFor};
