//! Messages of both directions: no line makes the decoder panic; what was understood is said
//! again as a line that means the same; what the strict schema allows is understood, and said
//! again exactly.

#![no_main]

use std::fmt::Debug;
use std::sync::LazyLock;

use jsonschema::Validator;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serverswap_protocol::limits::{FDS_PER_LINE_MAX, LINE_BYTES_MAX};
use serverswap_protocol::line::{DecodeError, Decoded, Line, LineReader, decode, encode};
use serverswap_protocol::message::{Code, FromArbiter, FromClient, Message};

static FROM_CLIENT: LazyLock<Validator> =
    LazyLock::new(|| validator(include_str!("../../../spec/v1/schema/client-to-arbiter.strict.json")));
static FROM_ARBITER: LazyLock<Validator> =
    LazyLock::new(|| validator(include_str!("../../../spec/v1/schema/arbiter-to-client.strict.json")));

fuzz_target!(|data: &[u8]| {
    check::<FromClient>(data, &FROM_CLIENT);
    check::<FromArbiter>(data, &FROM_ARBITER);
});

fn validator(text: &str) -> Validator {
    jsonschema::validator_for(&serde_json::from_str(text).expect("JSON")).expect("a schema")
}

fn check<M: Message + PartialEq + Debug>(data: &[u8], strict: &Validator) {
    let Some(line) = first_line(data) else {
        return;
    };
    let value = Value::Object(line.object.clone());
    let is_strict = strict.is_valid(&value) && !has_fraction(&value);
    let message = match decode::<M, ()>(line) {
        Ok(Decoded::Message { message, .. }) => message,
        Err(error) if is_beyond_a_schema(&error) => return,
        Ok(Decoded::Unknown { .. } | Decoded::Ignored) | Err(_) => {
            assert!(!is_strict, "a legal message is not understood: {value}");
            return;
        }
    };
    let said = encode(&message);
    assert!(said.len() <= LINE_BYTES_MAX, "what was a line is one when it is said again");
    let again = understood::<M>(&said);
    assert_eq!(encode(&again), said, "it means the same");
    if is_strict {
        assert_eq!(again, message);
        let said: Value = serde_json::from_slice(&said).expect("JSON");
        assert!(strict.is_valid(&said), "{value} was said again as {said}");
    }
}

/// Numbers within a text, and the length of a path in bytes: no pattern says those.
fn is_beyond_a_schema(error: &DecodeError) -> bool {
    error.code == Code::InvalidAddress
        || error.message.contains("is not an address")
        || error.message.contains("is not a generation")
}

/// To a schema `2.0` and `-0` are integers; the text looks at how they are written (SS-LINE-5).
fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(values) => values.iter().any(has_fraction),
        Value::Object(object) => object.values().any(has_fraction),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// The first line, however many descriptors it names: while a byte of the next one is there, the others
/// may be that one's.
fn first_line(data: &[u8]) -> Option<Line<()>> {
    let mut reader = LineReader::default();
    reader.push(data, [(); FDS_PER_LINE_MAX]);
    reader.push(b" ", []);
    reader.next_line().ok().flatten()
}

fn understood<M: Message>(line: &[u8]) -> M {
    let line = first_line(line).expect("what is said is a line");
    match decode(line) {
        Ok(Decoded::Message { message, .. }) => message,
        other => panic!("what was said is not understood: {:?}", other.err()),
    }
}
