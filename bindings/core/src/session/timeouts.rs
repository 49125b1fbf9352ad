//! How long a claim waits for an arbiter that is not there, or does not answer.

use std::time::Duration;

/// The two waits that a claim bounds. A server without a claim waits without a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectTimeouts {
    /// Without an arbiter to connect to, before a claim fails with `supervisor_lost`.
    pub supervisor_lost: Duration,
    /// Connected and not welcomed, before a claim fails with `arbiter_not_responding`.
    pub arbiter_not_responding: Duration,
}

impl Default for ConnectTimeouts {
    fn default() -> Self {
        ConnectTimeouts {
            supervisor_lost: Duration::from_secs(10),
            arbiter_not_responding: Duration::from_secs(5),
        }
    }
}
