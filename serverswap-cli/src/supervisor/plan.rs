//! What one generation was started with, and the named limits of its supervision.

use std::time::Duration;

use serde::Serialize;
use serverswap::protocol::Generation;
use serverswap::protocol::message::{Form, Timeouts, UnixSockets};

use crate::readiness::ReadyOption;

/// How long a supervisor waits, after its server has exited, for the arbiter's last reports about
/// it, before it goes by what it knows.
pub const SETTLE_MAX: Duration = Duration::from_secs(10);

/// How long a supervisor that was asked to stop waits for an arbiter that does not answer, before
/// it goes by what it knows.
pub const INTERRUPT_PATIENCE: Duration = Duration::from_secs(1);

/// What one generation was started with. It never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What is started, for people.
    pub command: String,
    /// Whether the supervisor outlives the deploy.
    pub form: Form,
    /// When a server that ends by itself is started again. Only with [`Form::Stay`].
    pub restart: Restart,
    /// From the start of a server until it must be up.
    pub ready_timeout: Duration,
    /// From the takedown to TERM.
    pub drain_timeout: Duration,
    /// The same for responses that still make progress, when the server asks for it.
    pub stream_timeout: Option<Duration>,
    /// From TERM to KILL.
    pub kill_timeout: Duration,
    /// How long a new server serves an inherited address beside the old one, which is only
    /// then taken down; zero: not at all.
    pub probation: Duration,
    /// Who may connect to the Unix sockets that are made for its servers.
    pub unix_sockets: UnixSockets,
    /// How its server says that it is ready.
    pub starts: Starts,
    /// The identity of this generation.
    pub generation: Generation,
}

/// How a server becomes ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Starts {
    /// It speaks the protocol, and says so.
    Speaking,
    /// It has a stand-in, which goes by this.
    Observed(ReadyOption),
    /// It has a stand-in, which goes by what the server says: it has used sd_notify(3) without being asked to.
    Notifying,
}

impl Plan {
    /// From the takedown to TERM, at most.
    pub fn longest_drain(&self) -> Duration {
        self.drain_timeout.max(self.stream_timeout.unwrap_or_default())
    }

    /// The deadlines as the supervisor's `hello` has them.
    pub fn timeouts(&self) -> Timeouts {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Timeouts {
            drain_ms: millis(self.drain_timeout),
            kill_ms: millis(self.kill_timeout),
            probation_ms: millis(self.probation),
            stream_ms: self.stream_timeout.map(millis),
            ready_ms: Some(millis(self.ready_timeout)),
        }
    }
}

/// When a server that was up once, and ended by itself, is started again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// Never: the supervisor ends with it.
    #[default]
    Never,
    /// When it failed: a non-zero status, a signal, not up in time, or `fail`.
    OnFailure,
    /// Also when it ended with status 0.
    Always,
}
