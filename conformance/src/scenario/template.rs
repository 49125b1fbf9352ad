//! What a step sends: JSON with places that are filled in when it is sent.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Map, Value, json};

use super::variables::{Unbound, Variables, names};

/// JSON to be sent. `$name` in texts and `{$ref: name}` stand for values; `{$next: name}` is the
/// next free `id` of the connection and binds it.
#[derive(Debug, Clone, PartialEq)]
pub enum Template {
    /// The value of a name.
    Ref(String),
    /// The next free `id`, bound to a name.
    Next(String),
    /// A text in which names are replaced.
    Text(String),
    /// A number, a truth value or null.
    Literal(Value),
    /// A list.
    List(Vec<Template>),
    /// An object.
    Object(Vec<(String, Template)>),
}

/// JSON that is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` means nothing in what is sent: `$ref` and `$next` do, each with a name")]
pub struct TemplateError {
    key: String,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// An object with a `$key` that is unknown here.
    pub fn new(value: Value) -> Result<Template, TemplateError> {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(Template::Literal(value)),
            Value::String(text) => Ok(Template::Text(text)),
            Value::Array(values) => {
                values.into_iter().map(Template::new).collect::<Result<_, _>>().map(Template::List)
            }
            Value::Object(object) => Template::of_object(object),
        }
    }

    fn of_object(object: Map<String, Value>) -> Result<Template, TemplateError> {
        if let Some((key, value)) = object.iter().find(|(key, _)| key.starts_with('$')) {
            return match (key.as_str(), value) {
                ("$ref", Value::String(name)) => Ok(Template::Ref(name.clone())),
                ("$next", Value::String(name)) => Ok(Template::Next(name.clone())),
                _ => Err(TemplateError { key: key.clone() }),
            };
        }
        let fields = object.into_iter().map(|(key, value)| Ok((key, Template::new(value)?)));
        fields.collect::<Result<_, _>>().map(Template::Object)
    }

    /// The JSON to send. `next` gives a free `id`.
    ///
    /// # Errors
    /// A name without a value.
    pub fn fill(&self, variables: &mut Variables, next: &mut dyn FnMut() -> u64) -> Result<Value, Unbound> {
        match self {
            Template::Ref(name) => variables.value(&variables.fill_text(name)?).cloned(),
            Template::Next(name) => {
                let id = next();
                variables.set(variables.fill_text(name)?, id);
                Ok(json!(id))
            }
            Template::Text(text) => variables.fill(text),
            Template::Literal(value) => Ok(value.clone()),
            Template::List(values) => values.iter().map(|value| value.fill(variables, next)).collect(),
            Template::Object(fields) => {
                let filled =
                    fields.iter().map(|(key, value)| Ok((key.clone(), value.fill(variables, next)?)));
                filled.collect::<Result<Map<_, _>, _>>().map(Value::Object)
            }
        }
    }

    /// How many bytes it is at least, whatever is filled in, without a line feed.
    pub(super) fn bytes_min(&self) -> usize {
        self.nominal().to_string().len()
    }

    fn nominal(&self) -> Value {
        match self {
            Template::Ref(_) | Template::Next(_) => json!(1),
            Template::Text(text) if names(text).next().is_some() => json!(""),
            Template::Text(text) => json!(text),
            Template::Literal(value) => value.clone(),
            Template::List(values) => values.iter().map(Template::nominal).collect(),
            Template::Object(fields) => {
                Value::Object(fields.iter().map(|(key, value)| (key.clone(), value.nominal())).collect())
            }
        }
    }

    /// The names that it needs and those that it binds.
    pub(super) fn names(&self, needed: &mut Vec<String>, bound: &mut Vec<String>) {
        match self {
            Template::Ref(name) => needed.push(name.clone()),
            Template::Next(name) => bound.push(name.clone()),
            Template::Text(text) => needed.extend(names(text).map(str::to_owned)),
            Template::Literal(_) => {}
            Template::List(values) => values.iter().for_each(|value| value.names(needed, bound)),
            Template::Object(fields) => fields.iter().for_each(|(_, value)| value.names(needed, bound)),
        }
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Template::new(Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl JsonSchema for Template {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Template".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"description": "JSON; `$name`, `{$ref: name}` and `{$next: name}` are filled in."})
    }
}
