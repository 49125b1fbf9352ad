//! Named points at which a test can hold a process still; nothing without the feature `points`.
//!
//! Deliberately no decision here: a process says which point it has come to, and goes on when it is told to. What
//! happens to it there (SIGKILL, SIGSTOP) is done by the test, from outside.
//!
//! Rules:
//! - The feature is for builds that are tested: the programs that are shipped are built without
//!   it, and a build that is optimised refuses it.
//! - `SERVERSWAP_POINTS` names the Unix socket of the test. A server gets the variable as its supervisor has it, so a
//!   test that wants only one of the two sets or removes it in the command of the server.
//! - One line a point, one byte back. Without the variable, or when the test is gone, a point is passed at once.

#[cfg(feature = "points")]
mod lines;
#[cfg(feature = "points")]
mod socket;

#[cfg(not(feature = "points"))]
mod disabled;

#[cfg(not(feature = "points"))]
pub use disabled::{Lines, at};

#[cfg(feature = "points")]
pub use lines::Lines;
#[cfg(feature = "points")]
pub use socket::at;

#[cfg(all(feature = "points", not(debug_assertions)))]
compile_error!("the feature `points` is for tests: a program that is shipped must not have it");
