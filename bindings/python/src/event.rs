//! What the connection tells Python.

use std::os::fd::{IntoRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use serverswap::{Address, Event as CoreEvent, TakedownReason};

/// One event. Which attributes are not `None` depends on `kind`.
#[pyclass(frozen, module = "serverswap._native")]
pub struct Event {
    /// `granted`, `refused`, `waiting`, `takedown` or `error`.
    #[pyo3(get)]
    kind: &'static str,
    /// The canonical address, except for `error`.
    #[pyo3(get)]
    address: Option<String>,
    /// `refused`, `error`: for programs.
    #[pyo3(get)]
    code: Option<String>,
    /// `refused`, `error`: for people. `waiting`: for what.
    #[pyo3(get)]
    message: Option<String>,
    /// `takedown`: `replaced` or `stopping`.
    #[pyo3(get)]
    reason: Option<&'static str>,
    /// `takedown`: how many seconds open connections may be finished.
    #[pyo3(get)]
    drain: Option<f64>,
    /// The descriptor of an inherited grant until somebody takes it.
    listener: Mutex<Option<OwnedFd>>,
}

#[pymethods]
impl Event {
    /// Takes the descriptor of an inherited grant: the caller closes it. If nobody takes it,
    /// it is closed with the event.
    fn take_fd(&self) -> Option<RawFd> {
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        listener.map(OwnedFd::into_raw_fd)
    }
}

impl From<CoreEvent> for Event {
    fn from(event: CoreEvent) -> Self {
        match event {
            CoreEvent::Granted { address, listener } => {
                Event { listener: Mutex::new(listener), ..about("granted", &address) }
            }
            CoreEvent::Refused { address, error } => Event {
                code: Some(error.code.to_string()),
                message: Some(error.message),
                ..about("refused", &address)
            },
            CoreEvent::Waiting { address, waiting_for } => {
                Event { message: waiting_for, ..about("waiting", &address) }
            }
            CoreEvent::Takedown { address, reason, drain } => Event {
                reason: Some(reason_text(&reason)),
                drain: Some(drain.as_secs_f64()),
                ..about("takedown", &address)
            },
            CoreEvent::Error { code, message } => {
                Event { code: Some(code.to_string()), message: Some(message), ..of("error") }
            }
        }
    }
}

fn about(kind: &'static str, address: &Address) -> Event {
    Event { address: Some(address.to_string()), ..of(kind) }
}

fn of(kind: &'static str) -> Event {
    let listener = Mutex::new(None);
    Event { kind, address: None, code: None, message: None, reason: None, drain: None, listener }
}

/// An unknown reason is treated as `replaced`.
fn reason_text(reason: &TakedownReason) -> &'static str {
    match reason {
        TakedownReason::Replaced | TakedownReason::Other(_) => "replaced",
        TakedownReason::Stopping => "stopping",
    }
}
