//! The native part of the PyPI package `serverswap`: the one connection of the process.
//!
//! It deliberately starts no thread, never waits and calls back into nothing: whoever uses it
//! polls [`connection::Connection::fileno`], calls `handle_io` when that is readable, and
//! takes the events. Threads, event loops, handlers and sockets are in `python/serverswap/`.

mod connection;
mod event;
mod failure;

use pyo3::prelude::*;

/// The native part of `serverswap`. Use the package, not this.
#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::canonical_address;
    #[pymodule_export]
    use crate::connection::Connection;
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
