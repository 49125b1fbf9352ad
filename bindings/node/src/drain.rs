//! The drain policy of the client library, in milliseconds.

use std::time::Duration;

use napi_derive::napi;
use serverswap::DrainPolicy;

/// How long a drain that begins now lasts. `timeout_ms`: the longest that the program wants;
/// `takedown_ms`: what the takedown gives, if there is one.
#[napi(catch_unwind)]
pub fn drain_duration_ms(timeout_ms: Option<f64>, takedown_ms: Option<f64>) -> f64 {
    let now = Duration::ZERO;
    let policy = DrainPolicy { timeout: timeout_ms.map(duration), ..DrainPolicy::default() };
    let takedown = takedown_ms.map(|drain| (now, duration(drain)));
    policy.deadline(takedown, now).as_secs_f64() * 1_000.0
}

/// Decides which counts of open connections are reported.
#[napi]
#[derive(Default)]
pub struct ProgressThrottle(serverswap::ProgressThrottle);

#[napi]
impl ProgressThrottle {
    /// Nothing is reported yet.
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        ProgressThrottle::default()
    }

    /// Whether that many open connections are to be reported; if so, they count as reported.
    #[napi(catch_unwind)]
    pub fn is_due(&mut self, open: u32) -> bool {
        self.0.is_due(open.into())
    }
}

/// The longest one for a number that is too large.
fn duration(millis: f64) -> Duration {
    Duration::try_from_secs_f64(millis / 1_000.0).unwrap_or(Duration::MAX)
}
