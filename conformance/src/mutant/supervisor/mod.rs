//! Mutants of the role supervisor: the reference supervisor with one fault, as data. One YAML file a
//! mutant in `conformance/mutants/supervisor/`.
//!
//! They are what the mutants of a client are: a filter at the boundary of the program under test
//! (`runner::Fault`), switched on at the step whose check is to fail. The check that
//! every case has (`wire-valid`) is one check, and for it the fault is on from the beginning.

mod faulty;
mod lines;
mod target;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Change, Kills};
use crate::report::Role;

pub use faulty::FaultyArbiter;
pub use target::supervisor_checks;

/// One file of `conformance/mutants/supervisor/`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SupervisorMutant {
    /// The name of the file, without `.yaml`.
    pub id: String,
    /// `supervisor`.
    pub role: Role,
    /// What it does wrong: a sentence about the supervisor.
    pub title: String,
    /// The fault.
    pub fault: ArbiterFilters,
    /// The checks that fail because of it.
    pub kills: Vec<Kills>,
}

/// What is changed of everything that comes from the command under test. Every filter that is left
/// out lets everything pass.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArbiterFilters {
    /// Lines of the arbiter on the wire, by their `type`.
    #[serde(default)]
    pub line: Option<Change>,
    /// A line that the arbiter says in addition.
    #[serde(default)]
    pub says: Option<SaysBefore>,
    /// Lines that come later than they should.
    #[serde(default)]
    pub late: Option<Late>,
    /// Descriptors that are not those that should come.
    #[serde(default)]
    pub fds: Option<OtherFds>,
    /// It leaves connections open that it should close.
    #[serde(default)]
    pub never_closes: bool,
    /// The server that it starts finds nothing in its environment.
    #[serde(default)]
    pub starts_bare: bool,
    /// Servers that it should end live on.
    #[serde(default)]
    pub spares_servers: bool,
    /// Users' connections were refused.
    #[serde(default)]
    pub shuts_out: bool,
    /// The status with which a command ends.
    #[serde(default)]
    pub exits_with: Option<i32>,
}

/// A line in addition.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SaysBefore {
    /// Before a line of this type.
    pub before: String,
    /// What is said.
    pub line: Map<String, Value>,
}

/// Lines that are held back.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Late {
    /// Those of this type.
    pub of: String,
    /// Until one of this type was said.
    pub until: String,
}

/// Other descriptors.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OtherFds {
    /// Those of lines of these types.
    pub of: Vec<String>,
    /// Which ones.
    pub are: WhichFds,
}

/// Which descriptors come instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhichFds {
    /// As many, of other files.
    Others,
    /// One more, which the line does not name.
    OneMore,
}
