//! JSON of a scenario as people read it: keys without quotes, names as `$name`.

use serde_json::{Map, Value};

use crate::scenario::{Pattern, Template};

/// What is sent.
pub(super) fn template(template: &Template) -> String {
    match template {
        Template::Ref(name) | Template::Next(name) => format!("${name}"),
        Template::Text(text) => Value::from(text.as_str()).to_string(),
        Template::Literal(value) => value.to_string(),
        Template::List(values) => list(values.iter().map(self::template)),
        Template::Object(fields) => {
            object(fields.iter().map(|(key, value)| (key.as_str(), self::template(value))))
        }
    }
}

/// What is expected. A name stands for whatever comes and is called so from then on.
pub(super) fn pattern(pattern: &Pattern) -> String {
    match pattern {
        Pattern::Any => "any".to_owned(),
        Pattern::Absent => "absent".to_owned(),
        Pattern::Bind(name) | Pattern::Ref(name) => format!("${name}"),
        Pattern::Text(text) => Value::from(text.as_str()).to_string(),
        Pattern::Literal(value) => value.to_string(),
        Pattern::OneOf(patterns) => patterns.iter().map(self::pattern).collect::<Vec<_>>().join(" or "),
        Pattern::List(patterns) => list(patterns.iter().map(self::pattern)),
        Pattern::Object(fields) => {
            object(fields.iter().map(|(key, value)| (key.as_str(), self::pattern(value))))
        }
    }
}

/// The fields of a command or of an event.
pub(super) fn fields(fields: &Map<String, Value>) -> String {
    if fields.is_empty() {
        return String::new();
    }
    format!(" {}", object(fields.iter().map(|(key, value)| (key.as_str(), field(value)))))
}

fn field(value: &Value) -> String {
    match value {
        Value::Object(_) => match Pattern::new(value.clone()) {
            Ok(pattern) => self::pattern(&pattern),
            Err(_) => value.to_string(),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            value.to_string()
        }
    }
}

fn list(values: impl Iterator<Item = String>) -> String {
    format!("[{}]", values.collect::<Vec<_>>().join(", "))
}

fn object<'a>(fields: impl Iterator<Item = (&'a str, String)>) -> String {
    let fields = fields.map(|(key, value)| format!("{key}: {value}"));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
}
