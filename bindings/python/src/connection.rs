//! The connection as Python has it: words go down and never wait, events are fetched.
//!
//! Rules:
//! - A forked child has no connection: every word raises `ForkedError`, and
//!   [`Connection::abandon`] closes its copies of the descriptors without a word to anybody.
//! - The lock is held for calls that never wait, and never while Python runs.

use std::os::fd::{AsRawFd, RawFd};
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use pyo3::prelude::*;
use serverswap::{Call, CallError, ClientInfo, Connection as CoreConnection, SocketMode};

use crate::event::Event;
use crate::failure::{self, Failure};

/// The connection of this process to its arbiter, whoever that is at the moment; without a
/// supervisor, one that grants everything at once.
#[pyclass(frozen, module = "serverswap._native")]
pub struct Connection {
    /// `None` in a forked child.
    connection: Mutex<Option<CoreConnection>>,
    /// The process that it belongs to.
    pid: u32,
    supervised: bool,
    generation: Option<String>,
}

#[pymethods]
impl Connection {
    /// The one that the environment of this process asks for.
    ///
    /// # Errors
    /// `InvalidEnvironment`, or `Exhausted` without a descriptor to be had.
    #[new]
    fn new() -> Result<Self, Failure> {
        let client = ClientInfo {
            name: "serverswap-python".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let connection = CoreConnection::from_env(client)?;
        Ok(Connection {
            pid: process::id(),
            supervised: connection.is_supervised(),
            generation: connection.generation().map(|generation| generation.to_string()),
            connection: Mutex::new(Some(connection)),
        })
    }

    /// Whether there is a supervisor to speak to.
    #[getter]
    fn supervised(&self) -> bool {
        self.supervised
    }

    /// The generation that this server belongs to; opaque.
    #[getter]
    fn generation(&self) -> Option<&str> {
        self.generation.as_deref()
    }

    /// Whether what was said until now is on its way to the arbiter. A process that ends before
    /// that has said nothing.
    #[getter]
    fn linked(&self) -> Result<bool, Failure> {
        self.with(|connection| Ok(connection.is_flushed()))
    }

    /// What to wait for: readable exactly when `handle_io` has something to do.
    fn fileno(&self) -> Result<RawFd, Failure> {
        self.with(|connection| Ok(connection.as_raw_fd()))
    }

    /// Reads, writes, reconnects and looks at the clock, without waiting; returns what
    /// happened.
    fn handle_io(&self) -> PyResult<Vec<Event>> {
        let processed = self.with(|connection| {
            let processed = connection.process();
            Ok(processed.map(|()| events(connection)))
        })?;
        Ok(processed?)
    }

    /// What the last word has brought about.
    fn events(&self) -> Result<Vec<Event>, Failure> {
        self.with(|connection| Ok(events(connection)))
    }

    /// Claims an address; an event `granted` or `refused` answers. With `more`, the server
    /// is not up before `server_up`.
    #[pyo3(signature = (address, *, inherit, more))]
    fn ready_for(&self, address: &str, inherit: bool, more: bool) -> Result<(), Failure> {
        let address = failure::address(address)?;
        let mode = if inherit { SocketMode::Inherit } else { SocketMode::Bind };
        self.with(|connection| connection.call(Call::ReadyFor { address, socket: mode, more }))
    }

    /// The accept loop of a granted address runs.
    #[pyo3(signature = (address, /))]
    fn serving(&self, address: &str) -> Result<(), Failure> {
        let address = failure::address(address)?;
        self.with(|connection| connection.call(Call::Serving(address)))
    }

    /// This server handles the takedown of an address, held or not.
    #[pyo3(signature = (address, /))]
    fn on_takedown(&self, address: &str) -> Result<(), Failure> {
        let address = failure::address(address)?;
        self.with(|connection| connection.call(Call::OnTakedown(address)))
    }

    /// Lets go of an address, or withdraws its claim.
    #[pyo3(signature = (address, /))]
    fn released(&self, address: &str) -> Result<(), Failure> {
        let address = failure::address(address)?;
        self.with(|connection| connection.call(Call::Released(address)))
    }

    /// How a drain goes: how many connections are open, and how many seconds it is to last
    /// at least, from now on.
    #[pyo3(signature = (address, *, connections, extend))]
    fn progress(&self, address: &str, connections: Option<u64>, extend: Option<f64>) -> Result<(), Failure> {
        let address = failure::address(address)?;
        let extend = extend.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
        self.with(|connection| connection.call(Call::Progress { address, connections, extend }))
    }

    /// The whole server is up.
    fn server_up(&self) -> Result<(), Failure> {
        self.with(|connection| connection.call(Call::ServerUp))
    }

    /// This server gives up.
    #[pyo3(signature = (reason, /))]
    fn fail(&self, reason: &str) -> Result<(), Failure> {
        self.with(|connection| connection.call(Call::Fail { reason: reason.to_owned() }))
    }

    /// To be called in a forked child: closes its copies of the descriptors, and says
    /// nothing on them.
    fn abandon(&self) {
        match self.connection.try_lock() {
            Ok(mut connection) => drop(connection.take()),
            Err(TryLockError::Poisoned(connection)) => drop(connection.into_inner().take()),
            // Locked by a thread that the child does not have. Every other word is refused
            // for the process id, before it comes to the lock.
            Err(TryLockError::WouldBlock) => {}
        }
    }
}

impl Connection {
    fn with<T>(&self, word: impl FnOnce(&mut CoreConnection) -> Result<T, CallError>) -> Result<T, Failure> {
        let forked = CallError::Forked { parent: self.pid };
        if process::id() != self.pid {
            return Err(forked.into());
        }
        let mut connection = self.lock();
        let connection = connection.as_mut().ok_or(forked)?;
        Ok(word(connection)?)
    }

    /// No code under the lock leaves the connection half done when it panics.
    fn lock(&self) -> MutexGuard<'_, Option<CoreConnection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn events(connection: &mut CoreConnection) -> Vec<Event> {
    std::iter::from_fn(|| connection.next_event()).map(Event::from).collect()
}
