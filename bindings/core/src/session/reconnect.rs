//! Looking for the arbiter: links that are made and lost, and the time (C5 to C7).

use std::time::Duration;

use serverswap_protocol::message::{Code, Error, FromClient};

use super::action::SessionAction;
use super::event::Refusal;
use super::link::{
    ArbiterPresence, Connecting, Contact, Greeting, Link, PAUSE_MAX, Reconnect, Until, Waiting, WatchState,
};
use super::{Role, Session};

/// The shortest pause between two attempts of a role that tries to become the arbiter: its own look at
/// the lock changes the directory, too.
const LOOK_PAUSE_MIN: Duration = Duration::from_millis(1);

impl<L: Clone, R: Role<L>> Session<L, R> {
    /// When [`Self::tick`] is to be called at the latest; `None` if time changes nothing.
    pub fn deadline(&self) -> Option<Duration> {
        let retry = match &self.link {
            Link::Waiting(waiting) => match waiting.until {
                Until::Change => None,
                Until::ChangeOr(at) | Until::Time(at) => Some(at),
            },
            Link::Alone | Link::Connecting(_) | Link::Greeting(_) | Link::Negotiating(_) | Link::Ready(_) => {
                None
            }
        };
        [retry, R::deadline(self)].into_iter().flatten().min()
    }

    /// Lets the time pass: attempts that are due are made, claims that waited too long fail.
    pub fn tick(&mut self, now: Duration) {
        R::tick(self, now);
        let due = match &self.link {
            Link::Waiting(waiting) => match waiting.until {
                Until::Change => None,
                Until::ChangeOr(at) | Until::Time(at) => (at <= now).then_some(waiting.reconnect),
            },
            Link::Alone | Link::Connecting(_) | Link::Greeting(_) | Link::Negotiating(_) | Link::Ready(_) => {
                None
            }
        };
        if let Some(reconnect) = due {
            // By its path, which may lead to another directory by now.
            let reconnect = self.watching(Reconnect { watch: WatchState::Off, ..reconnect });
            self.connect(reconnect);
        }
    }

    /// The directory has changed, or a claim was made: reason enough to look again.
    pub(super) fn look_again(&mut self, now: Duration) {
        match &mut self.link {
            Link::Waiting(waiting) => match waiting.until {
                Until::ChangeOr(_) if R::RETRY_INTERVAL.is_some() && now < waiting.since + LOOK_PAUSE_MIN => {
                    waiting.until = Until::Time(waiting.since + LOOK_PAUSE_MIN);
                }
                Until::Change | Until::ChangeOr(_) => {
                    let reconnect = waiting.reconnect;
                    self.connect(reconnect);
                }
                Until::Time(_) => {}
            },
            Link::Alone | Link::Connecting(_) | Link::Greeting(_) | Link::Negotiating(_) | Link::Ready(_) => {
            }
        }
    }

    /// The socket was removed, by a leaving arbiter or with its directory: then the watch
    /// is on a directory that nobody will use, so another look follows by the clock.
    pub(super) fn removed(&mut self, now: Duration) {
        let Link::Waiting(waiting) = &mut self.link else { return };
        match waiting.until {
            Until::Change => waiting.until = Until::ChangeOr(now + PAUSE_MAX),
            Until::ChangeOr(_) | Until::Time(_) => {}
        }
    }

    /// The directory is gone or cannot be watched: attempts go by the clock.
    pub(super) fn watch_lost(&mut self, now: Duration) {
        match &mut self.link {
            Link::Alone | Link::Ready(_) => {}
            Link::Waiting(waiting) => {
                waiting.reconnect.watch = WatchState::Unavailable;
                waiting.until = match waiting.until {
                    Until::Change => Until::Time(now + PAUSE_MAX),
                    Until::ChangeOr(at) | Until::Time(at) => Until::Time(at),
                };
            }
            Link::Connecting(connecting) => connecting.reconnect.watch = WatchState::Unavailable,
            Link::Greeting(greeting) => greeting.reconnect.watch = WatchState::Unavailable,
            Link::Negotiating(negotiating) => negotiating.reconnect.watch = WatchState::Unavailable,
        }
    }

    pub(super) fn connected(&mut self, pid: u32, now: Duration) {
        let Some(reconnect) = self.link.reconnect(now) else { return };
        self.link = Link::Greeting(Greeting { reconnect, contact: Contact { since: now, pid } });
        R::connected(self, now);
    }

    /// Nobody is there. Whoever becomes the arbiter changes the directory: it is watched,
    /// looked at once more, and waited for.
    pub(super) fn not_connected(&mut self, reason: String, now: Duration) {
        let Some(reconnect) = self.link.reconnect(now) else { return };
        match reconnect.watch {
            WatchState::Off => {
                let reconnect = self.watching(reconnect);
                self.connect(reconnect);
            }
            WatchState::On | WatchState::Unavailable => {
                let until = self.change(reconnect, now);
                self.wait(reconnect, until, ArbiterPresence::Absent, reason, now);
            }
        }
    }

    /// Somebody is there, and overrun.
    pub(super) fn busy(&mut self, now: Duration) {
        let Some(reconnect) = self.link.reconnect(now) else { return };
        let reason = "its queue of connections is full".to_owned();
        self.retry(Reconnect { failed_attempts: reconnect.failed_attempts + 1, ..reconnect }, reason, now);
    }

    /// The link has ended: the arbiter has, in all likelihood.
    pub(super) fn ended(&mut self, now: Duration) {
        let reason = "it closed the connection".to_owned();
        match &self.link {
            Link::Alone | Link::Waiting(_) | Link::Connecting(_) => {}
            Link::Greeting(greeting) => {
                let reconnect = greeting.reconnect;
                self.lost(
                    Reconnect { failed_attempts: reconnect.failed_attempts + 1, ..reconnect },
                    reason,
                    now,
                );
            }
            Link::Negotiating(negotiating) => {
                let reconnect = negotiating.reconnect;
                self.lost(
                    Reconnect { failed_attempts: reconnect.failed_attempts + 1, ..reconnect },
                    reason,
                    now,
                );
            }
            Link::Ready(ready) => {
                let reconnect = ready.reconnect(now);
                self.lost(reconnect, reason, now);
            }
        }
    }

    /// The arbiter breaks the protocol, or offers no version of it that is known here: it is sent
    /// an error, and left.
    pub(super) fn break_off(&mut self, code: Code, message: String, now: Duration) {
        let error = Error { re: None, code: code.clone(), message: message.clone(), fatal: true };
        self.actions.push_back(SessionAction::Send(FromClient::Error(error), Vec::new()));
        self.fatal(code, message, now);
    }

    /// A fatal error, the arbiter's or ours, ends the link, and the claims with it (C7). Another link
    /// is tried a second later.
    pub(super) fn fatal(&mut self, code: Code, message: String, now: Duration) {
        let Some(reconnect) = self.link.reconnect(now) else { return };
        self.actions.push_back(SessionAction::Close);
        R::refused(self, Refusal { code, message: message.clone() });
        R::link_lost(self);
        let reconnect = self.watching(reconnect);
        let until = Until::Time(now + R::RETRY_INTERVAL.unwrap_or(PAUSE_MAX));
        self.wait(reconnect, until, ArbiterPresence::Present, message, now);
    }

    fn lost(&mut self, reconnect: Reconnect, reason: String, now: Duration) {
        R::link_lost(self);
        self.actions.push_back(SessionAction::Close);
        self.retry(reconnect, reason, now);
    }

    fn retry(&mut self, reconnect: Reconnect, reason: String, now: Duration) {
        let pause = reconnect.pause().min(R::RETRY_INTERVAL.unwrap_or(PAUSE_MAX));
        if pause.is_zero() {
            self.connect(reconnect);
        } else {
            let reconnect = self.watching(reconnect);
            self.wait(reconnect, Until::ChangeOr(now + pause), ArbiterPresence::Present, reason, now);
        }
    }

    fn connect(&mut self, reconnect: Reconnect) {
        self.actions.push_back(SessionAction::Connect);
        self.link = Link::Connecting(Connecting { reconnect });
    }

    /// Has the directory watched from now on; [`Self::watch_lost`] takes that back.
    fn watching(&mut self, reconnect: Reconnect) -> Reconnect {
        match reconnect.watch {
            WatchState::On => {}
            WatchState::Off | WatchState::Unavailable => self.actions.push_back(SessionAction::Watch),
        }
        Reconnect { watch: WatchState::On, ..reconnect }
    }

    fn wait(
        &mut self,
        reconnect: Reconnect,
        until: Until,
        arbiter: ArbiterPresence,
        reason: String,
        now: Duration,
    ) {
        self.link = Link::Waiting(Waiting { since: now, reconnect, until, arbiter, reason });
    }

    /// Waiting for a change of the directory; by the clock if it cannot be seen, and by the clock
    /// as well if the role looks again without a reason.
    fn change(&self, reconnect: Reconnect, now: Duration) -> Until {
        match (reconnect.watch, R::RETRY_INTERVAL) {
            (WatchState::On, None) => Until::Change,
            (WatchState::On, Some(interval)) => Until::ChangeOr(now + interval),
            (WatchState::Off | WatchState::Unavailable, interval) => {
                Until::Time(now + interval.unwrap_or(PAUSE_MAX))
            }
        }
    }
}
