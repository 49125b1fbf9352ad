//! What a call is refused with: an error whose `code` is in JavaScript what it is in the
//! protocol.

use serverswap::{Address, CallError, ConnectError};

/// An error with a `code` of ours.
pub type Failure = napi::Error<String>;

/// # Errors
/// `invalid_address`.
pub fn address(text: &str) -> Result<Address, Failure> {
    text.parse().map_err(|error: serverswap::AddressError| failure("invalid_address", &error))
}

/// For a call at the wrong time.
pub fn of_use(error: CallError) -> Failure {
    failure(error.code(), &error)
}

/// For a connection that cannot be set up.
pub fn of_connect(error: ConnectError) -> Failure {
    failure(error.code(), &error)
}

/// For a program that cannot be run.
pub fn not_started(error: &dyn std::error::Error) -> Failure {
    failure("not_started", error)
}

fn failure(code: &str, error: &dyn std::error::Error) -> Failure {
    Failure::new(code.to_owned(), error.to_string())
}
