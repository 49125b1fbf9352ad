//! From a line's object to a typed message, in two steps: first the `type`, then its fields.
//! So a message from the future keeps its `id`, and an unknown field is ignored.

use serde_json::{Map, Value};

use super::reader::Line;
use crate::address::Address;
use crate::message::{Code, Message};

/// What a well-formed line means.
#[derive(Debug)]
pub enum Decoded<M, F> {
    /// A message of this version.
    Message {
        /// The message.
        message: M,
        /// `(name, descriptor)` in the order of its `fds`.
        fds: Vec<(String, F)>,
    },
    /// A `type` from the future that wants a reply: to be answered with `unknown_type`.
    Unknown {
        /// Its `id`.
        id: u64,
        /// Its `type`.
        kind: String,
    },
    /// A `type` from the future that wants none: to be ignored.
    Ignored,
}

/// A known message with an impossible content.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct DecodeError {
    /// The `id` of the message: with one, the error answers it and the connection stays open.
    pub id: Option<u64>,
    /// `invalid_address` or `invalid_message`.
    pub code: Code,
    /// What is wrong, for people.
    pub message: String,
}

/// Reads a line as a message of one direction. Descriptors of a message that is not
/// understood are dropped, and so closed.
///
/// # Errors
/// A known `type` whose fields are missing or of the wrong form.
pub fn decode<M: Message, F>(line: Line<F>) -> Result<Decoded<M, F>, DecodeError> {
    let Line { object, fds } = line;
    let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
    let id = object.get("id").and_then(Value::as_u64);
    if !M::TYPES.contains(&kind) {
        return Ok(match id {
            Some(id) => Decoded::Unknown { id, kind: kind.to_owned() },
            None => Decoded::Ignored,
        });
    }
    check_address(&object, id)?;
    let kind = kind.to_owned();
    let message = M::from_object(object).map_err(|error| DecodeError {
        id,
        code: Code::InvalidMessage,
        message: format!("`{kind}`: {error}"),
    })?;
    Ok(Decoded::Message { message, fds })
}

/// An address that cannot be read has a code of its own: a user wrote it.
fn check_address(object: &Map<String, Value>, id: Option<u64>) -> Result<(), DecodeError> {
    let Some(text) = object.get("address").and_then(Value::as_str) else {
        return Ok(());
    };
    text.parse::<Address>().map(|_| ()).map_err(|error| DecodeError {
        id,
        code: Code::InvalidAddress,
        message: error.to_string(),
    })
}

/// The bytes of one message, line feed included.
///
/// # Panics
/// Never for the message types of this crate: they have string keys and finite numbers only.
pub fn encode<M: Message>(message: &M) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(message).expect("message types always serialise");
    bytes.push(b'\n');
    bytes
}
