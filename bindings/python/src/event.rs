//! What an event is in Python.

use std::os::fd::{IntoRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use serverswap::{Address as CoreAddress, CallId, Delivery, Event as CoreEvent, Recipient, TakedownReason};

use crate::call::Address;

/// One event. Which attributes are not `None` depends on `kind`.
#[pyclass(frozen, module = "serverswap._native")]
pub struct Event {
    /// `granted`, `refused`, `waiting`, `takedown` or `error`.
    #[pyo3(get)]
    kind: &'static str,
    address: Option<CoreAddress>,
    /// `granted`, `refused`, `waiting`: the number of the claim.
    #[pyo3(get)]
    claim: Option<u64>,
    /// `takedown`: the numbers of the handlers to call, in order.
    #[pyo3(get)]
    handlers: Vec<u64>,
    /// `refused`, `error`: for programs.
    #[pyo3(get)]
    code: Option<String>,
    /// `refused`, `error`: for people. `waiting`: for what.
    #[pyo3(get)]
    message: Option<String>,
    /// `takedown`: `replaced` or `stopping`.
    #[pyo3(get)]
    reason: Option<&'static str>,
    /// `takedown`: how many seconds the server may take to finish open connections.
    #[pyo3(get)]
    drain: Option<f64>,
    /// `takedown`: the same for responses that still make progress.
    #[pyo3(get)]
    stream: Option<f64>,
    /// The descriptor of an inherited grant until somebody takes it.
    listener: Mutex<Option<OwnedFd>>,
}

#[pymethods]
impl Event {
    /// The address, except for `error`.
    #[getter]
    fn address(&self) -> Option<Address> {
        self.address.clone().map(Address::of)
    }

    /// Takes the descriptor of an inherited grant: the caller closes it. If nobody takes it,
    /// it is closed with the event.
    fn take_fd(&self) -> Option<RawFd> {
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        listener.map(OwnedFd::into_raw_fd)
    }
}

impl From<Delivery<()>> for Event {
    fn from(Delivery { to, event }: Delivery<()>) -> Self {
        let (claim, handlers) = match to {
            Recipient::Claimant { owner: (), claim } => (Some(claim.number()), Vec::new()),
            Recipient::Handlers { owner: (), handlers } => {
                (None, handlers.into_iter().map(CallId::number).collect())
            }
            Recipient::Everybody => (None, Vec::new()),
        };
        Event { claim, handlers, ..contents(event) }
    }
}

fn contents(event: CoreEvent) -> Event {
    match event {
        CoreEvent::Granted { address, listener } => {
            Event { listener: Mutex::new(listener), ..about("granted", address) }
        }
        CoreEvent::Refused { address, error } => Event {
            code: Some(error.code.to_string()),
            message: Some(error.message),
            ..about("refused", address)
        },
        CoreEvent::Waiting { address, waiting_for } => {
            Event { message: waiting_for, ..about("waiting", address) }
        }
        CoreEvent::Takedown { address, reason, drain, stream } => Event {
            reason: Some(reason_text(&reason)),
            drain: Some(drain.as_secs_f64()),
            stream: Some(stream.as_secs_f64()),
            ..about("takedown", address)
        },
        CoreEvent::Error { code, message } => {
            Event { code: Some(code.to_string()), message: Some(message), ..of("error") }
        }
    }
}

fn about(kind: &'static str, address: CoreAddress) -> Event {
    Event { address: Some(address), ..of(kind) }
}

fn of(kind: &'static str) -> Event {
    Event {
        kind,
        address: None,
        claim: None,
        handlers: Vec::new(),
        code: None,
        message: None,
        reason: None,
        drain: None,
        stream: None,
        listener: Mutex::new(None),
    }
}

/// An unknown reason is treated as `replaced`.
fn reason_text(reason: &TakedownReason) -> &'static str {
    match reason {
        TakedownReason::Replaced | TakedownReason::Other(_) => "replaced",
        TakedownReason::Stopping => "stopping",
    }
}
