//! The generator of `conformance/scenarios/schema.json`.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::Scenario;

/// The schema of a scenario file.
#[must_use]
pub fn document() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Scenario>().to_value();
    schema["$id"] = json!("urn:serverswap:conformance:scenario:v1");
    schema["title"] = json!("serverswap conformance scenario");
    schema["description"] = json!(
        "One case of the suite, in YAML. conformance/scenarios/README.md is the text. \
         Generated from conformance/src/scenario; do not edit."
    );
    schema
}
