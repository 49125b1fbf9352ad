//! The states of the link to the arbiter, each with what is valid in it alone.

use std::time::Duration;

/// Longest pause between two attempts, and the pause after a fatal error.
pub(super) const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The first pause; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(10);

/// So many links that ended early are followed by another attempt without a pause: while the
/// arbiter's role passes on, one or two are to be expected.
const FAILED_ATTEMPTS_MAX: u32 = 3;

/// For how long a claim finds no arbiter before one is started: longer than the role takes to pass
/// from one supervisor to another.
pub(super) const ARBITER_ABSENT_MIN: Duration = Duration::from_millis(300);

/// How long an arbiter that was started may take to be there, before another one is started.
pub(super) const ARBITER_START_TIME: Duration = Duration::from_secs(3);

/// The link to the arbiter.
#[derive(Debug, Clone)]
pub(super) enum Link {
    /// There is no supervisor and there will be none.
    Alone,
    /// No attempt is under way.
    Waiting(Waiting),
    /// The driver was asked to connect and has not answered.
    Connecting(Connecting),
    /// Connected; the greeting has not come.
    Greeting(Greeting),
    /// `hello` was sent, and what follows it; the welcome has not come.
    Negotiating(Negotiating),
    /// Welcomed.
    Ready(Ready),
}

/// The attempts to reach an arbiter, from the loss of one link to the welcome of the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reconnect {
    /// When it began.
    pub since: Duration,
    /// How many links in a row ended soon.
    pub failed_attempts: u32,
    /// Whether a change of the directory will be noticed.
    pub watch: WatchState,
    /// When an arbiter may be started, if there is none until then.
    pub start_arbiter_at: Duration,
}

/// Whether the directory is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WatchState {
    /// Not yet: an arbiter that is there needs no watch.
    Off,
    /// A change will be reported.
    On,
    /// It cannot be watched: attempts are made by the clock.
    Unavailable,
}

/// Whether the last attempt found an arbiter, whatever became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ArbiterPresence {
    Present,
    Absent,
}

/// No attempt is under way.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    /// When the last attempt failed.
    pub since: Duration,
    pub reconnect: Reconnect,
    pub until: Until,
    pub arbiter: ArbiterPresence,
    /// Why the last attempt failed, for people.
    pub reason: String,
}

/// What ends a wait.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    /// A change of the directory, or a new claim.
    Change,
    /// A change of the directory, a new claim, or this time: whichever is first.
    ChangeOr(Duration),
    /// This time alone.
    Time(Duration),
}

/// The driver was asked to connect.
#[derive(Debug, Clone)]
pub(super) struct Connecting {
    pub reconnect: Reconnect,
}

/// Connected.
#[derive(Debug, Clone)]
pub(super) struct Greeting {
    pub reconnect: Reconnect,
    pub contact: Contact,
}

/// Who is at the other end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Contact {
    /// Since when it owes the greeting, or the welcome.
    pub since: Duration,
    /// The process id, as the kernel says.
    pub pid: u32,
}

/// `hello` was sent.
#[derive(Debug, Clone)]
pub(super) struct Negotiating {
    pub reconnect: Reconnect,
    pub contact: Contact,
    pub numbers: Numbers,
    /// The `id` of the `hello`.
    pub hello: u64,
}

/// Welcomed.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    /// When the welcome came.
    pub since: Duration,
    /// As in [`Reconnect`], for the case that this link ends soon, too.
    pub failed_attempts: u32,
    pub contact: Contact,
    pub numbers: Numbers,
}

/// The ids of both directions on one link.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Numbers {
    sent: u64,
    received: u64,
}

impl Numbers {
    /// The next `id` to send.
    pub fn next(&mut self) -> u64 {
        self.sent += 1;
        self.sent
    }

    /// Takes in the peer's `id`; `false` if it does not increase.
    #[must_use]
    pub fn receive(&mut self, id: u64) -> bool {
        let increases = id > self.received;
        self.received = self.received.max(id);
        increases
    }
}

impl Reconnect {
    pub fn new(now: Duration) -> Self {
        Reconnect {
            since: now,
            failed_attempts: 0,
            watch: WatchState::Off,
            start_arbiter_at: now + ARBITER_ABSENT_MIN,
        }
    }

    /// How long to wait before the next attempt.
    pub fn pause(&self) -> Duration {
        match self.failed_attempts.checked_sub(FAILED_ATTEMPTS_MAX + 1) {
            None => Duration::ZERO,
            Some(doublings) => (PAUSE_MIN * (1 << doublings.min(10))).min(PAUSE_MAX),
        }
    }
}

impl Ready {
    /// The attempts that follow when this link ends. A link that held for a while was no
    /// failed attempt.
    pub fn reconnect(&self, now: Duration) -> Reconnect {
        let fruitful = now.saturating_sub(self.since) >= PAUSE_MAX;
        let failed_attempts = if fruitful { 0 } else { self.failed_attempts + 1 };
        Reconnect { failed_attempts, ..Reconnect::new(now) }
    }
}

impl Link {
    /// The ids of a link on which this client may speak: from its `hello` on.
    pub fn numbers(&mut self) -> Option<&mut Numbers> {
        match self {
            Link::Alone | Link::Waiting(_) | Link::Connecting(_) | Link::Greeting(_) => None,
            Link::Negotiating(negotiating) => Some(&mut negotiating.numbers),
            Link::Ready(ready) => Some(&mut ready.numbers),
        }
    }

    /// The attempts that go on, or begin when this link ends. `None` without a supervisor.
    pub fn reconnect(&self, now: Duration) -> Option<Reconnect> {
        match self {
            Link::Alone => None,
            Link::Waiting(waiting) => Some(waiting.reconnect),
            Link::Connecting(connecting) => Some(connecting.reconnect),
            Link::Greeting(greeting) => Some(greeting.reconnect),
            Link::Negotiating(negotiating) => Some(negotiating.reconnect),
            Link::Ready(ready) => Some(ready.reconnect(now)),
        }
    }
}
