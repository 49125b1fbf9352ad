//! What holds for every message and every stream of bytes, tried on generated ones.

#[path = "../committed/mod.rs"]
mod committed;
mod messages;
mod streams;

use proptest::prelude::*;
use serde_json::Value;
use serverswap_protocol::limits::{LINE_BYTES_MAX, TEXT_BYTES_MAX};
use serverswap_protocol::line::{Decoded, LineReader, decode, encode};
use serverswap_protocol::message::{Code, Error, FromArbiter, Message};

use committed::{DIRECTIONS, Schemas};

/// A message as the other side gets it, with a number for each descriptor.
fn through_the_wire<M: Message>(message: &M) -> (M, Vec<(String, usize)>) {
    let mut reader = LineReader::default();
    reader.push(&encode(message), 0..message.fds().len());
    let line = reader.next_line().expect("a legal line").expect("a whole line");
    assert!(reader.next_line().expect("nothing left over").is_none());
    match decode::<M, _>(line).expect("a legal message") {
        Decoded::Message { message, fds } => (message, fds),
        Decoded::Unknown { .. } | Decoded::Ignored => panic!("a message of this version"),
    }
}

fn check<M: Message + PartialEq + std::fmt::Debug>(
    message: &M,
    schemas: &Schemas,
) -> Result<(), TestCaseError> {
    let (received, fds) = through_the_wire(message);
    prop_assert_eq!(&received, message);
    let expected: Vec<(String, usize)> = message.fds().iter().cloned().zip(0..).collect();
    prop_assert_eq!(fds, expected);
    let line: Value = serde_json::from_slice(&encode(message)).expect("JSON");
    let wrong = schemas.strict.iter_errors(&line).map(|error| error.to_string()).next();
    prop_assert_eq!(wrong, None, "{}", line);
    prop_assert!(schemas.lenient.is_valid(&line), "{}", line);
    Ok(())
}

#[test]
fn every_client_message_comes_through_the_wire_as_it_was_and_satisfies_the_strict_schema() {
    let schemas = Schemas::of(DIRECTIONS[0]);
    proptest!(|(message in messages::from_client())| check(&message, &schemas)?);
}

#[test]
fn every_arbiter_message_comes_through_the_wire_as_it_was_and_satisfies_the_strict_schema() {
    let schemas = Schemas::of(DIRECTIONS[1]);
    proptest!(|(message in messages::from_arbiter())| check(&message, &schemas)?);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_text_for_people_is_cut_between_two_characters_and_every_line_with_it_is_legal(
        text in "(\\PC|[\\x00-\\x1f\"]){2040,2060}",
        extra in 0usize..LINE_BYTES_MAX,
    ) {
        let schemas = Schemas::of(DIRECTIONS[1]);
        let message = format!("{text}{}", "x".repeat(extra));
        let error = Error { re: None, code: Code::Internal, message: message.clone(), fatal: true };
        let (received, _) = through_the_wire(&FromArbiter::Error(error));
        let line: Value = serde_json::from_slice(&encode(&received)).expect("JSON");
        let kept = line["message"].as_str().expect("a text");
        prop_assert!(message.starts_with(kept));
        prop_assert!(kept.len() <= TEXT_BYTES_MAX && kept.len() + 4 > TEXT_BYTES_MAX.min(message.len()));
        prop_assert!(schemas.strict.is_valid(&line));
    }
}
