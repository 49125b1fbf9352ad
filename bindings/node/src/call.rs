//! The class `Call` of JavaScript: one call of a server, with its address parsed.

use std::time::Duration;

use napi_derive::napi;
use serverswap::{Address, Call, SocketMode};

use crate::error::{Error, coded};

/// A call, not yet made. Every constructor that takes an address throws `invalid_address`.
#[napi(js_name = "Call")]
pub struct JsCall(Call);

#[napi]
impl JsCall {
    /// Claims an address.
    #[napi(factory, catch_unwind)]
    pub fn ready_for(address: String, inherit: bool, more: bool) -> Result<Self, Error> {
        let socket = if inherit { SocketMode::Inherit } else { SocketMode::Bind };
        Ok(JsCall(Call::ReadyFor { address: parsed(&address)?, socket, more }))
    }

    /// The accept loop of a granted address runs.
    #[napi(factory, catch_unwind)]
    pub fn serving(address: String) -> Result<Self, Error> {
        Ok(JsCall(Call::Serving(parsed(&address)?)))
    }

    /// Registers a takedown handler.
    #[napi(factory, catch_unwind)]
    pub fn on_takedown(address: String) -> Result<Self, Error> {
        Ok(JsCall(Call::OnTakedown(parsed(&address)?)))
    }

    /// Reports the progress of a drain.
    #[napi(factory, catch_unwind)]
    pub fn progress(
        address: String,
        connections: Option<f64>,
        extend_ms: Option<f64>,
        cut: Option<f64>,
    ) -> Result<Self, Error> {
        // `as` saturates.
        let connections = connections.map(|connections| connections as u64);
        let extend = extend_ms.map(|millis| Duration::from_millis(millis as u64));
        let cut = cut.map(|cut| cut as u64);
        Ok(JsCall(Call::Progress { address: parsed(&address)?, connections, cut, extend }))
    }

    /// The whole server is up.
    #[napi(factory, catch_unwind)]
    pub fn server_up() -> Self {
        JsCall(Call::ServerUp)
    }

    /// This server gives up.
    #[napi(factory, catch_unwind)]
    pub fn fail(reason: String) -> Self {
        JsCall(Call::Fail { reason })
    }

    /// The canonical text of its address, if it has one.
    #[napi(getter, catch_unwind)]
    pub fn address(&self) -> Option<String> {
        match &self.0 {
            Call::ReadyFor { address, .. }
            | Call::Provide { address, .. }
            | Call::Serving(address)
            | Call::OnTakedown(address)
            | Call::Released(address)
            | Call::Progress { address, .. } => Some(address.to_string()),
            Call::ServerUp | Call::Fail { .. } => None,
        }
    }

    /// For `NODE_DEBUG=serverswap`.
    #[napi(js_name = "toString", catch_unwind)]
    pub fn describe(&self) -> String {
        format!("{:?}", self.0)
    }
}

impl JsCall {
    /// The call as the client library takes it.
    pub(crate) fn to_call(&self) -> Call {
        self.0.clone()
    }
}

fn parsed(text: &str) -> Result<Address, Error> {
    text.parse().map_err(|error: serverswap::AddressError| coded(error))
}
