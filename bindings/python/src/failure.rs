//! What a call is refused with: the exception class that Python has for its code.

use pyo3::prelude::*;
use pyo3::types::PyAnyMethods;
use serverswap::{Address, AddressError, CallError, ConnectError};

/// A code of the protocol or of the client libraries, and words for people.
pub struct Failure {
    code: &'static str,
    message: String,
}

/// # Errors
/// `invalid_address`.
pub fn address(text: &str) -> Result<Address, Failure> {
    text.parse()
        .map_err(|error: AddressError| Failure { code: "invalid_address", message: error.to_string() })
}

impl Failure {
    /// A message that no client says.
    pub fn of_line(message: &str) -> Self {
        Failure { code: "invalid_argument", message: message.to_owned() }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Failure { code: error.code(), message: error.to_string() }
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        Failure { code: error.code(), message: error.to_string() }
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        Python::attach(|py| {
            let made = py
                .import("serverswap._errors")
                .and_then(|module| module.getattr("error_of"))
                .and_then(|error_of| error_of.call1((failure.code, failure.message)));
            made.map_or_else(|error| error, PyErr::from_value)
        })
    }
}
