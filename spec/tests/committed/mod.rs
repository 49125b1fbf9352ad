//! What is committed in `v1/`: documents and schemas.

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::Value;

pub(crate) const DIRECTIONS: [&str; 2] = ["client-to-arbiter", "arbiter-to-client"];

pub(crate) fn spec(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub(crate) fn json(path: &str) -> Value {
    let text = fs::read_to_string(spec(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The two schemas of a direction.
pub(crate) struct Schemas {
    pub(crate) lenient: Validator,
    pub(crate) strict: Validator,
}

impl Schemas {
    pub(crate) fn of(direction: &str) -> Self {
        let validator = |suffix: &str| {
            jsonschema::validator_for(&json(&format!("v1/schema/{direction}{suffix}.json")))
                .expect("a schema")
        };
        Schemas { lenient: validator(""), strict: validator(".strict") }
    }
}
