//! Which clauses have a check.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use serverswap_conformance::report::Role;
use serverswap_conformance::scenario::Catalogue;
use serverswap_conformance::{client, supervisor};

/// What the cases of a role cite: scenarios with a named check, the check of every case, and, for a client,
/// the vectors that each is run with.
pub fn cited_by(role: Role) -> BTreeSet<String> {
    let mut cited = of_scenarios(role);
    match role {
        Role::Client => {
            cited.extend(client::WIRE_VALID_SPEC.map(str::to_owned));
            cited.extend(vectors().iter().flat_map(|file| of_vector(file)));
        }
        Role::Supervisor => cited.extend(supervisor::WIRE_VALID_SPEC.map(str::to_owned)),
    }
    cited
}

fn of_scenarios(role: Role) -> BTreeSet<String> {
    let catalogue = Catalogue::embedded().expect("every scenario can be read");
    let mut cited = BTreeSet::new();
    for scenario in catalogue.scenarios().iter().filter(|scenario| scenario.role == role) {
        let checks = scenario.checks();
        if !checks.is_empty() {
            cited.extend(scenario.spec.iter().cloned());
        }
        cited.extend(checks.into_iter().flat_map(|(_, spec)| spec));
    }
    cited
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

fn of_vector(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).expect("a vector can be read");
    let vector: Value = serde_json::from_str(&text).expect("a vector is JSON");
    if vector["binds"] == "arbiter" {
        return Vec::new();
    }
    let spec = vector["spec"].as_array().into_iter().flatten();
    spec.filter_map(Value::as_str).map(str::to_owned).collect()
}
