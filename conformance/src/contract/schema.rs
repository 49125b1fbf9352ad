//! The generator of `conformance/contract/v1/schema.json`.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::{ConnectReply, DecodeReply, EncodeReply, Event, HelloReply, Numbered};

/// The schema of the contract: `$defs/Command` is a line of the driver's standard input, and
/// `$defs/Output` one of its standard output.
#[must_use]
pub fn document() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let event = generator.subschema_for::<Event>().to_value();
    let replies = [
        generator.subschema_for::<HelloReply>().to_value(),
        generator.subschema_for::<EncodeReply>().to_value(),
        generator.subschema_for::<ConnectReply>().to_value(),
        generator.subschema_for::<DecodeReply>().to_value(),
    ];
    let command = <Numbered as JsonSchema>::json_schema(&mut generator).to_value();
    let mut definitions = generator.take_definitions(true);
    let [hello, encode, connect, decode] = replies;
    definitions.insert("Command".to_owned(), command);
    definitions.insert("Output".to_owned(), json!({"oneOf": [{"$ref": "#/$defs/Reply"}, event]}));
    definitions.insert("Reply".to_owned(), reply());
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:serverswap:conformance:contract:v1",
        "title": "serverswap driver contract, version 1",
        "description": "One line of a driver's standard input (`$defs/Command`) or standard output (`$defs/Output`). \
            An `ok` reply also has what `x-replies` says for its command. \
            Generated from conformance/src/contract; do not edit.",
        "oneOf": [{"$ref": "#/$defs/Command"}, {"$ref": "#/$defs/Output"}],
        "x-replies": {"hello": hello, "encode": encode, "connect": connect, "decode": decode},
        "$defs": definitions,
    })
}

/// The three forms of a reply.
fn reply() -> Value {
    let form = |key: &str, about: &str| {
        json!({
            "type": "object",
            "description": about,
            "properties": {"seq": {"type": "integer", "minimum": 1}, key: {"const": true}},
            "required": ["seq", key],
        })
    };
    let mut unsupported = form("unsupported", "The client cannot do this.");
    unsupported["properties"]["why"] = json!({"type": "string", "description": "Why, for people."});
    let mut errored = form("errored", "The library threw.");
    errored["properties"]["code"] =
        json!({"type": "string", "description": "A code of the protocol, or a word of the library."});
    errored["properties"]["message"] = json!({"type": "string", "description": "For people."});
    errored["required"] = json!(["seq", "errored", "message"]);
    json!({"oneOf": [form("ok", "The action has been started."), unsupported, errored]})
}
