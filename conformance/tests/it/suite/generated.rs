//! The published schemas are what the types say: `UPDATE_SPEC=1 cargo test -p
//! serverswap-conformance --test it suite` rewrites them, every other run compares.

use std::fs;
use std::path::Path;

use serde_json::Value;
use serverswap_conformance::{contract, scenario};

fn fresh(path: &str, document: &Value) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let expected = format!("{}\n", serde_json::to_string_pretty(document).expect("JSON"));
    if std::env::var_os("UPDATE_SPEC").is_some() {
        return fs::write(file, expected).expect("a writable file");
    }
    let found = fs::read_to_string(file).unwrap_or_default();
    assert!(
        found == expected,
        "conformance/{path} is stale; run: UPDATE_SPEC=1 cargo test -p serverswap-conformance --test it suite"
    );
}

#[test]
fn the_schema_of_the_contract_is_fresh() {
    fresh("contract/v1/schema.json", &contract::document());
}

#[test]
fn the_schema_of_scenarios_is_fresh() {
    fresh("scenarios/schema.json", &scenario::document());
}

#[test]
fn the_published_schemas_are_schemas() {
    for document in [contract::document(), scenario::document()] {
        assert!(jsonschema::meta::is_valid(&document), "{}", document["$id"]);
    }
}
