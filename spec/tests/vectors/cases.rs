//! The vectors that are one JSON document each.

use std::fs;

use serde_json::Value;

use crate::committed::spec;

/// Every JSON vector below a folder of `v1/vectors/`, with its path without the extension.
pub(crate) fn vectors(folder: &str) -> Vec<(String, Value)> {
    let root = spec("v1/vectors");
    let mut waiting = vec![root.join(folder)];
    let mut found = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting
                .extend(fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|extension| extension == "json") {
            let text = fs::read_to_string(&path).expect("text");
            let name = path.strip_prefix(&root).expect("below").with_extension("");
            let vector =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            found.push((name.display().to_string(), vector));
        }
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    assert!(!found.is_empty(), "{folder} has vectors");
    found
}
