//! `serverswap stop`: takes servers down in order, whoever started them, and waits until nothing of them is left.
//!
//! Pure: [`running`] reads the state, [`Selection`] says what of it is meant, and [`Stop`] decides who is asked, how often, and
//! what is told. Time is an argument; connections, signals and processes are those of [`runtime::stop`](crate::runtime::stop).
//!
//! - A generation whose supervisor lives is stopped by that one, which gets TERM as from anybody else; so a server that it would
//!   restart is not.
//! - Any other is taken down through the arbiter, in the place of its supervisor. The arbiter keeps the deadlines.
//! - What the arbiter does not take down gets TERM from here when the drain timeout is over, and KILL after that: a server that does
//!   not come back to it (it may be stopped), one that is in no state, and one whose supervisor was killed before it was up.
//! - A deploy that was under way is stopped with what it replaces; one that was typed after the stop is not: the latest
//!   command wins.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod conclusion;
mod core;
mod running;
mod selection;

#[cfg(test)]
mod tests;

pub(crate) use self::conclusion::{NotStopped, Stopped};
pub(crate) use self::core::{Limits, Stop, StopAction};
pub(crate) use self::running::{Running, running};
pub(crate) use self::selection::{NotSelected, Selection, Target};
