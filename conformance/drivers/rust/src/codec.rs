//! `decode` and `encode`: the library's codec without a socket.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use serverswap::protocol::line::{self, Decoded, LineReader};
use serverswap::protocol::message::{Code, FromArbiter, FromClient};

use crate::answer::Refused;

/// What the library makes of one line of the arbiter, with so many descriptors.
pub(crate) fn decode(text: &str, fds: u64) -> Result<Value, Refused> {
    let bytes = BASE64_STANDARD.decode(text).map_err(|_| Refused::Command("`line` is no base64"))?;
    Ok(match read(&bytes, fds) {
        Ok(Decoded::Message { message, .. }) => {
            json!({"message": serde_json::from_slice::<Value>(&line::encode(&message))?})
        }
        Ok(Decoded::Unknown { id, kind }) => json!({"unknown": {"type": kind, "id": id}}),
        Ok(Decoded::Ignored) => json!({"ignored": true}),
        Err(code) => json!({"rejected": code.to_string()}),
    })
}

fn read(bytes: &[u8], fds: u64) -> Result<Decoded<FromArbiter, u64>, Code> {
    let mut reader = LineReader::default();
    reader.push(bytes, 0..fds);
    let line = reader.next_line().map_err(|error| error.code())?;
    let line = line.ok_or(Code::MalformedLine)?;
    reader.next_line().map_err(|error| error.code())?;
    line::decode(line).map_err(|error| error.code)
}

/// The line that the library writes for a message.
pub(crate) fn encode(message: Value) -> Result<Value, Refused> {
    let message: FromClient = serde_json::from_value(message)?;
    Ok(json!({"line": BASE64_STANDARD.encode(line::encode(&message))}))
}
