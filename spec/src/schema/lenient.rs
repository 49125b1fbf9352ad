//! What a receiver has to accept: bounds that only oblige a sender are taken out, and a
//! message of an unknown `type` is part of the schema.

use serde_json::{Map, Value, json};

use super::plain::walk;
use crate::limits::{FDS_PER_LINE_MAX, INTEGER_MAX};

/// Turns the derived schema into the receiver's.
pub(super) fn relax(schema: &mut Value, known: &[&str]) {
    walk(schema, &mut |object| {
        drop_sender_bounds(object);
        free_vendor_keys(object);
    });
    let definitions = schema["$defs"].as_object_mut().expect("definitions");
    for definition in definitions.values_mut().filter(|definition| is_message(definition)) {
        let properties = definition["properties"].as_object_mut().expect("a message has properties");
        for (key, reserved) in reserved() {
            properties.entry(key).or_insert(reserved);
        }
        properties.insert("fds".to_owned(), fds());
    }
    definitions.insert("UnknownMessage".to_owned(), unknown(known));
    let branches = schema["oneOf"].as_array_mut().expect("the messages");
    branches.push(json!({ "$ref": "#/$defs/UnknownMessage" }));
}

fn is_message(definition: &Value) -> bool {
    definition["properties"]["type"]["const"].is_string()
}

fn drop_sender_bounds(object: &mut Map<String, Value>) {
    for key in ["maxLength", "maxItems", "minItems"] {
        object.remove(key);
    }
    let integer = object.get("type").is_some_and(|kind| kind == "integer");
    if integer && object.get("maximum").is_some_and(|maximum| maximum != &json!(u32::MAX)) {
        object.insert("maximum".to_owned(), json!(INTEGER_MAX));
    }
}

fn free_vendor_keys(object: &mut Map<String, Value>) {
    object.remove("propertyNames");
}

/// The reserved keys are checked in every line, also where the message does not use them.
fn reserved() -> [(&'static str, Value); 3] {
    let number =
        |says: &str| json!({ "description": says, "type": "integer", "minimum": 1, "maximum": INTEGER_MAX });
    [
        ("id", number("Reserved. Present exactly when a terminal reply is owed.")),
        ("re", number("Reserved. The `id` that this answers.")),
        ("ext", json!({ "description": "Reserved. Data of vendors.", "type": "object" })),
    ]
}

fn fds() -> Value {
    json!({
        "description": "Reserved. The names of the attached descriptors, in order.",
        "type": "array",
        "items": { "type": "string" },
        "uniqueItems": true,
        "maxItems": FDS_PER_LINE_MAX,
    })
}

fn unknown(known: &[&str]) -> Value {
    let mut properties =
        Map::from_iter([("type".to_owned(), json!({ "type": "string", "not": { "enum": known } }))]);
    properties.extend(reserved().map(|(key, value)| (key.to_owned(), value)));
    properties.insert("fds".to_owned(), fds());
    json!({
        "title": "unknown",
        "description": "A message from the future: with an `id` it is answered with `error` `unknown_type`, without one it is ignored.",
        "type": "object",
        "properties": properties,
        "required": ["type"],
    })
}
