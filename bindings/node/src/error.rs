//! Errors that are thrown into JavaScript: the `code` there is that of the client library.

use serverswap::CodedError;

/// A JavaScript error with a `code`; `lib/client.cjs` makes a `ServerSwapError` of it.
pub type Error = napi::Error<String>;

/// Of whatever the client library returns.
pub fn coded(error: impl Into<CodedError>) -> Error {
    let CodedError { code, message } = error.into();
    Error::new(code.to_owned(), message)
}

/// Of Node's own interface.
pub fn internal(error: napi::Error) -> Error {
    Error::new("internal".to_owned(), error.to_string())
}

/// Of a program that cannot be run.
pub fn not_started(error: &dyn std::error::Error) -> Error {
    Error::new("not_started".to_owned(), error.to_string())
}
