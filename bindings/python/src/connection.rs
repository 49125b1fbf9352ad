//! The connection of this process as Python has it: calls never wait, events are fetched.
//!
//! Rules:
//! - A forked child has no connection: every call raises `ForkedError`, and
//!   [`Connection::abandon`] closes its copies of the descriptors and sends nothing.
//! - The lock is held for calls that never wait, and never while Python runs.

use std::os::fd::{AsRawFd, RawFd};
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use pyo3::prelude::*;
use serverswap::{CallError, CallId, ClientInfo, Connection as CoreConnection, Dispatcher};

use crate::call::Call;
use crate::error::Error;
use crate::event::Event;

/// The connection of this process to its arbiter, whichever process that is at the moment; without a
/// supervisor, one that grants everything at once.
#[pyclass(frozen, module = "serverswap._native")]
pub struct Connection {
    /// `None` in a forked child.
    dispatcher: Mutex<Option<Dispatcher<()>>>,
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
    /// `InvalidEnvironment`, or `Exhausted` if no descriptor is left.
    #[new]
    fn new() -> Result<Self, Error> {
        let client = ClientInfo {
            name: "serverswap-python".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let connection = CoreConnection::from_env(client)?;
        Ok(Connection {
            pid: process::id(),
            supervised: connection.is_supervised(),
            generation: connection.generation().map(|generation| generation.to_string()),
            dispatcher: Mutex::new(Some(Dispatcher::new(connection))),
        })
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

    /// What to poll: readable exactly when `handle_io` has something to do.
    fn fileno(&self) -> Result<RawFd, Error> {
        self.with(|dispatcher| Ok(dispatcher.as_raw_fd()))
    }

    /// Reads, writes, reconnects and looks at the clock, without waiting; returns the events.
    fn handle_io(&self) -> PyResult<Vec<Event>> {
        let processed = self.with(|dispatcher| {
            let processed = dispatcher.process();
            Ok(processed.map(|()| events(dispatcher)))
        })?;
        Ok(processed?)
    }

    /// The events that the last call has brought about.
    fn events(&self) -> Result<Vec<Event>, Error> {
        self.with(|dispatcher| Ok(events(dispatcher)))
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

    /// To be called in a forked child: closes its copies of the descriptors, and sends nothing.
    fn abandon(&self) {
        match self.dispatcher.try_lock() {
            Ok(mut dispatcher) => drop(dispatcher.take()),
            Err(TryLockError::Poisoned(dispatcher)) => drop(dispatcher.into_inner().take()),
            // Locked by a thread that the child does not have. Every other call is refused for the
            // process id, before it comes to the lock.
            Err(TryLockError::WouldBlock) => {}
        }
    }
}

impl Connection {
    fn with<T>(&self, action: impl FnOnce(&mut Dispatcher<()>) -> Result<T, CallError>) -> Result<T, Error> {
        let forked = CallError::Forked { parent: self.pid };
        if process::id() != self.pid {
            return Err(forked.into());
        }
        let mut dispatcher = self.lock();
        let dispatcher = dispatcher.as_mut().ok_or(forked)?;
        Ok(action(dispatcher)?)
    }

    /// No code under the lock leaves the connection half done when it panics.
    fn lock(&self) -> MutexGuard<'_, Option<Dispatcher<()>>> {
        self.dispatcher.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn events(dispatcher: &mut Dispatcher<()>) -> Vec<Event> {
    std::iter::from_fn(|| dispatcher.next_delivery()).map(Event::from).collect()
}
