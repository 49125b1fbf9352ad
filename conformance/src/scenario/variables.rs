//! Named values of one case: those it begins with, those of its matrix, those that its steps bind.

use std::collections::BTreeMap;

use serde_json::Value;

/// The values that `$name` and `{$ref: name}` stand for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Variables {
    values: BTreeMap<String, Value>,
}

/// A name that has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`${0}` has no value")]
pub struct Unbound(pub String);

impl Variables {
    /// Gives a name a value, or another one.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.values.insert(name.into(), value.into());
    }

    /// The value of a name.
    ///
    /// # Errors
    /// The name has no value.
    pub fn value(&self, name: &str) -> Result<&Value, Unbound> {
        self.values.get(name).ok_or_else(|| Unbound(name.to_owned()))
    }

    /// A text with every `$name` replaced. A text that is one `$name` becomes its value as it is;
    /// `$$` is a dollar sign.
    ///
    /// # Errors
    /// A name without a value.
    pub fn fill(&self, text: &str) -> Result<Value, Unbound> {
        if let Some(name) = sole_name(text) {
            return self.value(name).cloned();
        }
        self.fill_text(text).map(Value::String)
    }

    /// As [`Variables::fill`], but always a text.
    ///
    /// # Errors
    /// A name without a value.
    pub fn fill_text(&self, text: &str) -> Result<String, Unbound> {
        let mut filled = String::new();
        for part in parts(text) {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Name(name) => match self.value(name)? {
                    Value::String(text) => filled.push_str(text),
                    value @ (Value::Null
                    | Value::Bool(_)
                    | Value::Number(_)
                    | Value::Array(_)
                    | Value::Object(_)) => filled.push_str(&value.to_string()),
                },
            }
        }
        Ok(filled)
    }
}

/// The names in a text.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    parts(text).into_iter().filter_map(|part| match part {
        Part::Name(name) => Some(name),
        Part::Text(_) => None,
    })
}

fn sole_name(text: &str) -> Option<&str> {
    match parts(text).as_slice() {
        [Part::Name(name)] => Some(name),
        _ => None,
    }
}

enum Part<'a> {
    Text(&'a str),
    Name(&'a str),
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        if at > 0 {
            parts.push(Part::Text(&rest[..at]));
        }
        let after = &rest[at + 1..];
        let length = name_length(after);
        if length > 0 {
            parts.push(Part::Name(&after[..length]));
            rest = &after[length..];
        } else {
            parts.push(Part::Text("$"));
            rest = after.strip_prefix('$').unwrap_or(after);
        }
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

/// How much of a text is a name: a letter, then letters, digits and `_`, and dots between them.
fn name_length(text: &str) -> usize {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return 0;
    }
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.')).unwrap_or(text.len());
    text[..end].trim_end_matches('.').len()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_that_is_one_name_keeps_the_type_of_its_value() {
        let mut variables = Variables::default();
        variables.set("pid", 7);
        variables.set("l.address", ":80");
        assert_eq!(variables.fill("$pid"), Ok(json!(7)));
        assert_eq!(variables.fill("pid $pid at $l.address."), Ok(json!("pid 7 at :80.")));
        assert_eq!(variables.fill("$$pid costs 1$"), Ok(json!("$pid costs 1$")));
        assert_eq!(variables.fill("$nobody"), Err(Unbound("nobody".into())));
    }
}
