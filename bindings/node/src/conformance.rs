//! What only the driver of `serverswap-conformance` calls. Not in the addon that is published:
//! `build.mjs --debug` turns the cargo feature on.

use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use serverswap::{ClientInfo, Connection, Dispatcher, Environment};

use crate::client::Client;
use crate::error::{Error, coded};

#[napi]
impl Client {
    /// Does now what the I/O thread does: every event of what can be read is queued when this returns.
    ///
    /// # Errors
    /// `internal`: the connection is of no use any more.
    #[napi(catch_unwind)]
    pub fn process(&self) -> Result<(), Error> {
        self.connection.with(Dispatcher::process).map_err(coded)
    }

    /// Drops the connection for good, as a program does by ending: from now on this server has no
    /// supervisor.
    ///
    /// # Errors
    /// `exhausted`.
    #[napi(catch_unwind)]
    pub fn abandon(&self) -> Result<(), Error> {
        let client = ClientInfo { name: String::new(), version: String::new() };
        let alone = Connection::open(Environment::alone(), client).map_err(coded)?;
        self.connection.with(|dispatcher| *dispatcher = Dispatcher::new(alone));
        Ok(())
    }
}

/// What this library makes of one line of an arbiter.
#[napi(catch_unwind)]
pub fn decode_line(line: Uint8Array, descriptors: u32) -> String {
    serverswap::codec::decode_line(&line, descriptors)
}

/// The line of a message.
///
/// # Errors
/// `invalid_message`.
#[napi(catch_unwind)]
pub fn encode_line(message: String) -> Result<Uint8Array, Error> {
    serverswap::codec::encode_line(&message)
        .map(Uint8Array::from)
        .map_err(|error| Error::new("invalid_message".to_owned(), error.to_string()))
}
