//! The strict schema: what a sender of version 1 may say.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Map, Value, json};
use serverswap_protocol::schema::documents;
use serverswap_protocol::trace::Side;

static VALIDATORS: LazyLock<BTreeMap<(Side, String), Validator>> = LazyLock::new(|| {
    let directions = [
        (Side::Client, "v1/schema/client-to-arbiter.strict.json"),
        (Side::Arbiter, "v1/schema/arbiter-to-client.strict.json"),
    ];
    let documents = documents();
    let schema = |path: &str| documents.iter().find(|document| document.path == path);
    directions
        .into_iter()
        .filter_map(|(side, path)| Some((side, &schema(path)?.content)))
        .flat_map(|(side, schema)| of_direction(side, schema))
        .collect()
});

/// A validator for each `type`, so that an error names the field and not the whole message.
fn of_direction(side: Side, schema: &Value) -> Vec<((Side, String), Validator)> {
    let definitions = &schema["$defs"];
    let of_type = |(name, definition): (&String, &Value)| {
        let kind = definition["properties"]["type"]["const"].as_str()?.to_owned();
        let one = json!({"$ref": format!("#/$defs/{name}"), "$defs": definitions});
        let validator = jsonschema::validator_for(&one).expect("the schemas of the protocol are valid");
        Some(((side, kind), validator))
    };
    definitions.as_object().into_iter().flatten().filter_map(of_type).collect()
}

/// Builds every validator, so that the first line of a conversation is judged as fast as the others.
pub fn warm_up() {
    LazyLock::force(&VALIDATORS);
}

/// Whether a sender of version 1 may say this.
///
/// # Errors
/// Why not.
pub fn fits_strict_schema(speaker: Side, line: &Map<String, Value>) -> Result<(), String> {
    fault(speaker, line).map_or(Ok(()), Err)
}

/// Why a sender of version 1 may not say this.
pub(super) fn fault(speaker: Side, line: &Map<String, Value>) -> Option<String> {
    let kind = line.get("type").and_then(Value::as_str).unwrap_or_default();
    let Some(validator) = VALIDATORS.get(&(speaker, kind.to_owned())) else {
        return Some(format!("version 1 has no message `{kind}` of this side"));
    };
    let line = Value::Object(line.clone());
    let error = validator.iter_errors(&line).next()?;
    let place = error.instance_path().to_string();
    let place = if place.is_empty() { String::new() } else { format!(" (at `{place}`)") };
    Some(format!("`{kind}` does not fit the strict schema: {error}{place}"))
}
