//! Mutants: the reference client with one fault, as data. One YAML file a mutant in
//! `conformance/mutants/`; its schema is `conformance/mutants/schema.json`. Those of a supervisor are in
//! `conformance/mutants/supervisor/`, and their words in the module `supervisor`.
//!
//! A check that no fault can fail proves nothing. So each mutant says which checks fail because of
//! it, and a test runs them: each check of each case is in the list of at least one mutant. The two
//! checks that every case has (`wire-valid`, `clean-exit`) are one check each.
//!
//! It deliberately changes nothing in the client: a fault is a filter at the boundary of the
//! program under test (`runner::Fault`), and the client behaves well until the step begins whose
//! check is to fail. So a case fails in that check and not on the way to it.

mod change;
mod faulty;
mod parse;
mod schema;
mod supervisor;
mod switch;
mod target;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

pub use change::Change;
pub use faulty::Faulty;
pub use parse::{MutantError, Mutants};
pub use schema::{document, supervisor_document};
pub use supervisor::{ArbiterFilters, FaultyArbiter, SupervisorMutant, supervisor_checks};
use switch::Switch;

pub use target::{Kills, Target, checks};

/// One file of `conformance/mutants/`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    /// The name of the file, without `.yaml`.
    pub id: String,
    /// What it does wrong: a sentence about the client.
    pub title: String,
    /// The fault.
    pub fault: Filters,
    /// The checks that fail because of it.
    pub kills: Vec<Kills>,
}

/// What is changed of everything that comes from the program under test. Every filter that is left
/// out lets everything pass.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filters {
    /// Lines of the client on the wire, by their `type`.
    #[serde(default)]
    pub line: Option<Change>,
    /// A line that the client says in addition when the arbiter has sent one of a type.
    #[serde(default)]
    pub says: Option<Says>,
    /// Events of the driver, by their name.
    #[serde(default)]
    pub event: Option<Change>,
    /// Replies of the driver.
    #[serde(default)]
    pub reply: Option<Change>,
    /// The driver tells its events after its next reply only.
    #[serde(default)]
    pub late_events: bool,
    /// An event that the driver tells before its next reply.
    #[serde(default)]
    pub tells: Option<Map<String, Value>>,
    /// The client does not close its connection.
    #[serde(default)]
    pub never_closes: bool,
    /// The client does not connect.
    #[serde(default)]
    pub never_connects: bool,
    /// The client has so many more descriptors open, in all and of each file.
    #[serde(default)]
    pub leaks: u64,
    /// The client has closed every descriptor.
    #[serde(default)]
    pub closes_everything: bool,
    /// No descriptor is close-on-exec, and none is non-blocking.
    #[serde(default)]
    pub clears_flags: bool,
    /// What users get back instead of the answer.
    #[serde(default)]
    pub answers: Option<String>,
    /// Users' connections are refused.
    #[serde(default)]
    pub shuts_out: bool,
    /// The status with which the driver's process ends.
    #[serde(default)]
    pub exits_with: Option<i32>,
}

/// A line in addition.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Says {
    /// After a line of the arbiter of this type.
    pub after: String,
    /// What is said.
    pub line: Map<String, Value>,
}
