//! An error of a call as Python has it: the exception class for its code.

use pyo3::prelude::*;
use pyo3::types::PyAnyMethods;
use serverswap::CodedError;

/// An error of the client library, raised as the class that `serverswap._errors` has for its code.
pub struct Error(CodedError);

impl<E: Into<CodedError>> From<E> for Error {
    fn from(error: E) -> Self {
        Error(error.into())
    }
}

impl From<Error> for PyErr {
    fn from(Error(error): Error) -> Self {
        Python::attach(|py| {
            let made = py
                .import("serverswap._errors")
                .and_then(|module| module.getattr("error_of"))
                .and_then(|error_of| error_of.call1((error.code, error.message)));
            made.map_or_else(|error| error, PyErr::from_value)
        })
    }
}
