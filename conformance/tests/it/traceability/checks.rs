//! Which requirements have a check.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use serverswap_conformance::scenario::Catalogue;

/// The ids that a scenario with a named check, or a vector, says that it proves.
pub fn requirements_with_a_check() -> BTreeSet<String> {
    let mut ids = of_scenarios();
    for file in vectors() {
        let text = fs::read_to_string(&file).expect("a vector can be read");
        let vector = serde_json::from_str(&text).expect("a vector is JSON");
        of_vector(&vector, &mut ids);
    }
    ids
}

fn of_scenarios() -> BTreeSet<String> {
    let catalogue = Catalogue::embedded().expect("every scenario can be read");
    let mut ids = BTreeSet::new();
    for scenario in catalogue.scenarios() {
        let checks = scenario.checks();
        if !checks.is_empty() {
            ids.extend(scenario.spec.iter().cloned());
        }
        ids.extend(checks.into_iter().flat_map(|(_, spec)| spec));
    }
    ids
}

/// The files of the folders whose vectors each client is run with, and the addresses.
fn vectors() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/v1/vectors");
    let mut files = vec![root.join("addresses.json")];
    for folder in ["valid", "invalid", "future"] {
        collect(&root.join(folder), &mut files);
    }
    files
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder of vectors can be read") {
        let path = entry.expect("its entries can be read").path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

fn of_vector(value: &Value, ids: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            let spec = object.get("spec").and_then(Value::as_array).into_iter().flatten();
            ids.extend(spec.filter_map(Value::as_str).map(str::to_owned));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {}
    }
}
