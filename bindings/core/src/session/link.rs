//! The states of the link to the arbiter, each with what is valid in it alone.

use std::collections::BTreeMap;
use std::time::Duration;

use serverswap_protocol::Address;
use serverswap_protocol::message::FromClient;

/// Longest pause between two attempts, and the shortest after a fatal error.
pub(super) const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The first pause; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(10);

/// So many fruitless links are followed by another attempt without a pause: while the
/// arbiter's role passes on, one or two are to be expected.
const FRUITLESS_MAX: u32 = 3;

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
    /// `hello` was sent; the welcome has not come.
    Negotiating(Negotiating),
    /// Welcomed.
    Ready(Ready),
}

/// The search for an arbiter, from the loss of one link to the welcome of the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search {
    /// When it began.
    pub since: Duration,
    /// How many links in a row ended before they were of use.
    pub fruitless: u32,
    /// Whether a change of the directory will be noticed.
    pub lookout: Lookout,
}

/// Whether the directory is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lookout {
    /// Not yet: an arbiter that is there needs no watch.
    Idle,
    /// A change will be told.
    Watching,
    /// It will not: attempts are made by the clock.
    Blind,
}

/// No attempt is under way.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub search: Search,
    pub until: Until,
    /// Why the last attempt failed, for people.
    pub reason: String,
}

/// What ends a wait.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    /// A change of the directory, or a new claim; but not before this.
    Change(Duration),
    /// A change of the directory, a new claim, or this time: whichever is first.
    ChangeOr(Duration),
    /// This time alone.
    Time(Duration),
}

/// The driver was asked to connect.
#[derive(Debug, Clone)]
pub(super) struct Connecting {
    pub search: Search,
}

/// Connected.
#[derive(Debug, Clone)]
pub(super) struct Greeting {
    pub search: Search,
    pub contact: Contact,
}

/// Who is at the other end, and since when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Contact {
    pub since: Duration,
    /// The process id, as the kernel says.
    pub pid: u32,
}

/// `hello` was sent.
#[derive(Debug, Clone)]
pub(super) struct Negotiating {
    pub search: Search,
    pub contact: Contact,
    pub numbers: Numbers,
    /// The `id` of the `hello`.
    pub hello: u64,
    /// What became true after the `hello`, to be said after the welcome.
    pub unsaid: Vec<FromClient>,
}

/// Welcomed.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    /// When the welcome came.
    pub since: Duration,
    /// As in [`Search`], for the case that this link ends soon, too.
    pub fruitless: u32,
    pub numbers: Numbers,
    /// The claims that were said on this link and not answered, withdrawn ones included.
    pub asked: BTreeMap<u64, Address>,
}

/// The ids of both directions on one link.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Numbers {
    said: u64,
    heard: u64,
}

impl Numbers {
    /// The next `id` to say.
    pub fn say(&mut self) -> u64 {
        self.said += 1;
        self.said
    }

    /// Takes in the peer's `id`; `false` if it does not increase.
    #[must_use]
    pub fn hear(&mut self, id: u64) -> bool {
        let increases = id > self.heard;
        self.heard = self.heard.max(id);
        increases
    }
}

impl Search {
    pub fn new(now: Duration) -> Self {
        Search { since: now, fruitless: 0, lookout: Lookout::Idle }
    }

    /// How long to wait before the next attempt.
    pub fn pause(&self) -> Duration {
        match self.fruitless.checked_sub(FRUITLESS_MAX + 1) {
            None => Duration::ZERO,
            Some(doublings) => (PAUSE_MIN * (1 << doublings.min(10))).min(PAUSE_MAX),
        }
    }
}

impl Ready {
    /// The search that follows when this link ends. A link that held for a while was no
    /// fruitless one.
    pub fn search(&self, now: Duration) -> Search {
        let fruitful = now.saturating_sub(self.since) >= PAUSE_MAX;
        let fruitless = if fruitful { 0 } else { self.fruitless + 1 };
        Search { since: now, fruitless, lookout: Lookout::Idle }
    }
}

impl Link {
    /// The search that goes on or begins when this link ends, and whether the directory
    /// must be watched for it first. `None` without a supervisor.
    pub fn search(&self, now: Duration) -> Option<Search> {
        match self {
            Link::Alone => None,
            Link::Waiting(waiting) => Some(waiting.search),
            Link::Connecting(connecting) => Some(connecting.search),
            Link::Greeting(greeting) => Some(greeting.search),
            Link::Negotiating(negotiating) => Some(negotiating.search),
            Link::Ready(ready) => Some(ready.search(now)),
        }
    }
}
