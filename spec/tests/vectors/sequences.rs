//! Conversations: `sequences/*.ndjson`. The first line says what the file is, from whose
//! views it is checked, and which line breaks a rule, if one does; each further line is a
//! sender and what it sends.

#![cfg(feature = "trace")]

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;
use serde_json::{Map, Value};
use serverswap_protocol::trace::{Side, check};

use crate::committed::{DIRECTIONS, Schemas, json, spec};

#[derive(Deserialize)]
struct Head {
    id: String,
    spec: Vec<String>,
    views: Vec<Side>,
    breaks: Option<Breaks>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Breaks {
    /// Counted from 1, the head not included.
    line: usize,
    by: Side,
    code: String,
}

#[derive(Deserialize)]
struct Entry {
    from: Side,
    line: Map<String, Value>,
}

fn sequences() -> Vec<(Head, Vec<Entry>)> {
    let mut paths: Vec<_> = fs::read_dir(spec("v1/vectors/sequences"))
        .expect("sequences")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let text = fs::read_to_string(path).expect("text");
        let (head, lines) = text.split_once('\n').expect("a head");
        let head: Head = serde_json::from_str(head).expect("a head");
        assert!(path.ends_with(format!("{}.ndjson", head.id)), "{}", head.id);
        (head, lines.lines().map(|line| serde_json::from_str(line).expect("who says what")).collect())
    };
    paths.iter().map(read).collect()
}

#[test]
fn every_conversation_conforms_or_breaks_the_rule_that_it_says() {
    for (head, lines) in sequences() {
        for view in &head.views {
            let found = check(*view, lines.iter().map(|said| (said.from, &said.line)));
            let breaks = found.err().map(|fault| Breaks {
                line: fault.index + 1,
                by: fault.violation.by,
                code: fault.violation.code,
            });
            assert_eq!(breaks, head.breaks, "{} as seen by the {view:?}", head.id);
        }
    }
}

#[test]
fn every_line_of_a_conforming_conversation_may_be_sent_or_comes_from_the_future() {
    let schemas: BTreeMap<Side, Schemas> =
        [Side::Client, Side::Arbiter].into_iter().zip(DIRECTIONS.map(Schemas::of)).collect();
    for (head, lines) in sequences().into_iter().filter(|(head, _)| head.breaks.is_none()) {
        for Entry { from, line } in lines {
            let line = Value::Object(line);
            let schema = &schemas[&from];
            let known = schema.strict.is_valid(&line);
            let future = head.id.ends_with("/future") && schema.lenient.is_valid(&line);
            assert!(known || future, "{}: {line}", head.id);
        }
    }
}

#[test]
fn every_sequence_names_requirements_that_exist() {
    let requirements = json("v1/requirements.json").to_string();
    for (head, _) in sequences() {
        for id in &head.spec {
            assert!(requirements.contains(&format!("\"{id}\"")), "{}: {id}", head.id);
        }
    }
}
