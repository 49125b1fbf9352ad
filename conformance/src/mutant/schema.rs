//! The generators of `conformance/mutants/schema.json` and `conformance/mutants/supervisor/schema.json`.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::{Mutant, SupervisorMutant};

/// The schema of a mutant's file.
#[must_use]
pub fn document() -> Value {
    schema_of::<Mutant>("mutant", "client")
}

/// The schema of the file of a mutant of the role supervisor.
#[must_use]
pub fn supervisor_document() -> Value {
    schema_of::<SupervisorMutant>("supervisor-mutant", "supervisor")
}

fn schema_of<M: JsonSchema>(name: &str, subject: &str) -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<M>().to_value();
    schema["$id"] = json!(format!("urn:serverswap:conformance:{name}:v1"));
    schema["title"] = json!(format!("serverswap conformance {}", name.replace('-', " ")));
    schema["description"] = json!(format!(
        "The reference {subject} with one fault, in YAML. Generated from conformance/src/mutant; do not edit."
    ));
    schema
}
