//! Whether what a client makes of a vector is right.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};
use serverswap_protocol::Address;
use serverswap_protocol::trace::Side;

use super::file::{REJECTED, Vector};
use crate::connection::fits_strict_schema;
use crate::contract::DecodeReply;

/// Keys that every client has to tell when a message has them.
const TOLD: [&str; 7] = ["type", "id", "re", "address", "fds", "fatal", "reason"];

/// Types that only supervisors and observers receive: a server's client may ignore them.
const NOT_OF_SERVERS: [&str; 2] = ["event", "verdict"];

/// Values of open enums that mean the same: the one that came, or its fallback.
const FALLBACKS: [(&str, &str); 2] = [("reason", "replaced"), ("code", "internal")];

/// Whether `decode` made of it what it means.
pub(super) fn check_decoded(vector: &Vector, reply: &DecodeReply) -> Result<(), String> {
    let expected = vector.outcome.as_str();
    match (expected, reply) {
        ("message", DecodeReply::Message(message)) => check_message(&vector.decoded, message),
        ("message", DecodeReply::Ignored(true)) if is_not_of_servers(&vector.decoded) => Ok(()),
        ("ignored", DecodeReply::Ignored(true)) => Ok(()),
        ("unknown_type", DecodeReply::Unknown { kind, id }) => check_unknown(vector, kind, *id),
        (REJECTED, DecodeReply::Rejected(_)) => Ok(()),
        (_, found) => {
            let found = serde_json::to_value(found).unwrap_or_default();
            Err(format!("expected `{expected}`, got {found}"))
        }
    }
}

fn is_not_of_servers(message: &Value) -> bool {
    NOT_OF_SERVERS.iter().any(|kind| message["type"] == *kind)
}

fn check_message(expected: &Value, found: &Map<String, Value>) -> Result<(), String> {
    for (key, value) in found {
        let same_address = |expected: &Value| key == "address" && is_same_address(expected, value);
        let fallback = FALLBACKS.iter().any(|(of, fallback)| of == key && value == fallback);
        match expected.get(key) {
            Some(expected) if expected == value || fallback || same_address(expected) => {}
            Some(expected) => return Err(format!("`{key}`: expected {expected}, got {value}")),
            None => return Err(format!("`{key}` is not in the message or not known to version 1")),
        }
    }
    let untold = TOLD.iter().find(|key| expected.get(**key).is_some() && !found.contains_key(**key));
    untold.map_or(Ok(()), |key| Err(format!("`{key}` is missing")))
}

/// A client need not know the canonical text of an address.
fn is_same_address(one: &Value, other: &Value) -> bool {
    let address = |text: &Value| text.as_str()?.parse::<Address>().ok();
    address(one).is_some() && address(one) == address(other)
}

fn check_unknown(vector: &Vector, kind: &str, id: Option<u64>) -> Result<(), String> {
    let line: Value = serde_json::from_slice(&vector.bytes).unwrap_or_default();
    if line["type"] == kind && line["id"].as_u64() == id {
        return Ok(());
    }
    Err(format!("expected the type and id of {line}, got `{kind}` and {id:?}"))
}

/// Whether `encode` wrote the message as a sender of version 1 writes it.
pub(super) fn check_encoded(vector: &Vector, line: &str) -> Result<(), String> {
    let bytes = BASE64_STANDARD.decode(line).map_err(|error| format!("`line` is no base64: {error}"))?;
    let Some(text) = bytes.strip_suffix(b"\n") else { return Err("the line feed is missing".to_owned()) };
    if text.contains(&b'\n') {
        return Err("there is a line feed inside".to_owned());
    }
    let object: Map<String, Value> =
        serde_json::from_slice(text).map_err(|error| format!("no JSON object: {error}"))?;
    fits_strict_schema(Side::Client, &object)?;
    let found = Value::Object(object);
    if found == vector.decoded { Ok(()) } else { Err(format!("expected {}, got {found}", vector.decoded)) }
}
