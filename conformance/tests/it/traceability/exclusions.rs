//! The clauses that have no check, each with its reason.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serverswap_conformance::report::{Requirement, Role};

/// One entry of `conformance/scenarios/exclusions.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    /// The requirement, or a clause of it.
    pub id: String,
    /// Which cases have no check of a sentence that binds every side; without it, those of either role.
    pub role: Option<Role>,
    /// Why it has no check.
    pub reason: String,
    /// Tests of serverswap that show it, each `path from the root::name`.
    #[serde(default)]
    pub shown_by: Vec<String>,
}

impl Exclusion {
    /// The clauses that it is about.
    pub fn citations(&self) -> Vec<String> {
        if self.id.contains('/') {
            return vec![self.id.clone()];
        }
        Requirement::find(&self.id).into_iter().flat_map(Requirement::citations).collect()
    }

    /// Whether it is about cases of this role.
    pub fn is_about(&self, role: Role) -> bool {
        self.role.is_none_or(|only| only == role)
            && Requirement::find(&self.id).is_some_and(|requirement| requirement.binds(role))
    }
}

/// Every entry, in the order of the file.
pub fn exclusions() -> Vec<Exclusion> {
    let file = root().join("conformance/scenarios/exclusions.yaml");
    let text = fs::read_to_string(file).expect("the list of exclusions can be read");
    serde_saphyr::from_str(&text).expect("the list of exclusions is in form")
}

/// Whether a file of the repository has a test of this name.
pub fn is_a_test(shown_by: &str) -> bool {
    let Some((path, name)) = shown_by.split_once("::") else { return false };
    let text = fs::read_to_string(root().join(path)).unwrap_or_default();
    let function = format!("fn {name}(");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| line.contains(&function));
    at.is_some_and(|at| {
        lines[..at].iter().rev().take_while(|line| line.starts_with("#[")).any(|line| line.contains("test"))
    })
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
