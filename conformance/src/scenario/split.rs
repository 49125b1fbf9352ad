//! Where a line is cut into pieces.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// A byte offset: a number, `$name` of the matrix, or `each`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offset {
    /// From the first byte of the step, counted from 0.
    Bytes(usize),
    /// The value of a variable.
    Variable(String),
    /// Every one: each byte is a piece of its own.
    Each,
}

/// Offsets at which a new piece begins: `[1, 7]`, `$at`, or `7`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Split(pub Vec<Offset>);

impl<'de> Deserialize<'de> for Offset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OffsetVisitor)
    }
}

struct OffsetVisitor;

impl Visitor<'_> for OffsetVisitor {
    type Value = Offset;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a byte offset, `$name`, or `each`")
    }

    fn visit_u64<E: Error>(self, offset: u64) -> Result<Offset, E> {
        usize::try_from(offset).map(Offset::Bytes).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, offset: i64) -> Result<Offset, E> {
        usize::try_from(offset).map(Offset::Bytes).map_err(E::custom)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Offset, E> {
        match text.strip_prefix('$') {
            Some(name) => Ok(Offset::Variable(name.to_owned())),
            None if text == "each" => Ok(Offset::Each),
            None => Err(E::custom(format_args!("`{text}` is neither a byte offset nor `$name` nor `each`"))),
        }
    }
}

impl<'de> Deserialize<'de> for Split {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SplitVisitor)
    }
}

struct SplitVisitor;

impl<'de> Visitor<'de> for SplitVisitor {
    type Value = Split;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("byte offsets, `$name`, or `each`")
    }

    fn visit_u64<E: Error>(self, offset: u64) -> Result<Split, E> {
        OffsetVisitor.visit_u64(offset).map(|offset| Split(vec![offset]))
    }

    fn visit_i64<E: Error>(self, offset: i64) -> Result<Split, E> {
        OffsetVisitor.visit_i64(offset).map(|offset| Split(vec![offset]))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Split, E> {
        OffsetVisitor.visit_str(text).map(|offset| Split(vec![offset]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Split, A::Error> {
        let mut offsets = Vec::new();
        while let Some(offset) = access.next_element()? {
            offsets.push(offset);
        }
        Ok(Split(offsets))
    }
}

impl JsonSchema for Offset {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Offset".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^(\\$.+|each)$"}]})
    }
}

impl JsonSchema for Split {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Split".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let offset = Offset::json_schema(generator);
        json_schema!({"anyOf": [offset, {"type": "array", "items": offset}]})
    }
}
