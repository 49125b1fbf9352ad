//! Which keys a command and an event have: what a scenario may write.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::schema::document;

static SCHEMA: LazyLock<Value> = LazyLock::new(document);

/// Whether a command of a scenario is one of the contract, with all of its fields and no others.
///
/// # Errors
/// What is wrong, in words.
pub(crate) fn check_template(cmd: &str, fields: &Map<String, Value>) -> Result<(), String> {
    let form =
        form("Command", "cmd", cmd).ok_or_else(|| format!("the driver contract has no command `{cmd}`"))?;
    let keys = keys(form);
    for key in fields.keys() {
        if !keys.contains(&key.as_str()) || key == "seq" {
            return Err(format!("the command `{cmd}` has no field `{key}`"));
        }
    }
    let required = form["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for key in required.filter(|key| !["cmd", "seq"].contains(key)) {
        if !fields.contains_key(key) {
            return Err(format!("the command `{cmd}` needs the field `{key}`"));
        }
    }
    Ok(())
}

/// Whether an event of a scenario is one of the contract, with no other fields than its own.
///
/// # Errors
/// What is wrong, in words.
pub(crate) fn check_event_keys(event: &str, fields: &Map<String, Value>) -> Result<(), String> {
    let form =
        form("Event", "event", event).ok_or_else(|| format!("the driver contract has no event `{event}`"))?;
    let keys = keys(form);
    match fields.keys().find(|key| !keys.contains(&key.as_str())) {
        Some(key) => Err(format!("the event `{event}` has no field `{key}`")),
        None => Ok(()),
    }
}

fn form(definition: &str, tag: &str, word: &str) -> Option<&'static Value> {
    let forms = SCHEMA["$defs"][definition]["oneOf"].as_array()?;
    forms.iter().find(|form| form["properties"][tag]["const"] == word)
}

fn keys(form: &'static Value) -> Vec<&'static str> {
    let own = form["properties"].as_object().into_iter().flatten().map(|(key, _)| key.as_str());
    let named = form["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/"));
    let of_named = named.map(|name| SCHEMA["$defs"][name]["properties"].as_object()).into_iter().flatten();
    own.chain(of_named.flatten().map(|(key, _)| key.as_str())).collect()
}
