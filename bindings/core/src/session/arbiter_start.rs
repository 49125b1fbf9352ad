//! A claim that finds no arbiter has one started (C6): where every supervisor has left, a worker that a server
//! forks later would wait for nobody.
//!
//! Several workers may do so at the same moment: one of those that are started becomes the arbiter, the others
//! end at once.

use std::fmt::Debug;
use std::time::Duration;

use super::Session;
use super::action::SessionAction;
use super::link::{ARBITER_ABSENT_MIN, ARBITER_START_TIME, ArbiterPresence, Link, Waiting};

/// Whether the environment names a program that becomes the arbiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ArbiterStart {
    Possible,
    Impossible,
}

impl<L: Clone + Debug> Session<L> {
    /// The driver can start an arbiter, so it is asked to ([`SessionAction::StartArbiter`]).
    #[must_use]
    pub fn with_arbiter_program(mut self) -> Self {
        self.role.arbiter_start = ArbiterStart::Possible;
        self
    }

    /// When an arbiter is to be started; `None` if nobody waits for one, if one is there, or if none can be.
    pub(super) fn arbiter_start_due(&self) -> Option<Duration> {
        match self.role.arbiter_start {
            ArbiterStart::Possible => {}
            ArbiterStart::Impossible => return None,
        }
        let (since, _) = self.role.addresses.oldest_claim()?;
        match &self.link {
            Link::Waiting(waiting) => waiting.arbiter_start_due(since),
            Link::Alone | Link::Connecting(_) | Link::Greeting(_) | Link::Negotiating(_) | Link::Ready(_) => {
                None
            }
        }
    }

    pub(super) fn start_arbiter(&mut self, now: Duration) {
        if self.arbiter_start_due().is_none_or(|due| due > now) {
            return;
        }
        match &mut self.link {
            Link::Waiting(waiting) => {
                waiting.reconnect.start_arbiter_at = now + ARBITER_START_TIME;
                self.actions.push_back(SessionAction::StartArbiter);
            }
            Link::Alone | Link::Connecting(_) | Link::Greeting(_) | Link::Negotiating(_) | Link::Ready(_) => {
            }
        }
    }
}

impl Waiting {
    fn arbiter_start_due(&self, claimed: Duration) -> Option<Duration> {
        match self.arbiter {
            ArbiterPresence::Absent => {
                Some(self.reconnect.start_arbiter_at.max(claimed + ARBITER_ABSENT_MIN))
            }
            ArbiterPresence::Present => None,
        }
    }
}
