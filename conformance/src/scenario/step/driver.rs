//! The bodies of the steps `driver` and `event`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::wire::Send;
use crate::scenario::Pattern;

/// A command to the driver. Keys that are not named here are those of the command.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
pub struct DriverStep {
    /// The command of the contract.
    pub cmd: String,
    /// What the reply has to be. Absent: `{ok: true}`.
    #[serde(default)]
    pub reply: Option<Pattern>,
    /// The name of the check.
    #[serde(default)]
    pub check: Option<String>,
    /// What it proves.
    #[serde(default)]
    pub spec: Vec<String>,
    /// How long it may take, in milliseconds, instead of the usual limit.
    #[serde(default)]
    pub within_ms: Option<u64>,
    /// Sent while the driver's process is stopped, after the command was written: both are there when it goes on.
    #[serde(default)]
    pub sends: Option<Send>,
    /// How often it is given; `$i` counts from 1.
    #[serde(default)]
    pub times: Option<u32>,
    /// The fields of the command; names in them are replaced.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

/// Waits for the next event. Keys that are not named here are those of the event.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
pub struct EventStep {
    /// The event of the contract.
    pub event: String,
    /// The name of the check.
    #[serde(default)]
    pub check: Option<String>,
    /// What it proves.
    #[serde(default)]
    pub spec: Vec<String>,
    /// How long it may take, in milliseconds, instead of the usual limit.
    #[serde(default)]
    pub within_ms: Option<u64>,
    /// It must not come earlier than this many milliseconds after the wait began.
    #[serde(default)]
    pub after_ms: Option<u64>,
    /// Or one of these, where the contract leaves it to the library.
    #[serde(default)]
    pub or: Vec<String>,
    /// It must have been told before the driver's last reply: for `sync`, which waits for nothing but what is there.
    #[serde(default)]
    pub before_reply: bool,
    /// How many such events must follow each other; `$i` counts from 1.
    #[serde(default)]
    pub times: Option<u32>,
    /// What the other fields have to be; a pattern each.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}
