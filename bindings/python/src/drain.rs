//! The drain policy of the client library, in seconds of `time.monotonic()`.

use std::sync::{Mutex, PoisonError};

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

/// How long `fail` waits until it was sent, in seconds.
pub fn flush_timeout() -> f64 {
    serverswap::connection::FLUSH_TIMEOUT.as_secs_f64()
}
