//! The native part of the npm package `serverswap`: one connection for the process, whatever
//! the number of its JavaScript threads.
//!
//! It deliberately knows no promises, callbacks or servers: those are in `lib/*.cjs`. Calls
//! come down as the methods of [`Client`] and never wait; events go up through one function of
//! each thread, which never holds that thread's event loop.
//!
//! No panic crosses the boundary: every exported function catches them, and so does the thread
//! that watches the connection.

mod client;
mod deliver;
mod failure;
mod hub;
mod routes;
mod watcher;

use napi_derive::napi;

use failure::Failure;

/// The canonical text of an address.
///
/// # Errors
/// `invalid_address`.
#[napi(catch_unwind)]
pub fn canonical_address(text: String) -> Result<String, Failure> {
    Ok(failure::address(&text)?.to_string())
}
