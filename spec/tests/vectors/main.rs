//! Every vector in `v1/vectors/` gets the verdict that it names, from the types and from both
//! schemas as they are committed.

mod addresses;
mod cases;
#[path = "../committed/mod.rs"]
mod committed;
mod lines;
mod sequences;

use std::collections::BTreeSet;

use serde_json::Value;

#[test]
fn every_schema_is_itself_valid() {
    for direction in committed::DIRECTIONS {
        for suffix in ["", ".strict"] {
            let schema = committed::json(&format!("v1/schema/{direction}{suffix}.json"));
            assert!(jsonschema::meta::is_valid(&schema), "{direction}{suffix}");
        }
    }
}

#[test]
fn every_vector_names_requirements_that_exist_and_carries_its_own_path_as_id() {
    let requirements = committed::json("v1/requirements.json");
    let list = requirements["requirements"].as_array().expect("a list");
    let known: BTreeSet<&str> = list.iter().filter_map(|requirement| requirement["id"].as_str()).collect();
    for (path, vector) in cases::vectors("") {
        let spec = vector["spec"].as_array().unwrap_or_else(|| panic!("{path} has no `spec`"));
        for id in spec.iter().filter_map(Value::as_str) {
            assert!(known.contains(id.split('/').next().unwrap_or(id)), "{path}: {id}");
        }
        let id = vector["id"].as_str().unwrap_or(&path);
        assert_eq!(id, path, "ids are for ever");
    }
}
