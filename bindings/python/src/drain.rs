//! The drain policy and the pace of the client library, in seconds of `time.monotonic()`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use serverswap::drain::{Cleanup, DrainPolicy};

use crate::call::seconds;

/// When the connections that are still open are to be cut.
///
/// `now`: the time. `timeout`: the longest drain that the server itself wants. `takedown`: when it
/// arrived and how long it lets the server drain; `None` if the server stops by itself. `framework`:
/// whether a framework ends the connections, which takes it a moment.
#[pyfunction]
#[pyo3(signature = (now, *, timeout, takedown, framework))]
pub fn drain_deadline(now: f64, timeout: Option<f64>, takedown: Option<(f64, f64)>, framework: bool) -> f64 {
    let cleanup = if framework { Cleanup::Framework } else { Cleanup::Close };
    let policy = DrainPolicy { timeout: timeout.map(seconds), cleanup };
    let takedown = takedown.map(|(arrived, drain)| (seconds(arrived), seconds(drain)));
    policy.deadline(takedown, seconds(now)).as_secs_f64()
}

/// Decides which counts of open connections are reported.
#[pyclass(frozen, module = "serverswap._native")]
pub struct ProgressThrottle(Mutex<serverswap::drain::ProgressThrottle>);

#[pymethods]
impl ProgressThrottle {
    #[new]
    fn new() -> Self {
        ProgressThrottle(Mutex::default())
    }

    /// Whether that many open connections are to be reported; if so, they count as reported.
    #[pyo3(signature = (open, /))]
    fn is_due(&self, open: u64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_due(open)
    }
}

/// When each connection that lives on is told goodbye.
#[pyclass(frozen, module = "serverswap._native")]
pub struct Pace(Mutex<serverswap::drain::Pace>);

#[pymethods]
impl Pace {
    /// `jitter`: a random number from 0 to 1.
    #[new]
    fn new(begun: f64, deadline: f64, jitter: f64) -> Self {
        Pace(Mutex::new(serverswap::drain::Pace::new(seconds(begun), seconds(deadline), jitter)))
    }

    /// When the next goodbye is due; `None` if no connection waits for its one.
    #[pyo3(signature = (waiting, /))]
    fn next(&self, waiting: u32) -> Option<f64> {
        self.lock().next(waiting).map(|next| next.as_secs_f64())
    }

    /// Whether a goodbye is due now; if so, it counts as said.
    #[pyo3(signature = (now, waiting, /))]
    fn is_due(&self, now: f64, waiting: u32) -> bool {
        self.lock().is_due(seconds(now), waiting)
    }
}

impl Pace {
    fn lock(&self) -> MutexGuard<'_, serverswap::drain::Pace> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In which order connections are told goodbye, by how long each has been silent.
#[pyfunction]
#[pyo3(signature = (silences, /))]
pub fn goodbye_order(silences: Vec<f64>) -> Vec<usize> {
    let silences: Vec<_> = silences.into_iter().map(seconds).collect();
    serverswap::drain::goodbye_order(&silences)
}

/// For how long nothing is sent on a connection before it counts as silent.
#[pyfunction]
#[pyo3(signature = (drain, stream, /))]
pub fn silent_after(drain: f64, stream: f64) -> f64 {
    serverswap::drain::silent_after(seconds(drain), seconds(stream)).as_secs_f64()
}

/// After what time the client of an event stream that is cut is to come back.
#[pyfunction]
#[pyo3(signature = (jitter, /))]
pub fn event_stream_retry(jitter: f64) -> f64 {
    serverswap::drain::event_stream_retry(jitter).as_secs_f64()
}

/// How long `fail` waits until it was sent, in seconds.
pub fn flush_timeout() -> f64 {
    serverswap::connection::FLUSH_TIMEOUT.as_secs_f64()
}
