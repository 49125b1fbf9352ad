//! The native part of the PyPI package `serverswap`: the one connection of the process.
//!
//! It deliberately starts no thread, never waits and calls back into nothing: whoever uses it
//! polls [`connection::Connection::fileno`], calls `handle_io` when that is readable, and
//! takes the events. Threads, event loops, handlers and sockets are in `python/serverswap/`.

mod connection;
mod event;
mod failure;

use pyo3::prelude::*;

/// The native part of `serverswap`. Use the package, not this. A free-threaded interpreter stays one when it
/// loads this: everything that threads share is behind a lock of its own.
#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use crate::canonical_address;
    #[pymodule_export]
    use crate::connection::Connection;
    #[pymodule_export]
    use crate::decode_line;
    #[pymodule_export]
    use crate::encode_line;
    #[pymodule_export]
    use crate::event::Event;
}

/// The canonical text of an address. The grammar is in one place for all languages.
///
/// # Errors
/// `InvalidAddress`.
#[pyfunction]
#[pyo3(signature = (text, /))]
fn canonical_address(text: &str) -> PyResult<String> {
    Ok(failure::address(text)?.to_string())
}

/// What this library makes of one line of an arbiter, as JSON. For the driver of
/// `serverswap-conformance`; no word of the package.
#[pyfunction]
#[pyo3(signature = (line, descriptors, /))]
fn decode_line(line: &[u8], descriptors: u32) -> String {
    serverswap::codec::decode_line(line, descriptors)
}

/// The line of a message, which is JSON; for the same use.
///
/// # Errors
/// `InvalidArgument`.
#[pyfunction]
#[pyo3(signature = (message, /))]
fn encode_line(message: &str) -> Result<Vec<u8>, failure::Failure> {
    serverswap::codec::encode_line(message).map_err(|error| failure::Failure::of_line(&error.to_string()))
}
