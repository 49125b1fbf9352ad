//! Addresses and generations as patterns.
//!
//! A pattern cannot count bytes, compare numbers or resolve `..`, so it accepts a little
//! more than the parser does; the vectors mark such cases `schema_catches: false`. No
//! look-around is used: RE2 and the like read the patterns too.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::address::Address;
use crate::generation::Generation;

const PORT: &str = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
const OCTET: &str = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const NAME: &str = "[A-Za-z][A-Za-z0-9._-]{0,254}";

impl JsonSchema for Address {
    fn schema_name() -> Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The name of what is handed over: `:8080`, `127.0.0.1:8080`, `[::1]:443`, `unix:/run/app.sock`, `udp::53`, or the plain name of an exclusive resource such as `mailer`.",
            "type": "string",
            "pattern": any_address(),
            "examples": [":8080", "127.0.0.1:8080", "[::1]:443", "unix:/run/app.sock", "udp::53", "mailer"],
        })
    }
}

impl JsonSchema for Generation {
    fn schema_name() -> Cow<'static, str> {
        "Generation".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "One start of a command: the value of `SERVERSWAP_GENERATION`, passed on as it is.",
            "type": "string",
            "pattern": "^(0|[1-9][0-9]{0,15})-[1-9][0-9]{0,9}$",
            "examples": ["81234567890-4711"],
        })
    }
}

/// Every text that a receiver reads as an address.
fn any_address() -> String {
    let ip = format!(r"({OCTET}(\.{OCTET}){{3}}|\[[0-9A-Fa-f:.]{{2,45}}\])?");
    format!("^({ip}:{PORT}|udp:{ip}:{PORT}|{PORT}|unix:/.*[^/]|{NAME})$")
}

/// The texts that a sender may write.
pub(super) fn canonical_address() -> String {
    let ip = format!(r"({OCTET}(\.{OCTET}){{3}}|\[[0-9a-f:.]{{2,45}}\])?");
    format!("^({ip}:{PORT}|udp:{ip}:{PORT}|unix:(/[^/]+)+|{NAME})$")
}
