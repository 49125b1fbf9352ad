//! What a sender of version 1 may send: no unknown key (`ext` is declared and open), no
//! unknown value of an open enum, and from the arbiter addresses in canonical form.
//!
//! `additionalProperties` suffices for closing, because every definition is self-contained;
//! it is understood by more tools than `unevaluatedProperties`.

use serde_json::{Map, Value, json};

use super::plain::walk;
use super::text;
use crate::message::LISTENER;

/// Turns the derived schema into the sender's.
pub(super) fn close(schema: &mut Value) {
    let definitions = schema["$defs"].as_object_mut().expect("definitions");
    for definition in definitions.values_mut() {
        if definition["properties"].is_object() {
            definition["additionalProperties"] = json!(false);
        }
    }
    walk(schema, &mut |object| {
        close_enum(object);
        name_descriptors(object);
    });
}

/// Leaves the canonical texts of addresses: an arbiter sends no other.
pub(super) fn only_canonical_addresses(schema: &mut Value) {
    if let Some(address) = schema["$defs"].get_mut("Address") {
        address["pattern"] = json!(text::canonical_address());
    }
}

/// Takes the value from the future out of an open enum.
fn close_enum(object: &mut Map<String, Value>) {
    if object.remove("x-open").is_none() {
        return;
    }
    let Some(Value::Array(mut values)) = object.remove("anyOf") else {
        unreachable!("an open enum is an anyOf of its values");
    };
    values.retain(|value| value.get("const").is_some());
    object.insert("oneOf".to_owned(), Value::Array(values));
}

/// Descriptor names are distinct, and the one descriptor of a message that has one is the
/// `listener`.
fn name_descriptors(object: &mut Map<String, Value>) {
    let Some(fds) = object.get_mut("fds").filter(|fds| fds["type"] == "array") else {
        return;
    };
    fds["uniqueItems"] = json!(true);
    if fds["maxItems"] == 1 {
        fds["items"] = json!({ "type": "string", "const": LISTENER });
    }
}
