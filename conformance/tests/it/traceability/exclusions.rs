//! The requirements that have no check, each with its reason.

use std::fs;
use std::path::Path;

use serde::Deserialize;

/// One entry of `conformance/scenarios/exclusions.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    /// The requirement.
    pub id: String,
    /// Why it has no check.
    pub reason: String,
    /// Tests of serverswap that show it, each `path from the root::name`.
    #[serde(default)]
    pub shown_by: Vec<String>,
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
