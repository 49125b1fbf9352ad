//! What a run has found out, and the forms in which it is reported.
//!
//! The types here are what every run produces: against a client, against a supervisor, or of a
//! recording. They deliberately hold no judgement about lists of known failures, and nothing of
//! how a case was run: [`crate::config`] judges, the engines run.
//!
//! The JSON of these types is published: `conformance/report/v1/schema.json`.

mod badge;
mod dedupe;
mod excerpt;
mod folder;
mod judgement;
mod junit;
mod level;
mod markdown;
mod published;
mod repeated;
mod requirement;
mod terminal;
mod trace;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::suite::SUITE;

pub use badge::badge;
pub use excerpt::{excerpt, one_line};
pub use folder::{Folder, FolderError, read_json};
pub use judgement::{Counts, Judgement, Scope, Standing, Verdict};
pub use junit::junit;
pub use level::Level;
pub use markdown::markdown;
pub use published::{Published, Summary, schema};
pub use repeated::repeated;
pub use requirement::{Requirement, check_citation};
pub use terminal::{closing_line, smoke, terminal};
pub use trace::{Party, TraceLine};

/// Everything that one run has found out about one subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The program that ran the cases.
    pub suite: Suite,
    /// The program that they were run against.
    pub subject: Subject,
    /// The major version of the protocol.
    pub protocol: u32,
    /// The level that was asked for: cases above it were not run and are not in the report.
    pub level: u8,
    /// In the order of the catalogue.
    pub cases: Vec<Case>,
}

/// The program that ran the cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Suite {
    /// `serverswap-conformance`.
    pub name: String,
    /// Of the suite, as in `1.0`: the version of the protocol, and which cases there are. Not that of the package.
    pub version: String,
    /// The version that is pinned, if it is an older one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<String>,
}

impl Suite {
    /// Its version, and the pinned one beside it.
    pub(crate) fn shown(&self) -> String {
        let pinned = self.pinned.as_ref().map(|pinned| format!(" (pinned: {pinned})"));
        format!("{}{}", self.version, pinned.unwrap_or_default())
    }

    /// This program.
    #[must_use]
    pub fn this() -> Suite {
        Suite { name: env!("CARGO_PKG_NAME").to_owned(), version: SUITE.to_string(), pinned: None }
    }
}

/// The program under test, as it names itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// Which side of the protocol it speaks.
    pub role: Role,
    /// As in `serverswap-go`.
    pub name: String,
    /// Of the subject.
    pub version: String,
    /// The programming language, for a client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Of the language's implementation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language_version: Option<String>,
    /// Where one reads more about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
}

/// A side of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// A client library, wrapped in a driver.
    Client,
    /// A supervisor, which is any command that starts a server.
    Supervisor,
}

/// One case of the catalogue, run or skipped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Case {
    /// Stable for ever, with its permutation: `robust/split/granted[at=7]`.
    pub id: String,
    /// A sentence.
    pub title: String,
    /// The level that it belongs to.
    pub level: u8,
    /// The requirements that the case as a whole proves.
    pub spec: Vec<String>,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The named expectations that were reached, in order.
    pub checks: Vec<Check>,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// What was said, in order.
    pub trace: Vec<TraceLine>,
    /// What the program under test wrote to standard error.
    pub stderr: String,
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "camelCase")]
pub enum Outcome {
    /// Every check passed.
    Passed,
    /// At least one check did not.
    Failed,
    /// The subject does not claim what the case needs.
    Skipped {
        /// What is not claimed.
        why: String,
    },
    /// The suite itself failed, or the driver broke its contract: says nothing about the client.
    Suite {
        /// What went wrong, and whose fault it is.
        why: String,
    },
}

/// A named expectation of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Stable within the case.
    pub name: String,
    /// The requirements that it proves; empty for those of the case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spec: Vec<String>,
    /// Whether what was expected happened.
    pub passed: bool,
    /// What was expected and what happened instead, when it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Case {
    /// The checks that did not pass.
    pub fn failed_checks(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| !check.passed)
    }

    /// The requirements that a check of the case proves: its own, or those of the case.
    #[must_use]
    pub fn spec_of<'a>(&'a self, check: &'a Check) -> &'a [String] {
        if check.spec.is_empty() { &self.spec } else { &check.spec }
    }

    /// What is to be said about it in one text: the failed checks, or why it was not run.
    pub(crate) fn why(&self) -> String {
        match &self.outcome {
            Outcome::Passed => String::new(),
            Outcome::Skipped { why } | Outcome::Suite { why } => why.clone(),
            Outcome::Failed => {
                let failed = self.failed_checks().map(|check| {
                    let message = check.message.as_deref().unwrap_or("did not pass");
                    format!("{}: {message}", check.name)
                });
                failed.collect::<Vec<_>>().join("\n")
            }
        }
    }
}
