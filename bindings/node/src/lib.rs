//! The native part of the npm package `serverswap`: one connection to the arbiter for the
//! process, whatever the number of its JavaScript threads.
//!
//! It deliberately knows no promises, callbacks or servers: those are in `lib/*.cjs`. A call of
//! JavaScript is a [`call::JsCall`] that is passed to [`client::Client::call`], and an event is
//! delivered to one function of each thread, which never keeps the event loop of that thread alive.
//!
//! No panic crosses the boundary: every exported function catches them, and so does the I/O thread.

mod call;
mod client;
pub mod command;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod drain;
mod error;
mod io_thread;
mod js_event;
mod process_connection;
