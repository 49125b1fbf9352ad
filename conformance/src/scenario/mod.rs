//! Scenarios: what a case of the suite does and expects, as data. One YAML file a case; its
//! schema is `conformance/scenarios/schema.json`, its text `conformance/scenarios/README.md`.
//!
//! It deliberately plays nothing (`runner` does). Loops and conditions are not in
//! the language: a case is a list of steps, and `matrix` repeats it with other values.
//!
//! Rules:
//! - A mistake in a file is an error that names the file and the line, before anything runs.
//! - An id is the path of the file below `conformance/scenarios/` and is never given to another case.

mod catalogue;
mod located;
mod matrix;
mod parse;
mod pattern;
mod process;
mod review;
mod schema;
mod short;
mod split;
mod step;
mod template;
mod variables;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::contract::Support;
use crate::report::Role;
use crate::suite::SuiteVersion;

pub use catalogue::{Catalogue, CatalogueError, Instance, LEVEL_MAX, Selection};
pub use located::Located;
pub use matrix::{Axis, EveryByte};
pub use parse::{ParseError, parse};
pub use pattern::Pattern;
pub use process::{FakeServer, Kill, Probe, SilentServer, Start};
pub use schema::document;
pub use short::Short;
pub use split::{Offset, Split};
pub use step::{
    Accept, Answered, CheckLabel, Closed, ConnectTo, DescriptorKind, DescriptorStep, Descriptors, DriverStep,
    Ending, EventStep, Exits, Expect, Greet, Limit, ListenerStep, On, OpenFiles, Quiet, Recipient, Send,
    Signal, SignalName, Sockets, Step, Unlisten,
};
pub use template::Template;
pub use variables::{Unbound, Variables};

/// One file of the catalogue.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The file that it was read from, if that is one of the user's.
    #[serde(skip)]
    pub file: Option<String>,
    /// The path below `conformance/scenarios/`, without `.yaml`.
    pub id: String,
    /// A sentence.
    pub title: String,
    /// Which side of the protocol is under test.
    pub role: Role,
    /// 1 core, 2 descriptors, 3 robustness.
    #[schemars(range(min = 1, max = 3))]
    pub level: u8,
    /// Whether it proves what the text only recommends: a failure is shown and does not count.
    #[serde(default)]
    pub should: bool,
    /// What the driver has to support; otherwise the case is skipped.
    #[serde(default)]
    pub needs: Vec<Support>,
    /// The capabilities that the arbiter's `greeting` has to list; otherwise the case is skipped.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// The version of the suite that has it first.
    pub since: SuiteVersion,
    /// The requirements that the case as a whole proves.
    #[serde(default)]
    pub spec: Vec<String>,
    /// Variables of the environment beyond what a supervisor sets, or instead of it; `null`
    /// leaves one out.
    #[serde(default)]
    pub environment: BTreeMap<String, Option<String>>,
    /// Long texts, by the name under which they stand for themselves.
    #[serde(default)]
    pub texts: BTreeMap<String, Repeated>,
    /// Repeats the case for each value.
    #[serde(default)]
    pub matrix: BTreeMap<String, Axis>,
    /// What is done and expected, in order.
    pub steps: Vec<Located<Step>>,
}

impl Scenario {
    /// The steps of the case with their numbers, counted from 1. Steps inside `any_order` have numbers of their own, which
    /// follow that of the `any_order`.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, &Located<Step>)> {
        let mut next = 1;
        self.steps.iter().map(move |step| {
            let number = next;
            step.value.visit(&mut |_| next += 1);
            (number, step)
        })
    }

    /// Every named check and the requirements of its step, those inside `any_order` included.
    #[must_use]
    pub fn checks(&self) -> Vec<(String, Vec<String>)> {
        let mut checks = Vec::new();
        for step in &self.steps {
            step.value.visit(&mut |step| {
                if let Some(CheckLabel { check: Some(name), spec }) = step.checked() {
                    checks.push((name.clone(), spec.clone()));
                }
            });
        }
        checks
    }

    /// The cases that the matrix makes of it: one without a matrix.
    #[must_use]
    pub fn instances(self) -> Vec<Instance> {
        matrix::instances(self)
    }
}

/// A text, again and again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repeated {
    /// The text.
    pub repeat: String,
    /// How often.
    pub times: usize,
}

/// Values by name.
pub type Values = BTreeMap<String, Value>;
