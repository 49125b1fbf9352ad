//! What a command is answered with.

use serde_json::{Value, json};
use serverswap::{AddressError, CallError, ConnectError};

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// A call at the wrong time.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A text that is no address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The environment is not one of a supervisor.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The kernel refuses.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A command without a field that it needs, or before `connect`.
    #[error("{0}")]
    Command(&'static str),
    /// A message that the library does not write.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The contract has no such command.
    #[error("this driver has no command `{0}`")]
    Unknown(String),
}

impl Refused {
    /// The reply.
    pub(crate) fn reply(&self, seq: u64) -> Value {
        if let Refused::Unknown(_) = self {
            return json!({"seq": seq, "unsupported": true, "why": self.to_string()});
        }
        json!({"seq": seq, "errored": true, "code": self.code(), "message": self.to_string()})
    }

    fn code(&self) -> &'static str {
        match self {
            Refused::Call(error) => error.code(),
            Refused::Address(_) => "invalid_address",
            Refused::Connect(_) => "environment",
            Refused::Io(_) => "io",
            Refused::Command(_) | Refused::Unknown(_) => "command",
            Refused::Json(_) => "invalid_message",
        }
    }
}
