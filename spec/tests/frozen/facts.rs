//! Documents as sets of facts, each a line. A change is additive when it takes no fact away: what may grow is
//! one fact for each part, what may not is one fact as a whole.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// For people: it may be put better.
const WORDS: [&str; 5] = ["title", "description", "examples", "$id", "$schema"];

/// What says which types are unknown grows with the types.
const GROWS: &str = "/$defs/UnknownMessage/properties/type";

/// The names of the enums to which values may be added.
pub(crate) fn open_enums(schema: &Value) -> BTreeSet<String> {
    let definitions = schema["$defs"].as_object().into_iter().flatten();
    definitions.filter(|(_, value)| value["x-open"] == true).map(|(name, _)| name.clone()).collect()
}

/// The facts of a schema.
pub(crate) fn of_schema(name: &str, schema: &Value, open: &BTreeSet<String>) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    walk(name, "", schema, open, &mut facts);
    facts
}

fn walk(name: &str, path: &str, value: &Value, open: &BTreeSet<String>, facts: &mut BTreeSet<String>) {
    let Value::Object(object) = value else {
        facts.insert(format!("{name} {path} = {}", without_words(value)));
        return;
    };
    for (key, value) in object.iter().filter(|(key, _)| !WORDS.contains(&key.as_str())) {
        let below = format!("{path}/{key}");
        let is_open = path.is_empty() || path.rsplit_once('/').is_some_and(|(_, last)| open.contains(last));
        match value {
            Value::Array(parts) if is_open => {
                facts.extend(parts.iter().map(|part| format!("{name} {below} has {}", without_words(part))));
            }
            Value::Object(_) if below == GROWS => {}
            Value::Object(_) => walk(name, &below, value, open, facts),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                facts.insert(format!("{name} {below} = {}", without_words(value)));
            }
        }
    }
}

/// Without what is for people, the keys in order.
fn without_words(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(without_words).collect(),
        Value::Object(object) => {
            let kept = object.iter().filter(|(key, _)| !WORDS.contains(&key.as_str()));
            let kept: BTreeMap<String, Value> =
                kept.map(|(key, value)| (key.clone(), without_words(value))).collect();
            kept.into_iter().collect::<Map<_, _>>().into()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// The facts of the state tables: each cell.
pub(crate) fn of_tables(tables: &Value) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    for machine in tables["machines"].as_array().into_iter().flatten() {
        let id = machine["id"].as_str().unwrap_or_default();
        facts.insert(format!("table {id} initial = {}", machine["initial"]));
        for (state, ways) in machine["cells"].as_object().into_iter().flatten() {
            for (way, cells) in ways.as_object().into_iter().flatten() {
                for (names, cell) in cells.as_object().into_iter().flatten() {
                    let cell = without_words(cell);
                    facts.extend(
                        names.split(' ').map(|name| format!("table {id} {state} {way} {name} = {cell}")),
                    );
                }
            }
        }
    }
    for (request, reply) in tables["replies"].as_object().into_iter().flatten() {
        facts.insert(format!("table replies {request} = {reply}"));
    }
    facts
}

/// Each requirement: whom it binds and how much. Its words may become clearer.
pub(crate) fn of_requirements(document: &Value) -> BTreeSet<String> {
    let requirements = document["requirements"].as_array().into_iter().flatten();
    requirements
        .map(|requirement| {
            let (id, binds) = (&requirement["id"], &requirement["binds"]);
            format!("requirement {id} {binds} {}", requirement["clauses"])
        })
        .collect()
}

/// The limits, and each error code with what it means for the connection.
pub(crate) fn of_limits(meta: &Value) -> BTreeSet<String> {
    let limits = meta["limits"].as_object().into_iter().flatten();
    let limits = limits.map(|(name, value)| format!("limit {name} = {}", without_words(value)));
    let errors = meta["errors"].as_array().into_iter().flatten();
    limits
        .chain(errors.map(|error| format!("error {} {} {}", error["code"], error["sender"], error["fatal"])))
        .collect()
}

/// Each text of an address, and its canonical one.
pub(crate) fn of_addresses(document: &Value) -> BTreeSet<String> {
    let cases = document["cases"].as_array().into_iter().flatten();
    cases.map(|case| format!("address {} = {}", case["text"], case["canonical"])).collect()
}

/// A vector: its id, and its line and verdict as a number.
pub(crate) fn of_vector(vector: &Value) -> String {
    let mut verdict = vector.clone();
    verdict.as_object_mut().and_then(|object| object.remove("spec"));
    format!("vector {} {:016x}", vector["id"], fnv(without_words(&verdict).to_string().as_bytes()))
}

/// FNV-1a: the same on every machine and with every release of Rust.
fn fnv(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
