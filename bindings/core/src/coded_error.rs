//! An error as a binding hands it to its language.

use std::io;

use serverswap_protocol::AddressError;

use crate::connection::ConnectError;
use crate::session::CallError;

/// What a call of a binding fails with. Every error of a call becomes one of these, so that each
/// binding makes its language's exception in one place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CodedError {
    /// For programs: a code of the protocol, or one of the client libraries.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl CodedError {
    fn new(code: &'static str, error: &dyn std::error::Error) -> Self {
        CodedError { code, message: error.to_string() }
    }
}

impl From<AddressError> for CodedError {
    fn from(error: AddressError) -> Self {
        CodedError::new("invalid_address", &error)
    }
}

impl From<CallError> for CodedError {
    fn from(error: CallError) -> Self {
        CodedError::new(error.code(), &error)
    }
}

impl From<ConnectError> for CodedError {
    fn from(error: ConnectError) -> Self {
        CodedError::new(error.code(), &error)
    }
}

/// A failure of the connection's own descriptors: it is of no use any more.
impl From<io::Error> for CodedError {
    fn from(error: io::Error) -> Self {
        CodedError::new("internal", &error)
    }
}
