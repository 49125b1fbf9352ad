//! The files of `spec/v1/vectors/` and which of them a client is asked about.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use include_dir::{Dir, DirEntry, include_dir};
use serde_json::Value;

static VECTORS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../spec/v1/vectors");

/// Types that only supervisors and observers receive or send: a server's client needs not know them.
const NOT_OF_SERVERS: [&str; 3] = ["timedOut", "closed", "stop"];

/// Fields that only stand-ins send, and so supervisors.
const OF_STAND_INS: [&str; 2] = ["standIn", "provide"];

/// What is expected of a line that no client can make sense of; with which code is the client's affair.
pub(super) const REJECTED: &str = "rejected";

/// What is asked of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    DecodeValid,
    DecodeInvalid,
    DecodeFuture,
    Encode,
}

/// One vector.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Vector {
    /// Its path below its folder: the name of the check.
    pub name: String,
    pub spec: Vec<String>,
    /// The line with its line feed.
    pub bytes: Vec<u8>,
    pub descriptors: u64,
    /// The message; null if there is none.
    pub decoded: Value,
    /// `message`, `ignored`, `unknown_type` or [`REJECTED`].
    pub outcome: String,
}

impl Group {
    pub const ALL: [Group; 4] =
        [Group::DecodeValid, Group::DecodeInvalid, Group::DecodeFuture, Group::Encode];

    pub fn id(self) -> &'static str {
        match self {
            Group::DecodeValid => "vectors/decode-valid",
            Group::DecodeInvalid => "vectors/decode-invalid",
            Group::DecodeFuture => "vectors/decode-future",
            Group::Encode => "vectors/encode",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Group::DecodeValid => "Every message of the arbiter is read",
            Group::DecodeInvalid => "A line that no client can make sense of is rejected",
            Group::DecodeFuture => "A line from the future is read, ignored, or answered",
            Group::Encode => "Every message of a server is written in canonical form",
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Group::DecodeValid | Group::DecodeInvalid | Group::DecodeFuture => "decode",
            Group::Encode => "encode",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Group::DecodeValid | Group::Encode => "valid",
            Group::DecodeInvalid => "invalid",
            Group::DecodeFuture => "future",
        }
    }

    fn asks(self, file: &Value) -> bool {
        let of_arbiter = file["direction"] == "arbiter-to-client";
        match self {
            Group::DecodeValid | Group::DecodeFuture => of_arbiter,
            Group::DecodeInvalid => file["binds"] != "arbiter",
            Group::Encode => !of_arbiter && is_of_servers(&file["decoded"]),
        }
    }
}

fn is_of_servers(message: &Value) -> bool {
    let other_role = message.get("role").is_some_and(|role| role != "server");
    let is_provided = message["type"] == "serving" && message.get("fds").is_some();
    let is_of_stand_ins = is_provided || OF_STAND_INS.iter().any(|field| message.get(field).is_some());
    !other_role && !is_of_stand_ins && !NOT_OF_SERVERS.iter().any(|kind| message["type"] == *kind)
}

/// The vectors of a group, in the order of their names.
pub(super) fn vectors(group: Group) -> Vec<Vector> {
    let mut vectors = Vec::new();
    if let Some(folder) = VECTORS.get_dir(group.folder()) {
        collect(folder, group, &mut vectors);
    }
    vectors.sort_by(|one, other| one.name.cmp(&other.name));
    vectors
}

fn collect(folder: &Dir<'static>, group: Group, vectors: &mut Vec<Vector>) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(folder) => collect(folder, group, vectors),
            DirEntry::File(file) => {
                let document: Value = serde_json::from_slice(file.contents()).unwrap_or_default();
                if group.asks(&document) {
                    vectors.push(vector(&document));
                }
            }
        }
    }
}

fn vector(file: &Value) -> Vector {
    let text = |key: &str| file[key].as_str().map(str::to_owned);
    let id = text("id").unwrap_or_default();
    let bytes = match text("raw_b64") {
        Some(raw) => BASE64_STANDARD.decode(raw).unwrap_or_default(),
        None => format!("{}\n", text("line").unwrap_or_default()).into_bytes(),
    };
    let named = || {
        let line: Value = serde_json::from_str(file["line"].as_str()?).ok()?;
        Some(line["fds"].as_array()?.len() as u64)
    };
    let spec = file["spec"].as_array().into_iter().flatten().filter_map(Value::as_str);
    Vector {
        name: id.split_once('/').map_or(id.as_str(), |(_, name)| name).to_owned(),
        spec: spec.map(str::to_owned).collect(),
        bytes,
        descriptors: file["descriptors"].as_u64().or_else(named).unwrap_or(0),
        decoded: file["decoded"].clone(),
        outcome: text("reject")
            .map(|_| REJECTED.to_owned())
            .or_else(|| text("outcome"))
            .unwrap_or_else(|| "message".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_has_vectors_and_every_vector_an_expectation() {
        for group in Group::ALL {
            let vectors = vectors(group);
            assert!(vectors.len() >= 10, "{group:?}: {}", vectors.len());
            for vector in vectors {
                assert!(!vector.bytes.is_empty() && !vector.spec.is_empty(), "{vector:?}");
                assert_eq!(vector.outcome == "message", vector.decoded.is_object(), "{vector:?}");
            }
        }
    }
}
