//! Version 1 is frozen: what `v1/frozen.txt` lists is still so. More may be there, as
//! [GOVERNANCE.md](../../GOVERNANCE.md) says; `FREEZE_SPEC=1` adds to the list what a release brings, and never
//! takes anything out.

mod facts;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

const LIST: &str = "v1/frozen.txt";

fn spec(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn file(path: &str) -> Value {
    let text = fs::read_to_string(spec(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Everything of version 1 that a peer can rely on, a line each.
fn present() -> BTreeSet<String> {
    let mut present = BTreeSet::new();
    for direction in ["client-to-arbiter", "arbiter-to-client"] {
        let lenient = file(&format!("v1/schema/{direction}.json"));
        let open = facts::open_enums(&lenient);
        present.extend(facts::of_schema(&format!("{direction} read"), &lenient, &open));
        let strict = file(&format!("v1/schema/{direction}.strict.json"));
        present.extend(facts::of_schema(&format!("{direction} sent"), &strict, &open));
    }
    present.extend(facts::of_tables(&file("v1/states.json")));
    present.extend(facts::of_requirements(&file("v1/requirements.json")));
    present.extend(facts::of_limits(&file("v1/meta.json")));
    present.extend(facts::of_addresses(&file("v1/vectors/addresses.json")));
    present.extend(vectors(&spec("v1/vectors")).iter().map(facts::of_vector));
    present
}

fn vectors(folder: &Path) -> Vec<Value> {
    let mut vectors = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of vectors") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            vectors.extend(vectors_below(&path));
        }
    }
    vectors
}

fn vectors_below(folder: &Path) -> Vec<Value> {
    let mut found = vectors(folder);
    for entry in fs::read_dir(folder).expect("a folder of vectors") {
        let path = entry.expect("an entry").path();
        let text = if path.is_file() { fs::read_to_string(&path).expect("a vector") } else { continue };
        let mut lines = text.lines().map(serde_json::from_str::<Value>);
        found.push(match path.extension().and_then(|extension| extension.to_str()) {
            Some("ndjson") => {
                let mut head = lines.next().expect("a head").expect("JSON");
                head["lines"] = lines.map(|line| line.expect("JSON")).collect();
                head
            }
            _ => serde_json::from_str(&text).expect("JSON"),
        });
    }
    found
}

#[test]
fn everything_that_was_frozen_is_still_so() {
    let present = present();
    let list = fs::read_to_string(spec(LIST)).unwrap_or_default();
    let frozen: BTreeSet<String> = list.lines().map(str::to_owned).collect();
    if std::env::var_os("FREEZE_SPEC").is_some() {
        let all: Vec<&str> = frozen.union(&present).map(String::as_str).collect();
        fs::write(spec(LIST), all.join("\n") + "\n").expect("the list can be written");
    }
    let gone: Vec<&String> = frozen.difference(&present).collect();
    assert!(
        !frozen.is_empty() && gone.is_empty(),
        "GOVERNANCE.md says what may change; this may not: {gone:#?}"
    );
}

/// A schema with one message and one open and one closed enum.
fn schema() -> Value {
    json!({
        "oneOf": [{"$ref": "#/$defs/AMessage"}],
        "$defs": {
            "AMessage": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]},
            "Open": {"x-open": true, "anyOf": [{"const": "a"}, {"type": "string"}]},
            "Closed": {"oneOf": [{"const": "a"}]},
        },
    })
}

/// What is no longer so after a change.
fn broken_by(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let (before, mut after) = (schema(), schema());
    change(&mut after);
    let facts = |schema: &Value| facts::of_schema("s", schema, &facts::open_enums(schema));
    facts(&before).difference(&facts(&after)).cloned().collect()
}

#[test]
fn what_a_receiver_can_ignore_may_be_added() {
    let nothing: [String; 0] = [];
    assert_eq!(broken_by(|schema| schema["$defs"]["AMessage"]["properties"]["y"] = json!({})), nothing);
    assert_eq!(
        broken_by(|schema| schema["oneOf"].as_array_mut().expect("a list").push(json!({"$ref": "#"}))),
        nothing
    );
    let add_a_code = |schema: &mut Value| {
        let values = &mut schema["$defs"]["Open"]["anyOf"];
        values.as_array_mut().expect("a list").insert(0, json!({"const": "b"}));
    };
    assert_eq!(broken_by(add_a_code), nothing);
}

#[test]
fn what_breaks_a_peer_is_noticed() {
    let require = |schema: &mut Value| schema["$defs"]["AMessage"]["required"] = json!(["x", "y"]);
    assert_eq!(broken_by(require), ["s /$defs/AMessage/required = [\"x\"]"]);
    let widen = |schema: &mut Value| {
        schema["$defs"]["Closed"]["oneOf"].as_array_mut().expect("a list").push(json!({"const": "b"}));
    };
    assert_eq!(broken_by(widen), ["s /$defs/Closed/oneOf = [{\"const\":\"a\"}]"]);
    let retype =
        |schema: &mut Value| schema["$defs"]["AMessage"]["properties"]["x"]["type"] = json!("string");
    assert_eq!(broken_by(retype), ["s /$defs/AMessage/properties/x/type = \"integer\""]);
}
