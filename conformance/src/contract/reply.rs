//! What a driver answers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The answer to the command of the same number.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The number of the command.
    pub seq: u64,
    /// What became of it.
    pub answer: Answer,
    /// The whole object, as it was written.
    pub object: Map<String, Value>,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It has been started.
    Ok,
    /// The client cannot do this.
    Unsupported {
        /// Why, for people.
        why: String,
    },
    /// The library threw.
    Errored {
        /// A code of the protocol, or a word of the library.
        code: Option<String>,
        /// For people.
        message: String,
    },
}

/// A reply that lacks what its command asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the driver's reply to `{word}` breaks the contract: {why}")]
pub struct ReplyBodyError {
    word: &'static str,
    why: String,
}

/// The reply to `hello`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HelloReply {
    /// The version of the contract, one of those that were offered.
    pub contract: u32,
    /// The client under test.
    pub client: ContractClient,
    /// The versions of the protocol that it speaks.
    pub protocol: Vec<u32>,
    /// The highest level that it claims to conform at, 0 to 3.
    #[schemars(range(max = 3))]
    pub level: u8,
    /// What else it can do. A case that needs something that is not here is skipped.
    pub supports: Vec<Support>,
}

/// The client under test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContractClient {
    /// As in `serverswap-go`.
    pub name: String,
    /// Of the client.
    pub version: String,
    /// As in `go`.
    pub language: String,
    /// Of the language's implementation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language_version: Option<String>,
    /// Where one reads more about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
}

/// Something that not every client can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Support {
    /// `decode` and `encode`: the library's codec can be called without a socket.
    Codec,
    /// Claims by `inherit`: the client receives descriptors.
    Inherit,
    /// `serve` and `stop`.
    Serve,
    /// `fork`.
    Fork,
    /// The client connects again by itself.
    Reconnect,
    /// Claims with `more`, and `serverUp`.
    More,
    /// More than 128 addresses.
    Many,
}

/// The reply to `decode`: exactly one of its fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DecodeReply {
    /// A known message, with the keys that the client knows.
    Message(Map<String, Value>),
    /// A message from the future that is answered with `unknown_type`.
    Unknown {
        /// Its type.
        #[serde(rename = "type")]
        kind: String,
        /// Its number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
    },
    /// A message from the future that is ignored.
    Ignored(bool),
    /// The code of the error that answers it.
    Rejected(String),
}

/// The reply to `encode`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EncodeReply {
    /// Base64 of the bytes of the line, line feed included.
    pub line: String,
}

/// The reply to `connect`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConnectReply {
    /// Whether the environment names a supervisor.
    pub supervised: bool,
}

impl Reply {
    /// Reads a reply.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn from_value(value: Value) -> Result<Reply, String> {
        let Value::Object(object) = value else { return Err("it is no object".to_owned()) };
        let seq = object.get("seq").and_then(Value::as_u64).ok_or("`seq` is no whole number")?;
        let is = |key: &str| object.get(key) == Some(&Value::Bool(true));
        let text = |key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
        let answer = match (is("ok"), is("unsupported"), is("errored")) {
            (true, false, false) => Answer::Ok,
            (false, true, false) => Answer::Unsupported { why: text("why").unwrap_or_default() },
            (false, false, true) => Answer::Errored {
                code: text("code"),
                message: text("message").ok_or("an `errored` reply has a `message`")?,
            },
            _ => return Err("exactly one of `ok`, `unsupported` and `errored` is true".to_owned()),
        };
        Ok(Reply { seq, answer, object })
    }

    /// The reply to `hello`.
    ///
    /// # Errors
    /// A field is missing or of the wrong form.
    pub fn hello(&self) -> Result<HelloReply, ReplyBodyError> {
        self.body("hello")
    }

    /// The reply to `encode`.
    ///
    /// # Errors
    /// A field is missing or of the wrong form.
    pub fn encode(&self) -> Result<EncodeReply, ReplyBodyError> {
        self.body("encode")
    }

    /// The reply to `connect`.
    ///
    /// # Errors
    /// A field is missing or of the wrong form.
    pub fn connect(&self) -> Result<ConnectReply, ReplyBodyError> {
        self.body("connect")
    }

    /// The reply to `decode`.
    ///
    /// # Errors
    /// Not exactly one of the outcomes is there, or it is of the wrong form.
    pub fn decode(&self) -> Result<DecodeReply, ReplyBodyError> {
        let outcomes = ["message", "unknown", "ignored", "rejected"];
        let there: Map<String, Value> =
            self.object.iter().filter(|(key, _)| outcomes.contains(&key.as_str())).map(owned).collect();
        serde_json::from_value(Value::Object(there)).map_err(|error| ReplyBodyError {
            word: "decode",
            why: format!("exactly one of `message`, `unknown`, `ignored` and `rejected` is there: {error}"),
        })
    }

    fn body<T: serde::de::DeserializeOwned>(&self, word: &'static str) -> Result<T, ReplyBodyError> {
        let object = Value::Object(self.object.clone());
        serde_json::from_value(object).map_err(|error| ReplyBodyError { word, why: error.to_string() })
    }
}

fn owned((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reply(value: Value) -> Reply {
        Reply::from_value(value).expect("a reply")
    }

    #[test]
    fn the_outcome_of_decode_is_one_of_four() {
        let decoded = |mut value: Value| {
            value["seq"] = json!(1);
            value["ok"] = json!(true);
            reply(value).decode()
        };
        assert_eq!(
            decoded(json!({"rejected": "malformed_line"})),
            Ok(DecodeReply::Rejected("malformed_line".into()))
        );
        assert_eq!(
            decoded(json!({"unknown": {"type": "reload", "id": 7}})),
            Ok(DecodeReply::Unknown { kind: "reload".into(), id: Some(7) })
        );
        assert_eq!(decoded(json!({"ignored": true})), Ok(DecodeReply::Ignored(true)));
        assert!(decoded(json!({})).is_err());
        assert!(decoded(json!({"ignored": true, "rejected": "x"})).is_err());
    }

    #[test]
    fn an_errored_reply_has_a_message() {
        let errored = json!({"seq": 1, "errored": true});
        assert_eq!(Reply::from_value(errored), Err("an `errored` reply has a `message`".to_owned()));
    }
}
