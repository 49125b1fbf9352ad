//! The connection of this process as Python has it: calls never wait, events are fetched.
//!
//! Rules:
//! - A forked child has no connection: every call raises `ForkedError`, and
//!   [`Connection::abandon`] closes its copies of the descriptors and sends nothing.
//! - With a supervisor, a thread of this module reads and answers ([`crate::io_thread`]); Python takes the
//!   events that come of it.

use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::process;

use pyo3::prelude::*;
use serverswap::{CallError, CallId, ClientInfo, ConnectError, Connection as CoreConnection, Dispatcher};

use crate::call::Call;
use crate::error::Error;
use crate::event::Event;
use crate::io_thread;
use crate::shared::Shared;

/// The connection of this process to its arbiter, whichever process that is at the moment; without a
/// supervisor, one that grants everything at once.
#[pyclass(frozen, module = "serverswap._native")]
pub struct Connection {
    shared: &'static Shared,
    /// The process that it belongs to.
    pid: u32,
    supervised: bool,
    generation: Option<String>,
}

#[pymethods]
impl Connection {
    /// The connection that the environment of this process names.
    ///
    /// # Errors
    /// `InvalidEnvironment`, or `Exhausted` if no descriptor or no thread is to be had.
    #[new]
    fn new() -> Result<Self, Error> {
        let client = ClientInfo {
            name: "serverswap-python".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let connection = CoreConnection::from_env(client)?;
        let supervised = connection.is_supervised();
        let generation = connection.generation().map(|generation| generation.to_string());
        let shared = Shared::new(Dispatcher::new(connection)).map_err(ConnectError::from)?;
        if supervised {
            io_thread::start(shared).map_err(ConnectError::from)?;
        }
        Ok(Connection { shared, pid: process::id(), supervised, generation })
    }

    /// Whether a supervisor started this process.
    #[getter]
    fn supervised(&self) -> bool {
        self.supervised
    }

    /// The generation that this server belongs to; opaque.
    #[getter]
    fn generation(&self) -> Option<&str> {
        self.generation.as_deref()
    }

    /// Whether everything that was called until now has been sent. A process that ends before that
    /// has said nothing.
    #[getter]
    fn flushed(&self) -> Result<bool, Error> {
        self.with(|dispatcher| Ok(dispatcher.connection().is_flushed()))
    }

    /// What to poll: readable when there is something to take with `events`.
    fn fileno(&self) -> Result<RawFd, Error> {
        self.with(|_| Ok(self.shared.wakeup.as_fd().as_raw_fd()))
    }

    /// The events that have come since the last time, without waiting.
    fn events(&self) -> Result<Vec<Event>, Error> {
        self.with(|dispatcher| {
            Ok(std::iter::from_fn(|| dispatcher.next_delivery()).map(Event::from).collect())
        })
    }

    /// As `events`, when `fileno` is readable; it is not any more after that.
    ///
    /// # Errors
    /// `OSError`, once, if nothing is read any more.
    fn woken(&self) -> PyResult<Vec<Event>> {
        self.with(|_| Ok(()))?;
        self.shared.woken()?;
        Ok(self.events()?)
    }

    /// Makes a call; its number comes back in the events that belong to it.
    #[pyo3(signature = (call, /))]
    fn call(&self, call: &Call) -> Result<u64, Error> {
        self.with(|dispatcher| dispatcher.call((), call.to_core())).map(CallId::number)
    }

    /// Withdraws the claim with this number, or releases what was granted by it. Of no effect when
    /// that has ended.
    #[pyo3(signature = (claim, /))]
    fn withdraw(&self, claim: u64) -> Result<(), Error> {
        self.with(|dispatcher| {
            dispatcher.withdraw(CallId::of_number(claim));
            Ok(())
        })
    }

    /// The takedown handler with this number is done: the last one of an address releases it.
    #[pyo3(signature = (handler, /))]
    fn handler_done(&self, handler: u64) -> Result<(), Error> {
        self.with(|dispatcher| {
            dispatcher.handler_done(CallId::of_number(handler));
            Ok(())
        })
    }

    /// The takedown handler with this number is not to be called any more.
    #[pyo3(signature = (handler, /))]
    fn remove_handler(&self, handler: u64) -> Result<(), Error> {
        self.with(|dispatcher| {
            dispatcher.remove_handler(CallId::of_number(handler));
            Ok(())
        })
    }

    /// To be called before a fork, by the thread that forks, and then one of the other two.
    fn before_fork(&self) {
        self.shared.before_fork();
    }

    /// The parent goes on.
    fn after_fork(&self) {
        self.shared.after_fork();
    }

    /// The child closes its copies of the descriptors, and sends nothing.
    fn abandon(&self) {
        self.shared.abandon();
    }

    /// Ends the connection, as the end of the process would.
    #[cfg(feature = "conformance")]
    fn close(&self) {
        self.shared.close();
    }
}

impl Connection {
    fn with<T>(&self, action: impl FnOnce(&mut Dispatcher<()>) -> Result<T, CallError>) -> Result<T, Error> {
        let forked = CallError::Forked { parent: self.pid };
        if process::id() != self.pid {
            return Err(forked.into());
        }
        Ok(self.shared.with(action).unwrap_or(Err(forked))?)
    }
}
