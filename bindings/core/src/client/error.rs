//! What can go wrong in a client.

use std::io;

use serverswap_protocol::Address;

use crate::session::{Refusal, UseError};

/// What can go wrong in a client. What is held goes on being held in every case.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A word at the wrong time.
    #[error(transparent)]
    Use(#[from] UseError),
    /// The claim has failed.
    #[error("the claim of `{address}` was refused: {source}")]
    Refused {
        /// The address.
        address: Address,
        /// Why.
        source: Refusal,
    },
    /// What the kernel says.
    #[error(transparent)]
    Io(#[from] io::Error),
}
