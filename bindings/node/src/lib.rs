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
pub mod command;
mod deliver;
mod failure;
mod hub;
mod routes;
mod watcher;

use napi::bindgen_prelude::Uint8Array;
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

/// What this library makes of one line of an arbiter. For the driver of `serverswap-conformance`; no word of the package.
#[napi(catch_unwind)]
pub fn decode_line(line: Uint8Array, descriptors: u32) -> String {
    serverswap::codec::decode_line(&line, descriptors)
}

/// The line of a message, for the same use.
///
/// # Errors
/// `invalid_message`.
#[napi(catch_unwind)]
pub fn encode_line(message: String) -> Result<Uint8Array, Failure> {
    serverswap::codec::encode_line(&message)
        .map(Uint8Array::from)
        .map_err(|error| Failure::new("invalid_message".to_owned(), error.to_string()))
}
