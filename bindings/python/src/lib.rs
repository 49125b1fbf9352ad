//! The native part of the PyPI package `serverswap`: the one connection of the process.
//!
//! It has one thread, which reads and answers without the GIL. It deliberately never makes Python wait and
//! calls back into nothing: its user polls [`connection::Connection::fileno`], and calls `woken` when that is
//! readable. Python's threads, event loops, handlers and sockets are in `python/serverswap/`.

mod call;
#[cfg(feature = "conformance")]
mod conformance;
mod connection;
mod drain;
mod error;
mod event;
mod io_thread;
mod shared;

use pyo3::prelude::*;

/// The native part of `serverswap`. Use the package, not this. A free-threaded interpreter stays one when it
/// loads this: everything that threads share is behind a lock of its own.
#[pymodule(gil_used = false)]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::call::{Address, Call};
    #[cfg(feature = "conformance")]
    #[pymodule_export]
    use crate::conformance::{decode_line, encode_line};
    #[pymodule_export]
    use crate::connection::Connection;
    #[pymodule_export]
    use crate::drain::{
        Pace, ProgressThrottle, drain_deadline, event_stream_retry, goodbye_order, silent_after,
    };
    #[pymodule_export]
    use crate::event::Event;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("FLUSH_TIMEOUT", crate::drain::flush_timeout())
    }
}
