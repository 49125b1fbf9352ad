//! Lines: `valid/`, `future/` and `invalid/`.

use std::collections::BTreeMap;

use base64::Engine;
use serde_json::Value;
use serverswap_protocol::line::{Decoded, LineReader, decode, encode};
use serverswap_protocol::message::{Code, FromArbiter, FromClient, Message};

use crate::cases::vectors;
use crate::committed::{DIRECTIONS, Schemas};

/// How the types read a vector.
#[derive(Debug, PartialEq)]
enum Verdict {
    Message(Value),
    Ignored,
    UnknownType,
    Rejected { code: Code, fatal: bool },
}

fn verdict(vector: &Value) -> Verdict {
    match vector["direction"].as_str().expect("a direction") {
        "client-to-arbiter" => read::<FromClient>(vector),
        "arbiter-to-client" => read::<FromArbiter>(vector),
        other => panic!("unknown direction {other}"),
    }
}

fn bytes(vector: &Value) -> Vec<u8> {
    match vector["raw_b64"].as_str() {
        Some(raw) => base64::prelude::BASE64_STANDARD.decode(raw).expect("base64"),
        None => format!("{}\n", vector["line"].as_str().expect("a line")).into_bytes(),
    }
}

fn descriptors(vector: &Value) -> usize {
    let named = || {
        let line: Value = serde_json::from_str(vector["line"].as_str()?).ok()?;
        Some(line["fds"].as_array()?.len())
    };
    let said = vector["descriptors"].as_u64().map(|number| usize::try_from(number).expect("a small number"));
    said.or_else(named).unwrap_or(0)
}

fn read<M: Message>(vector: &Value) -> Verdict {
    let mut reader = LineReader::default();
    reader.push(&bytes(vector), 0..descriptors(vector));
    let line = match reader.next_line().and_then(|line| reader.next_line().map(|_| line)) {
        Ok(line) => line.expect("a whole line, or an error"),
        Err(error) => return Verdict::Rejected { code: error.code(), fatal: true },
    };
    match decode::<M, _>(line) {
        Ok(Decoded::Message { message, .. }) => {
            Verdict::Message(serde_json::from_slice(&encode(&message)).expect("JSON"))
        }
        Ok(Decoded::Unknown { .. }) => Verdict::UnknownType,
        Ok(Decoded::Ignored) => Verdict::Ignored,
        Err(error) => {
            let greets = vector["line"].as_str().is_some_and(|line| line.contains("\"hello\""));
            Verdict::Rejected { code: error.code, fatal: greets || error.id.is_none() }
        }
    }
}

fn schemas() -> BTreeMap<&'static str, Schemas> {
    DIRECTIONS.into_iter().map(|direction| (direction, Schemas::of(direction))).collect()
}

fn direction(vector: &Value) -> &str {
    vector["direction"].as_str().expect("a direction")
}

fn line(vector: &Value) -> Option<Value> {
    serde_json::from_slice(&bytes(vector)).ok()
}

#[test]
fn a_valid_line_is_read_as_it_says_and_both_schemas_agree() {
    let schemas = schemas();
    for (id, vector) in vectors("valid") {
        let decoded = &vector["decoded"];
        assert_eq!(verdict(&vector), Verdict::Message(decoded.clone()), "{id}");
        let schemas = &schemas[direction(&vector)];
        let line = line(&vector).expect("JSON");
        assert!(schemas.lenient.is_valid(&line), "{id}: lenient");
        let wrong = schemas.strict.iter_errors(decoded).map(|error| error.to_string()).next();
        assert_eq!(wrong, None, "{id}: strict");
        let mut plain = line.clone();
        plain.as_object_mut().expect("an object").remove("ext");
        if plain == *decoded {
            assert!(schemas.strict.is_valid(&line), "{id}: a sender may write it");
        }
    }
}

#[test]
fn every_message_type_has_a_valid_vector() {
    let seen: Vec<(String, String)> = vectors("valid")
        .into_iter()
        .map(|(_, vector)| {
            (direction(&vector).to_owned(), vector["decoded"]["type"].as_str().expect("a type").to_owned())
        })
        .collect();
    for (direction, types) in DIRECTIONS.into_iter().zip([FromClient::TYPES, FromArbiter::TYPES]) {
        for kind in types {
            assert!(seen.contains(&(direction.to_owned(), (*kind).to_owned())), "{direction} {kind}");
        }
    }
}

#[test]
fn a_line_from_the_future_is_taken_by_the_receiver_and_forbidden_to_the_sender() {
    let schemas = schemas();
    for (id, vector) in vectors("future") {
        let expected = match vector["outcome"].as_str().expect("an outcome") {
            "message" => Verdict::Message(vector["decoded"].clone()),
            "ignored" => Verdict::Ignored,
            "unknown_type" => Verdict::UnknownType,
            other => panic!("{id}: unknown outcome {other}"),
        };
        assert_eq!(verdict(&vector), expected, "{id}");
        let line = line(&vector).expect("JSON");
        assert!(schemas[direction(&vector)].lenient.is_valid(&line), "{id}: lenient");
        assert!(!schemas[direction(&vector)].strict.is_valid(&line), "{id}: strict");
    }
}

#[test]
fn an_invalid_line_is_rejected_with_its_code_and_the_schema_catches_what_it_says() {
    let schemas = schemas();
    for (id, vector) in vectors("invalid") {
        let code: Code = serde_json::from_value(vector["reject"].clone()).expect("a code");
        let fatal = vector["fatal"].as_bool().expect("whether it is fatal");
        assert_eq!(verdict(&vector), Verdict::Rejected { code, fatal }, "{id}");
        let caught = line(&vector).is_some_and(|line| !schemas[direction(&vector)].lenient.is_valid(&line));
        assert_eq!(caught, vector["schema_catches"].as_bool().expect("schema_catches"), "{id}");
    }
}
