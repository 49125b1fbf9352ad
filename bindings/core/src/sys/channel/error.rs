//! Why something that arrived cannot be used.

use serverswap_protocol::line::{DecodeError, LineError};
use serverswap_protocol::message::Code;

/// Why something that arrived cannot be used, and what to answer.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// Not a line of the protocol, or not with its descriptors.
    #[error(transparent)]
    Line(#[from] LineError),
    /// A known message with an impossible content.
    #[error(transparent)]
    Message(#[from] DecodeError),
    /// The kernel dropped descriptors (`MSG_CTRUNC`): this process is out of them.
    #[error("descriptors were lost on arrival; is the limit of open files (RLIMIT_NOFILE) reached?")]
    Truncated,
}

impl ReceiveError {
    /// The code of the `error` that answers it.
    pub fn code(&self) -> Code {
        match self {
            ReceiveError::Line(error) => error.code(),
            ReceiveError::Message(error) => error.code.clone(),
            ReceiveError::Truncated => Code::DescriptorMismatch,
        }
    }

    /// The `id` of the message that the `error` answers; without, it is about the connection.
    pub fn re(&self) -> Option<u64> {
        match self {
            ReceiveError::Message(error) => error.id,
            ReceiveError::Line(_) | ReceiveError::Truncated => None,
        }
    }

    /// Whether the connection is to be closed: always, unless there is a request to answer.
    pub fn is_fatal(&self) -> bool {
        self.re().is_none()
    }
}
