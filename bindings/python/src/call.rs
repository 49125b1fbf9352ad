//! The classes `Address` and `Call` of Python: a call is one value, whose address was parsed once.

use std::time::Duration;

use pyo3::prelude::*;
use serverswap::{Address as CoreAddress, Call as CoreCall, SocketMode};

use crate::error::Error;

/// An address, parsed. `str()` of it is its canonical text.
#[pyclass(frozen, eq, hash, module = "serverswap._native")]
#[derive(PartialEq, Eq, Hash)]
pub struct Address(CoreAddress);

#[pymethods]
impl Address {
    /// # Errors
    /// `InvalidAddress`.
    #[new]
    #[pyo3(signature = (text, /))]
    fn new(text: &str) -> Result<Self, Error> {
        Ok(Address(text.parse()?))
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("Address({:?})", self.0.to_string())
    }
}

impl Address {
    /// An address of the core's.
    pub fn of(address: CoreAddress) -> Self {
        Address(address)
    }
}

/// A call of a server, not yet made.
#[pyclass(frozen, module = "serverswap._native")]
pub struct Call(CoreCall);

#[pymethods]
impl Call {
    /// Claims an address; an event `granted` or `refused` answers. With `more`, the server is not up
    /// before `server_up`.
    #[staticmethod]
    #[pyo3(signature = (address, *, inherit, more))]
    fn ready_for(address: &Address, inherit: bool, more: bool) -> Self {
        let socket = if inherit { SocketMode::Inherit } else { SocketMode::Bind };
        Call(CoreCall::ReadyFor { address: address.0.clone(), socket, more })
    }

    /// The accept loop of a granted address runs.
    #[staticmethod]
    #[pyo3(signature = (address, /))]
    fn serving(address: &Address) -> Self {
        Call(CoreCall::Serving(address.0.clone()))
    }

    /// This server handles the takedown of an address, held or not.
    #[staticmethod]
    #[pyo3(signature = (address, /))]
    fn on_takedown(address: &Address) -> Self {
        Call(CoreCall::OnTakedown(address.0.clone()))
    }

    /// Releases an address, or withdraws its claim.
    #[staticmethod]
    #[pyo3(signature = (address, /))]
    fn released(address: &Address) -> Self {
        Call(CoreCall::Released(address.0.clone()))
    }

    /// Reports the progress of a drain: how many connections are open, how many were closed unfinished, and how many seconds the drain is to last at least, from now on.
    #[staticmethod]
    #[pyo3(signature = (address, *, connections, extend, cut=None))]
    fn progress(address: &Address, connections: Option<u64>, extend: Option<f64>, cut: Option<u64>) -> Self {
        let extend = extend.map(seconds);
        Call(CoreCall::Progress { address: address.0.clone(), connections, cut, extend })
    }

    /// The whole server is up.
    #[staticmethod]
    fn server_up() -> Self {
        Call(CoreCall::ServerUp)
    }

    /// This server gives up.
    #[staticmethod]
    #[pyo3(signature = (reason, /))]
    fn fail(reason: String) -> Self {
        Call(CoreCall::Fail { reason })
    }
}

impl Call {
    /// The call as the client library takes it.
    pub fn to_core(&self) -> CoreCall {
        self.0.clone()
    }
}

/// The longest duration for a number that is too large.
pub fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}
