//! The fields of every message, from the strict schemas: what a reader of the text would otherwise
//! have to look up there.

use serde_json::{Map, Value};

/// Fields that a sender writes and a receiver does without, and what it then reads.
const LEFT_OUT: [(&str, &str); 2] = [("capabilities", "`{}`"), ("fatal", "false")];

/// One table: a row for each field, the fields of objects behind a point.
pub(crate) fn table() -> String {
    let mut rows: Vec<String> = Vec::new();
    for direction in ["client-to-arbiter", "arbiter-to-client"] {
        let schema = document(&format!("v1/schema/{direction}.strict.json"));
        let defs = schema["$defs"].as_object().expect("definitions");
        for message in schema["oneOf"].as_array().expect("messages") {
            let message = named(defs, message);
            let mut found = Vec::new();
            add(defs, message, "", &mut found);
            let title = message["title"].as_str().expect("a type");
            // What both sides send has the same fields on both.
            rows.extend(found.into_iter().map(|row| format!("| `{title}` | {row}\n")));
        }
    }
    let mut unique: Vec<String> = Vec::new();
    for row in rows {
        if !unique.contains(&row) {
            unique.push(row);
        }
    }
    format!(
        "| type | field | value | left out | meaning |\n| --- | --- | --- | --- | --- |\n{}",
        unique.concat()
    )
}

fn document(path: &str) -> Value {
    let documents = serverswap_protocol::schema::documents();
    documents.into_iter().find(|document| document.path == path).expect("it is generated").content
}

fn named<'a>(defs: &'a Map<String, Value>, schema: &'a Value) -> &'a Value {
    let of = |schema: &'a Value| schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    let within = schema["allOf"].get(0).and_then(of);
    of(schema).or(within).map_or(schema, |name| &defs[name])
}

fn add(defs: &Map<String, Value>, object: &Value, before: &str, rows: &mut Vec<String>) {
    let required: Vec<&str> =
        object["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (key, field) in object["properties"].as_object().expect("fields") {
        if key == "type" || key == "ext" {
            continue;
        }
        let schema = named(defs, field);
        let default = LEFT_OUT
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| format!("by nobody; read as {value}"));
        let left_out = match (default, required.contains(&key.as_str())) {
            (Some(default), _) => default,
            (None, true) => "–".to_owned(),
            (None, false) => "yes".to_owned(),
        };
        let meaning = field["description"].as_str().unwrap_or_default().replace('\n', " ");
        rows.push(format!("`{before}{key}` | {} | {left_out} | {meaning} |", value(defs, key, schema)));
        let inner = if schema["type"] == "array" { named(defs, &schema["items"]) } else { schema };
        if inner["properties"].is_object() {
            add(defs, inner, &format!("{before}{key}."), rows);
        }
    }
}

/// What a field can be, in a few words.
fn value(defs: &Map<String, Value>, key: &str, schema: &Value) -> String {
    if let Some(choices) = schema["oneOf"].as_array() {
        let all: Vec<String> = choices
            .iter()
            .filter_map(|each| each["const"].as_str())
            .map(|word| format!("`{word}`"))
            .collect();
        return match key {
            "code" => "a code of [chapter 17](#17-errors)".to_owned(),
            "what" => "a kind of [chapter 15](#15-supervisors-and-observers)".to_owned(),
            _ => all.join(" or "),
        };
    }
    match schema["type"].as_str().unwrap_or_default() {
        "integer" => match (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
            (Some(1), _) => "integer from 1".to_owned(),
            (_, Some(4_294_967_295)) => "integer from 0 below 2^32".to_owned(),
            (_, Some(9_007_199_254_740_991)) => "integer from 0".to_owned(),
            (_, most) => format!("integer from 0 to {}", most.expect("a maximum")),
        },
        "boolean" => "`true` or `false`".to_owned(),
        "array" => format!("list: {}", value(defs, key, named(defs, &schema["items"]))),
        "object" if schema["properties"].is_object() => "object".to_owned(),
        "object" => "object of objects".to_owned(),
        _ if schema["pattern"].as_str().is_some_and(|pattern| pattern.starts_with("^(0|")) => {
            "generation".to_owned()
        }
        _ if schema["pattern"].is_string() => "address".to_owned(),
        _ if schema["maxLength"].is_u64() => "text for people".to_owned(),
        _ => schema["const"].as_str().map_or_else(|| "text".to_owned(), |word| format!("`{word}`")),
    }
}
