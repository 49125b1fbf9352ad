//! One line as the clients of every language read and write it, without a socket: for the drivers of
//! `serverswap-conformance` only.
//!
//! JSON goes in and comes out, so that a binding needs no message types of its own.

use serde_json::{Value, json};
use serverswap_protocol::line::{self, Decoded, LineReader};
use serverswap_protocol::message::{Code, FromArbiter, FromClient};

/// What a client makes of one line of an arbiter that came with so many descriptors: the fields of the
/// reply to `decode` in the driver contract, as a JSON object.
pub fn decode_line(bytes: &[u8], descriptors: u32) -> String {
    let outcome = match read(bytes, descriptors) {
        Ok(Decoded::Message { message, .. }) => {
            let message: Value =
                serde_json::from_slice(&line::encode(&message)).expect("an encoded line is JSON");
            json!({ "message": message })
        }
        Ok(Decoded::Unknown { id, kind }) => json!({ "unknown": { "type": kind, "id": id } }),
        Ok(Decoded::Ignored) => json!({ "ignored": true }),
        Err(code) => json!({ "rejected": code.to_string() }),
    };
    outcome.to_string()
}

/// The line of a message of a client, line feed included.
///
/// # Errors
/// It is no message of a client.
pub fn encode_line(message: &str) -> serde_json::Result<Vec<u8>> {
    let message: FromClient = serde_json::from_str(message)?;
    Ok(line::encode(&message))
}

fn read(bytes: &[u8], descriptors: u32) -> Result<Decoded<FromArbiter, u32>, Code> {
    let mut reader = LineReader::default();
    reader.push(bytes, 0..descriptors);
    let line = reader.next_line().map_err(|error| error.code())?.ok_or(Code::MalformedLine)?;
    reader.next_line().map_err(|error| error.code())?;
    line::decode(line).map_err(|error| error.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(line: &[u8], descriptors: u32) -> Value {
        serde_json::from_str(&decode_line(line, descriptors)).expect("JSON")
    }

    #[test]
    fn a_line_becomes_what_the_driver_contract_says() {
        let pong = b"{\"type\":\"pong\",\"re\":1,\"x\":2}\n";
        assert_eq!(decoded(pong, 0), json!({ "message": { "type": "pong", "re": 1 } }));
        assert_eq!(decoded(pong, 1), json!({ "rejected": "descriptor_mismatch" }));
        assert_eq!(decoded(b"{\"type\":\"later\"}\n", 0), json!({ "ignored": true }));
    }

    #[test]
    fn a_message_becomes_a_line() {
        let line = encode_line(r#"{"type":"ping","id":7}"#).expect("a message of a client");
        assert_eq!(line, b"{\"type\":\"ping\",\"id\":7}\n");
        assert!(encode_line(r#"{"type":"granted"}"#).is_err());
    }
}
