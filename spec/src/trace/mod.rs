//! Checks a recorded conversation against the state tables of `v1/states.json`.
//!
//! Pure: it observes one line after the other, as one side sent and received them, and
//! reports which side broke a rule. It deliberately does not look into the fields that the
//! schema describes, and knows nothing of bytes and descriptors (`line` does).
//!
//! Rules:
//! - A conversation is checked from one side's view: what it receives may have crossed what
//!   it sent, and the tables say which crossings are legal.
//! - A cell that says `never` is the fault of the side whose view it is; a cell that says
//!   `close` is the fault of the other.
//! - A terminal reply reaches an address only if it answers the newest request about it.

mod checker;
pub mod guarantees;
mod requests;
mod table;

use serde_json::{Map, Value};

pub use checker::{Checker, Outcome};
pub use table::{Cell, Kind, Machine, Name, Row, Scope, Table, TableError};

/// Which side sent a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Side {
    /// A server, a supervisor or an observer.
    Client,
    /// The arbiter.
    Arbiter,
}

impl Side {
    /// The other one.
    pub fn other(self) -> Side {
        match self {
            Side::Client => Side::Arbiter,
            Side::Arbiter => Side::Client,
        }
    }
}

/// A line that should not have been sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {} broke the protocol: {message} (`{code}`)", match .by { Side::Client => "client", Side::Arbiter => "arbiter" })]
pub struct Violation {
    /// Which side sent it.
    pub by: Side,
    /// The error code of the rule.
    pub code: String,
    /// What is wrong, for people.
    pub message: String,
}

/// A violation and where it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {}: {violation}", .index + 1)]
pub struct Fault {
    /// Which line, counted from 0.
    pub index: usize,
    /// What is wrong with it.
    #[source]
    pub violation: Violation,
}

/// Checks a whole conversation as `view` recorded it, from the `greeting` on.
///
/// # Errors
/// The first line that breaks a rule.
pub fn check<'a>(
    view: Side,
    lines: impl IntoIterator<Item = (Side, &'a Map<String, Value>)>,
) -> Result<Checker, Fault> {
    let mut checker = Checker::new(view);
    for (index, (speaker, line)) in lines.into_iter().enumerate() {
        checker.observe(speaker, line).map_err(|violation| Fault { index, violation })?;
    }
    Ok(checker)
}
