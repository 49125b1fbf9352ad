//! `decode` and `encode`: the library's codec without a socket.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use serverswap::codec;

use crate::answer::Refused;

/// What the library makes of one line of the arbiter, with so many descriptors.
pub(crate) fn decode(text: &str, fds: u64) -> Result<Value, Refused> {
    let bytes = BASE64_STANDARD.decode(text).map_err(|_| Refused::Command("`line` is no base64"))?;
    let fds = u32::try_from(fds).map_err(|_| Refused::Command("`fds` is too large"))?;
    Ok(serde_json::from_str(&codec::decode_line(&bytes, fds))?)
}

/// The line that the library writes for a message.
pub(crate) fn encode(message: &Value) -> Result<Value, Refused> {
    Ok(json!({"line": BASE64_STANDARD.encode(codec::encode_line(&message.to_string())?)}))
}
