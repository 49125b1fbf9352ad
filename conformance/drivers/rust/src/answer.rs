//! What a command is answered with.

use serde_json::{Value, json};
use serverswap::{AddressError, ConnectError, UseError};

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// A word at the wrong time.
    #[error(transparent)]
    Use(#[from] UseError),
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
            Refused::Use(error) => code(error),
            Refused::Address(_) => "invalid_address",
            Refused::Connect(_) => "environment",
            Refused::Io(_) => "io",
            Refused::Command(_) | Refused::Unknown(_) => "command",
            Refused::Json(_) => "invalid_message",
        }
    }
}

/// The contract's word for a mistake of the program.
pub(crate) fn code(error: &UseError) -> &'static str {
    match error {
        UseError::AlreadyClaimed(_) => "already_claimed",
        UseError::NotInheritable(_) => "not_inheritable",
        UseError::NotHeld(_) => "not_held",
        UseError::Failed => "failed",
        UseError::Forked { .. } => "forked",
    }
}
