//! Rewrites what plain generators cannot read: number formats that JSON Schema
//! does not know become bounds, a `$ref` beside a description moves into `allOf`, line breaks
//! inside a paragraph go.

use serde_json::{Map, Value, json};

use crate::limits::INTEGER_MAX;

/// Rewrites every object of the schema.
pub(super) fn for_plain_generators(schema: &mut Value) {
    walk(schema, &mut |object| {
        bound_integers(object);
        wrap_reference(object);
        drop_redundant_default(object);
        join_lines(object);
    });
}

/// Visits every object, children first.
pub(super) fn walk(value: &mut Value, visit: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            object.values_mut().for_each(|child| walk(child, visit));
            visit(object);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn bound_integers(object: &mut Map<String, Value>) {
    let widest = match object.get("format").and_then(Value::as_str) {
        Some("uint32") => u64::from(u32::MAX),
        Some("uint64") => INTEGER_MAX,
        _ => return,
    };
    object.remove("format");
    object.entry("minimum").or_insert_with(|| json!(0));
    object.entry("maximum").or_insert_with(|| json!(widest));
}

fn wrap_reference(object: &mut Map<String, Value>) {
    if object.len() > 1 && object.get("$ref").is_some_and(Value::is_string) {
        let reference = object.remove("$ref").expect("looked at above");
        object.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
    }
}

/// `false`, `[]` and `{}` are what an absent field means; some generators make them required.
fn drop_redundant_default(object: &mut Map<String, Value>) {
    let is_annotation = object.contains_key("type") || object.contains_key("allOf");
    if is_annotation && object.get("default").is_some_and(|default| !default.is_string()) {
        object.remove("default");
    }
}

fn join_lines(object: &mut Map<String, Value>) {
    if let Some(Value::String(description)) = object.get_mut("description") {
        let paragraphs: Vec<String> = description.split("\n\n").map(|text| text.replace('\n', " ")).collect();
        *description = paragraphs.join("\n\n");
    }
}
