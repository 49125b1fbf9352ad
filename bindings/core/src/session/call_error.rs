//! Calls that a server makes at the wrong time.

use serverswap_protocol::Address;

/// A call that is not true, or not possible, in this state. Nothing was changed or sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The address is claimed or held by this process.
    #[error("`{0}` is already claimed or held by this process")]
    AlreadyClaimed(Address),
    /// A name has no socket: it can be claimed with `bind` only.
    #[error("`{0}` has no socket that could be inherited; claim it with `bind`")]
    NotInheritable(Address),
    /// The address was not granted, or was released.
    #[error("`{0}` is not held by this process")]
    NotHeld(Address),
    /// After `fail` nothing can be claimed.
    #[error("this server has said `fail` and cannot claim anything any more")]
    Failed,
    /// The connection belongs to the process that made it.
    #[error("this is a forked child: the connection belongs to process {parent}")]
    Forked {
        /// The process that connected.
        parent: u32,
    },
}

impl CallError {
    /// For programs, the same in every language.
    pub fn code(&self) -> &'static str {
        match self {
            CallError::AlreadyClaimed(_) => "already_claimed",
            CallError::NotInheritable(_) => "not_inheritable",
            CallError::NotHeld(_) => "not_held",
            CallError::Failed => "failed",
            CallError::Forked { .. } => "forked",
        }
    }
}
