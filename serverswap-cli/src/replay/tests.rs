use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Difference, Replayed, replay, without_texts};

/// Recorded with the first build that recorded turns: a deploy that leaves, and the next one.
fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/format-1.ndjson")
}

fn lines() -> Vec<Value> {
    let text = std::fs::read_to_string(fixture()).expect("the fixture");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn replayed(lines: &[Value]) -> Result<Replayed, String> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(file.path(), text).expect("writable");
    replay(file.path()).map_err(|error| error.to_string())
}

/// The first turn with this action, and where in the turn it is.
fn with_action(lines: &[Value], is: impl Fn(&Value) -> bool) -> (usize, usize) {
    let of_line = |line: &Value| line["turn"]["actions"].as_array()?.iter().position(&is);
    let found = lines.iter().enumerate().find_map(|(index, line)| Some((index, of_line(line)?)));
    found.expect("such an action")
}

fn is_message(action: &Value, kind: &str) -> bool {
    action["send"]["message"]["type"] == kind
}

#[test]
fn a_recording_of_format_1_is_replayed_without_a_difference() {
    let replayed = replay(&fixture()).expect("it is read");
    assert_eq!(replayed.differences, []);
    assert!(replayed.arbiters >= 2 && replayed.turns > 20, "{replayed:?}");
}

#[test]
fn one_altered_action_is_a_difference_at_its_line() {
    let mut lines = lines();
    let (index, action) = with_action(&lines, |action| is_message(action, "takedown"));
    lines[index]["turn"]["actions"].as_array_mut().expect("actions").remove(action);
    let Replayed { differences, .. } = replayed(&lines).expect("it is read");
    let [Difference { number, recorded, decided, .. }] = &differences[..] else { panic!("{differences:?}") };
    assert_eq!((*number, recorded.len() + 1), (index + 1, decided.len()));
    assert!(decided[action].contains(r#""type":"takedown""#), "{decided:?}");
}

#[test]
fn one_altered_event_is_a_difference_where_it_is_decided() {
    let mut lines = lines();
    let (index, _) = with_action(&lines, |action| is_message(action, "takedown"));
    lines[index]["turn"]["events"] = json!([]);
    let Replayed { differences, .. } = replayed(&lines).expect("it is read");
    assert_eq!(differences[0].number, index + 1);
}

#[test]
fn another_wording_is_no_difference_and_another_message_is_one() {
    let sent = |message: &str, code: &str| {
        without_texts(
            json!({"send": {"link": 1, "message": {"type": "error", "code": code, "message": message}}}),
        )
    };
    assert_eq!(sent("one", "superseded"), sent("another", "superseded"));
    assert_ne!(sent("one", "superseded"), sent("one", "withdrawn"));
}

#[test]
fn what_cannot_be_replayed_is_said() {
    let mut future = lines();
    let start = future.iter_mut().find(|line| line["start"].is_object()).expect("a start");
    start["start"]["format"] = 9.into();
    assert!(replayed(&future).expect_err("the future").ends_with("has format 9, and this build reads 1"));
    let wire = r#"{"at":1,"on":"a","from":"client","line":"{}"}"#;
    let wire: Value = serde_json::from_str(wire).expect("JSON");
    assert_eq!(replayed(&[wire]).expect_err("no turns"), "no turn of an arbiter is recorded in it");
    assert!(replayed(&["noise".into()]).expect_err("noise").starts_with("line 1 is no line of a recording"));
}
