//! One self-contained definition a message: its `type`, its own fields and `ext` side by
//! side. The derived form, a `$ref` beside `properties`, breaks plain generators.

use serde_json::{Map, Value, json};

/// The pattern of a key in `ext`: reverse DNS.
const VENDOR_KEY: &str = r"^[a-z0-9-]+(\.[A-Za-z0-9_-]+)+$";

/// Rewrites the top-level `oneOf` into references to message definitions.
pub(super) fn messages(schema: &mut Value) {
    let branches = std::mem::take(schema["oneOf"].as_array_mut().expect("an enum of messages"));
    let mut references = Vec::new();
    let mut definitions = Map::new();
    let mut bodies = Vec::new();
    for branch in branches {
        let body = referenced(&branch);
        let kind = branch["properties"]["type"]["const"].as_str().expect("a tagged variant").to_owned();
        let name = definition_name(&kind);
        references.push(json!({ "$ref": format!("#/$defs/{name}") }));
        definitions.insert(name, message(&kind, &schema["$defs"][&body]));
        bodies.push(body);
    }
    let shared = schema["$defs"].as_object_mut().expect("definitions");
    for body in bodies {
        shared.remove(&body);
    }
    definitions.append(shared);
    schema["oneOf"] = Value::Array(references);
    schema["$defs"] = Value::Object(definitions);
}

/// `readyFor` to `ReadyForMessage`.
pub(super) fn definition_name(kind: &str) -> String {
    let (first, rest) = kind.split_at(1);
    format!("{}{rest}Message", first.to_ascii_uppercase())
}

fn referenced(branch: &Value) -> String {
    let reference = branch["$ref"].as_str().expect("a newtype variant");
    reference.trim_start_matches("#/$defs/").to_owned()
}

fn message(kind: &str, body: &Value) -> Value {
    let mut properties = Map::from_iter([("type".to_owned(), json!({ "type": "string", "const": kind }))]);
    let mut required = vec![json!("type")];
    if let Some(fields) = body["properties"].as_object() {
        properties.extend(fields.clone());
    }
    required.extend(body["required"].as_array().cloned().unwrap_or_default());
    properties.insert("ext".to_owned(), vendor_data());
    json!({
        "title": kind,
        "description": body["description"],
        "type": "object",
        "properties": properties,
        "required": required,
    })
}

fn vendor_data() -> Value {
    json!({
        "description": "Data of vendors, under keys in reverse DNS. Ignored by everybody else.",
        "type": "object",
        "propertyNames": { "pattern": VENDOR_KEY },
    })
}
