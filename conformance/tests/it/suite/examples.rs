//! The examples in the texts are right.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use serverswap_conformance::contract::{self, Numbered};
use serverswap_conformance::scenario::parse;

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a text")
}

/// The blocks of a language, without their fences.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let blocks = text.split(&fence).skip(1);
    blocks.map(|block| block.split("```").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_line_of_the_contracts_examples_is_read_and_fits_its_schema() {
    let schema = contract::document();
    let of = |definition: &str| {
        let one = json!({"$ref": format!("#/$defs/{definition}"), "$defs": schema["$defs"]});
        jsonschema::validator_for(&one).expect("a schema")
    };
    let (command, output) = (of("Command"), of("Output"));
    let text = text("contract/v1/README.md");
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with(['→', '←'])).collect();
    assert!(lines.len() >= 5, "{lines:?}");
    for line in lines {
        let (arrow, object) = line.split_once(' ').expect("who says what");
        let value: Value = serde_json::from_str(object).expect("JSON");
        if arrow == "→" {
            assert!(command.is_valid(&value), "{object}");
            serde_json::from_value::<Numbered>(value).expect("a command");
        } else {
            assert!(output.is_valid(&value), "{object}");
            contract::read(object.as_bytes()).expect("a reply or an event");
        }
    }
}

#[test]
fn every_command_and_event_is_in_the_contracts_tables() {
    let (schema, text) = (contract::document(), text("contract/v1/README.md"));
    for (definition, tag) in [("Command", "cmd"), ("Event", "event")] {
        for form in schema["$defs"][definition]["oneOf"].as_array().expect("forms") {
            let word = form["properties"][tag]["const"].as_str().expect("a word");
            assert!(text.contains(&format!("\n| `{word}` |")), "{definition} `{word}`");
        }
    }
}

#[test]
fn the_example_of_a_scenario_is_one() {
    let text = text("scenarios/README.md");
    let blocks = blocks(&text, "yaml");
    let [example] = blocks.as_slice() else { panic!("one example: {blocks:?}") };
    parse("scenarios/README.md", "core/claim/granted-after-release", example).expect("no mistake");
}

#[test]
fn the_example_of_a_conformance_toml_is_one() {
    let text = text("README.md");
    let blocks = blocks(&text, "toml");
    let [example] = blocks.as_slice() else { panic!("one example: {blocks:?}") };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("conformance.toml");
    fs::write(&file, example).expect("written");
    let config = serverswap_conformance::config::Config::read(&file).expect("no mistake");
    assert_eq!((config.level, config.command.map(|command| command.len())), (Some(2), Some(1)));
}

#[test]
fn every_step_is_in_the_text_of_the_language() {
    let text = text("scenarios/README.md");
    let schema = serverswap_conformance::scenario::document();
    for form in schema["$defs"]["Step"]["oneOf"].as_array().expect("steps") {
        for word in form["properties"].as_object().expect("one key").keys() {
            let named = ["`", "{"].iter().any(|before| text.contains(&format!("{before}{word}")));
            assert!(named, "`{word}`");
        }
    }
}
