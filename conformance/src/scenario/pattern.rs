//! What a step expects: a pattern that JSON is matched against.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Map, Value};

use super::variables::{Variables, names};

/// JSON to be matched. An object matches one that has at least its keys; a list matches one of
/// the same length. `{$any: true}`, `{$absent: true}`, `{$one_of: [..]}`, `{$bind: name}`,
/// `{$ref: name}` and `$name` in texts have a meaning.
#[derive(Debug, Clone, PartialEq)]
pub enum Pattern {
    /// Anything that is there.
    Any,
    /// Nothing is there.
    Absent,
    /// One of these.
    OneOf(Vec<Pattern>),
    /// Anything, which gets a name.
    Bind(String),
    /// The value of a name.
    Ref(String),
    /// A text in which names are replaced.
    Text(String),
    /// A number, a truth value or null.
    Literal(Value),
    /// A list of the same length.
    List(Vec<Pattern>),
    /// An object with at least these keys.
    Object(Vec<(String, Pattern)>),
}

/// JSON that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{key}` means nothing in what is expected: `$any: true`, `$absent: true`, `$one_of: [..]`, \
     `$bind: name` and `$ref: name` do"
)]
pub struct PatternError {
    key: String,
}

/// Where and why a value does not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The keys that lead to the place.
    pub path: String,
    /// What was expected and found there.
    pub why: String,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.path.is_empty() { f.write_str(&self.why) } else { write!(f, "`{}`: {}", self.path, self.why) }
    }
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// An object with a `$key` that is unknown here.
    pub fn new(value: Value) -> Result<Pattern, PatternError> {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(Pattern::Literal(value)),
            Value::String(text) => Ok(Pattern::Text(text)),
            Value::Array(values) => all(values).map(Pattern::List),
            Value::Object(object) => Pattern::of_object(object),
        }
    }

    fn of_object(object: Map<String, Value>) -> Result<Pattern, PatternError> {
        if let Some((key, value)) = object.iter().find(|(key, _)| key.starts_with('$')) {
            return match (key.as_str(), value.clone()) {
                ("$any", Value::Bool(true)) => Ok(Pattern::Any),
                ("$absent", Value::Bool(true)) => Ok(Pattern::Absent),
                ("$one_of", Value::Array(values)) => all(values).map(Pattern::OneOf),
                ("$bind", Value::String(name)) => Ok(Pattern::Bind(name)),
                ("$ref", Value::String(name)) => Ok(Pattern::Ref(name)),
                _ => Err(PatternError { key: key.clone() }),
            };
        }
        let fields = object.into_iter().map(|(key, value)| Ok((key, Pattern::new(value)?)));
        fields.collect::<Result<_, _>>().map(Pattern::Object)
    }

    /// Matches a value against it and binds names. `None` is a key that is not there.
    ///
    /// # Errors
    /// The first place that does not match; names bound before it stay bound.
    pub fn check(&self, value: Option<&Value>, variables: &mut Variables) -> Result<(), Mismatch> {
        self.check_at("", value, variables)
    }

    fn check_at(&self, path: &str, value: Option<&Value>, variables: &mut Variables) -> Result<(), Mismatch> {
        let wrong = |why: String| Err(Mismatch { path: path.to_owned(), why });
        let Some(value) = value else {
            let optional = matches!(self, Pattern::OneOf(patterns) if patterns.contains(&Pattern::Absent));
            let fits = optional || *self == Pattern::Absent;
            return if fits { Ok(()) } else { wrong(format!("expected {self}, but it is not there")) };
        };
        let expected = match self {
            Pattern::Any => return Ok(()),
            Pattern::Absent => return wrong(format!("expected nothing, found {value}")),
            Pattern::Bind(name) => {
                let named = variables.fill_text(name);
                return match named {
                    Ok(name) => {
                        variables.set(name, value.clone());
                        Ok(())
                    }
                    Err(unbound) => wrong(unbound.to_string()),
                };
            }
            Pattern::OneOf(patterns) => {
                let fits = |pattern: &Pattern| pattern.check_at(path, Some(value), variables).is_ok();
                return if patterns.iter().any(fits) {
                    Ok(())
                } else {
                    wrong(format!("expected {self}, found {value}"))
                };
            }
            Pattern::List(patterns) => return list(patterns, path, value, variables),
            Pattern::Object(fields) => return object(fields, path, value, variables),
            Pattern::Ref(name) => variables.fill_text(name).and_then(|name| variables.value(&name).cloned()),
            Pattern::Text(text) => variables.fill(text),
            Pattern::Literal(literal) => Ok(literal.clone()),
        };
        match expected {
            Ok(expected) if expected == *value => Ok(()),
            Ok(expected) => wrong(format!("expected {expected}, found {value}")),
            Err(unbound) => wrong(unbound.to_string()),
        }
    }

    /// The names that it needs and those that it binds.
    pub(super) fn names(&self, needed: &mut Vec<String>, bound: &mut Vec<String>) {
        match self {
            Pattern::Any | Pattern::Absent | Pattern::Literal(_) => {}
            Pattern::Bind(name) => bound.push(name.clone()),
            Pattern::Ref(name) => needed.push(name.clone()),
            Pattern::Text(text) => needed.extend(names(text).map(str::to_owned)),
            Pattern::OneOf(patterns) | Pattern::List(patterns) => {
                patterns.iter().for_each(|pattern| pattern.names(needed, bound));
            }
            Pattern::Object(fields) => fields.iter().for_each(|(_, pattern)| pattern.names(needed, bound)),
        }
    }

    /// Whether it names a key at the top.
    #[must_use]
    pub fn names_key(&self, key: &str) -> bool {
        matches!(self, Pattern::Object(fields) if fields.iter().any(|(name, _)| name == key))
    }

    /// The text of a key at the top, if the pattern fixes it.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        let Pattern::Object(fields) = self else { return None };
        let pattern = fields.iter().find_map(|(name, pattern)| (name == key).then_some(pattern))?;
        if let Pattern::Text(text) = pattern { Some(text) } else { None }
    }
}

fn all(values: Vec<Value>) -> Result<Vec<Pattern>, PatternError> {
    values.into_iter().map(Pattern::new).collect()
}

fn list(patterns: &[Pattern], path: &str, value: &Value, variables: &mut Variables) -> Result<(), Mismatch> {
    let wrong = |why: String| Err(Mismatch { path: path.to_owned(), why });
    let Value::Array(values) = value else { return wrong(format!("expected a list, found {value}")) };
    if values.len() != patterns.len() {
        return wrong(format!(
            "expected a list of {}, found one of {}: {value}",
            patterns.len(),
            values.len()
        ));
    }
    for (index, (pattern, value)) in patterns.iter().zip(values).enumerate() {
        pattern.check_at(&joined(path, &index.to_string()), Some(value), variables)?;
    }
    Ok(())
}

fn object(
    fields: &[(String, Pattern)],
    path: &str,
    value: &Value,
    variables: &mut Variables,
) -> Result<(), Mismatch> {
    let Value::Object(found) = value else {
        return Err(Mismatch { path: path.to_owned(), why: format!("expected an object, found {value}") });
    };
    for (key, pattern) in fields {
        pattern.check_at(&joined(path, key), found.get(key), variables)?;
    }
    Ok(())
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Pattern::Any | Pattern::Bind(_) => f.write_str("anything"),
            Pattern::Absent => f.write_str("nothing"),
            Pattern::Ref(name) => write!(f, "the value of `{name}`"),
            Pattern::Text(text) => write!(f, "{}", Value::from(text.as_str())),
            Pattern::Literal(value) => write!(f, "{value}"),
            Pattern::OneOf(patterns) => joined_by(f, patterns, " or "),
            Pattern::List(patterns) => {
                f.write_str("[")?;
                joined_by(f, patterns, ", ")?;
                f.write_str("]")
            }
            Pattern::Object(fields) => {
                f.write_str("{")?;
                for (index, (key, pattern)) in fields.iter().enumerate() {
                    write!(f, "{}{key}: {pattern}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
        }
    }
}

fn joined_by(f: &mut std::fmt::Formatter<'_>, patterns: &[Pattern], between: &str) -> std::fmt::Result {
    for (index, pattern) in patterns.iter().enumerate() {
        write!(f, "{}{pattern}", if index == 0 { "" } else { between })?;
    }
    Ok(())
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Pattern::new(Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl JsonSchema for Pattern {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Pattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"description": "JSON that is matched: objects by the keys that are named here; `$any`, `$absent`, `$one_of`, `$bind`, `$ref` and `$name` have a meaning."})
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(pattern: Value, value: Value) -> Result<Variables, String> {
        let mut variables = Variables::default();
        let pattern = Pattern::new(pattern).expect("a pattern");
        pattern.check(Some(&value), &mut variables).map_err(|mismatch| mismatch.to_string())?;
        Ok(variables)
    }

    #[test]
    fn an_object_matches_one_with_more_keys_and_a_list_one_of_the_same_length() {
        let found = json!({"type": "hello", "id": 1, "holding": [{"address": ":80", "serving": true}]});
        assert!(check(json!({"type": "hello", "holding": [{"serving": true}]}), found.clone()).is_ok());
        assert_eq!(
            check(json!({"holding": []}), found.clone()).expect_err("too long"),
            r#"`holding`: expected a list of 0, found one of 1: [{"address":":80","serving":true}]"#
        );
        assert_eq!(
            check(json!({"holding": [{"serving": false}]}), found).expect_err("other value"),
            "`holding.0.serving`: expected false, found true"
        );
    }

    #[test]
    fn operators_say_what_may_be_there() {
        let found = || json!({"id": 7, "code": "internal"});
        let bound = check(json!({"id": {"$bind": "q"}, "code": {"$one_of": ["busy", "internal"]}}), found());
        assert_eq!(bound.expect("matches").value("q"), Ok(&json!(7)));
        assert!(check(json!({"re": {"$absent": true}, "id": {"$any": true}}), found()).is_ok());
        assert!(check(json!({"id": {"$absent": true}}), found()).is_err());
        assert!(check(json!({"re": {"$any": true}}), found()).is_err());
        assert!(Pattern::new(json!({"$anything": true})).is_err());
    }
}
