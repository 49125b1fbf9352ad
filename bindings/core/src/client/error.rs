//! What can go wrong in a client.

use std::io;

use serverswap_protocol::Address;

use crate::session::{CallError, Refusal};

/// What can go wrong in a client. What is held goes on being held in every case.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A call at the wrong time.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The claim has failed.
    #[error("the claim of `{address}` was refused: {source}")]
    Refused {
        /// The address.
        address: Address,
        /// Why.
        source: Refusal,
    },
    /// An error of a system call.
    #[error(transparent)]
    Io(#[from] io::Error),
}
