//! What `--trace` records of the arbiter's core: what it began with, and each turn of it. `spec/README.md`, "Recordings",
//! says where these stand in a recording; what is in them belongs to this program.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serverswap::sys::process::Process;

use crate::arbiter::{ArbiterAction, ArbiterEvent, Remains};
use crate::state::Snapshot;

/// The form of these records. It is raised when a build can no longer read those of the one before.
pub(crate) const FORMAT: u32 = 1;

/// An arbiter begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StartRecord {
    pub(crate) format: u32,
    /// The version of the program.
    pub(crate) build: String,
    pub(crate) now_nanos: u64,
    /// Who holds what, as the arbiter before has written it.
    pub(crate) state: Snapshot,
    /// Who of those whom the state names lives.
    pub(crate) alive: BTreeSet<Process>,
    /// The living processes of generations of which no server lives.
    pub(crate) remains: Remains,
}

/// What is written of a turn that was taken.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TurnTaken<'a> {
    pub(crate) now_nanos: u64,
    pub(crate) events: Vec<&'a ArbiterEvent>,
    pub(crate) actions: &'a [ArbiterAction],
}

/// The same, as it is read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TurnRecord {
    pub(super) now_nanos: u64,
    pub(super) events: Vec<ArbiterEvent>,
    /// As they were written: an action that this build does not have is a difference and no error.
    pub(super) actions: Vec<Value>,
}

pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
