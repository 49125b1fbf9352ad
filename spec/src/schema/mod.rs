//! The generator of `v1/schema/` and `v1/meta.json`: from the message types and the state
//! tables to documents that other languages read.
//!
//! Two schemas a direction. *Lenient*: what a receiver has to accept, messages from the
//! future included. *Strict*: what a sender of version 1 may send. What no schema can express
//! (bytes, duplicate keys, order) is in `line` and `trace`.
//!
//! Deliberately no file is written here; `tests/generated` compares and rewrites.

mod flatten;
mod lenient;
mod meta;
mod plain;
mod strict;
mod text;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::message::{FromArbiter, FromClient, Message};

const CLIENT: &str = "client-to-arbiter";
const ARBITER: &str = "arbiter-to-client";

/// One generated file.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Where it belongs, relative to `spec/`.
    pub path: &'static str,
    /// What belongs there.
    pub content: Value,
}

/// Which of the two schemas of a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// What a receiver has to accept.
    Lenient,
    /// What a sender may send.
    Strict,
}

/// Every generated JSON document of version 1.
///
/// # Panics
/// When the message types and the state tables do not fit each other: a fault of this crate.
pub fn documents() -> Vec<Document> {
    use Strictness::{Lenient, Strict};
    let documents = [
        ("v1/schema/client-to-arbiter.json", direction::<FromClient>(CLIENT, Lenient)),
        ("v1/schema/client-to-arbiter.strict.json", direction::<FromClient>(CLIENT, Strict)),
        ("v1/schema/arbiter-to-client.json", direction::<FromArbiter>(ARBITER, Lenient)),
        ("v1/schema/arbiter-to-client.strict.json", direction::<FromArbiter>(ARBITER, Strict)),
    ];
    let meta = meta::meta(&documents[1].1, &documents[3].1);
    documents
        .into_iter()
        .chain([("v1/meta.json", meta)])
        .map(|(path, content)| Document { path, content })
        .collect()
}

fn direction<M: Message + JsonSchema>(name: &str, strictness: Strictness) -> Value {
    let settings = SchemaSettings::draft2020_12();
    let settings = match strictness {
        Strictness::Lenient => settings.for_deserialize(),
        Strictness::Strict => settings.for_serialize(),
    };
    let mut schema = settings.into_generator().into_root_schema_for::<M>().to_value();
    flatten::messages(&mut schema);
    plain::for_plain_generators(&mut schema);
    match strictness {
        Strictness::Lenient => lenient::relax(&mut schema, M::TYPES),
        Strictness::Strict => strict::close(&mut schema),
    }
    if strictness == Strictness::Strict && name == ARBITER {
        strict::only_canonical_addresses(&mut schema);
    }
    head(name, strictness, schema)
}

/// Puts identity and purpose first.
fn head(name: &str, strictness: Strictness, mut schema: Value) -> Value {
    let (suffix, says) = match strictness {
        Strictness::Lenient => ("", "What a receiver has to accept, messages from the future included."),
        Strictness::Strict => (":strict", "What a sender of version 1 may say: nothing unknown."),
    };
    let mut document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("urn:serverswap:spec:v1:{name}{suffix}"),
        "title": format!("serverswap version 1, {}", name.replace('-', " ")),
        "description": format!("One line. {says} Generated from spec/src; do not edit."),
    });
    for key in ["oneOf", "$defs"] {
        document[key] = schema[key].take();
    }
    document
}
