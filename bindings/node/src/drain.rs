//! The drain policy and the pace of the client library, in milliseconds.

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
    millis(policy.deadline(takedown, now))
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

/// When each connection that lives on is told goodbye. Times are milliseconds from the beginning of the drain.
#[napi]
pub struct Pace(serverswap::drain::Pace);

#[napi]
impl Pace {
    /// `jitter`: a random number from 0 to 1.
    #[napi(constructor, catch_unwind)]
    pub fn new(drain_ms: f64, jitter: f64) -> Self {
        Pace(serverswap::drain::Pace::new(Duration::ZERO, duration(drain_ms), jitter))
    }

    /// The deadline is later.
    #[napi(catch_unwind)]
    pub fn extend(&mut self, deadline_ms: f64) {
        self.0.extend(duration(deadline_ms));
    }

    /// When the next goodbye is due; null if no connection waits for its one.
    #[napi(catch_unwind)]
    pub fn next_ms(&self, waiting: u32) -> Option<f64> {
        self.0.next(waiting).map(millis)
    }

    /// Whether a goodbye is due now; if so, it counts as said.
    #[napi(catch_unwind)]
    pub fn is_due(&mut self, now_ms: f64, waiting: u32) -> bool {
        self.0.is_due(duration(now_ms), waiting)
    }
}

/// In which order connections are told goodbye, by how long each has been silent.
#[napi(catch_unwind)]
pub fn goodbye_order(silences_ms: Vec<f64>) -> Vec<u32> {
    let silences: Vec<Duration> = silences_ms.into_iter().map(duration).collect();
    let places = serverswap::drain::goodbye_order(&silences);
    places
        .into_iter()
        .map(|place| u32::try_from(place).expect("an array of JavaScript is no longer"))
        .collect()
}

/// For how long nothing is sent on a connection before it counts as silent.
#[napi(catch_unwind)]
pub fn silent_after_ms(drain_ms: f64, stream_ms: f64) -> f64 {
    millis(serverswap::drain::silent_after(duration(drain_ms), duration(stream_ms)))
}

/// After what time the client of an event stream that is cut is to come back.
#[napi(catch_unwind)]
pub fn event_stream_retry_ms(jitter: f64) -> f64 {
    millis(serverswap::drain::event_stream_retry(jitter)).round()
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// The longest one for a number that is too large.
fn duration(millis: f64) -> Duration {
    Duration::try_from_secs_f64(millis / 1_000.0).unwrap_or(Duration::MAX)
}
