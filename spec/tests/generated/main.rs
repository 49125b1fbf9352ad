//! Everything generated is fresh: `UPDATE_SPEC=1 cargo test -p serverswap-protocol
//! --all-features` rewrites it, every other run compares.

#![cfg(feature = "schema")]

mod errors;
mod fields;
mod markdown;
mod messages;
mod requirements;
mod states;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn spec(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Compares a file with what it should be, or makes it so.
fn fresh(path: &str, expected: &str) {
    let file = spec(path);
    if std::env::var_os("UPDATE_SPEC").is_some() {
        fs::create_dir_all(file.parent().expect("a folder")).expect("a writable folder");
        return fs::write(&file, expected).expect("a writable file");
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    let differs = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    assert!(
        found == expected,
        "{path} is stale, first in line {}; run: UPDATE_SPEC=1 cargo test -p serverswap-protocol --all-features",
        differs.map_or(found.lines().count().min(expected.lines().count()), |line| line) + 1,
    );
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("JSON");
    text.push('\n');
    text
}

#[test]
fn the_schemas_and_meta_json_are_what_the_types_say() {
    for document in serverswap_protocol::schema::documents() {
        fresh(document.path, &pretty(&document.content));
    }
}

#[test]
fn the_tables_in_the_text_and_its_list_of_requirements_are_fresh() {
    let text = fs::read_to_string(spec("README.md")).expect("spec/README.md");
    let text = markdown::filled(&text);
    fresh("README.md", &text);
    fresh("v1/requirements.json", &pretty(&requirements::document(&text)));
}

#[test]
fn the_state_tables_are_fresh() {
    let text = fs::read_to_string(spec("STATES.md")).expect("spec/STATES.md");
    fresh("STATES.md", &markdown::filled(&text));
}
