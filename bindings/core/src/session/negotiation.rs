//! From the greeting to the welcome.

use std::time::Duration;

use serverswap_protocol::message::{Code, Greeting as GreetingLine, VERSION, Welcome};

use super::action::SessionAction;
use super::hello;
use super::link::{Contact, Greeting, Link, Negotiating, Numbers, Ready, WatchState};
use super::{Role, Session};

impl<L: Clone, R: Role<L>> Session<L, R> {
    /// The greeting: the version is picked, everything that is held is sent, and what was under way is
    /// sent again.
    pub(super) fn greeted(&mut self, greeting: &GreetingLine, now: Duration) {
        let Link::Greeting(Greeting { reconnect, contact }) = self.link else { return };
        if !greeting.versions.contains(&VERSION) {
            let message = format!(
                "{} {} speaks the versions {:?} of the protocol; this client speaks {VERSION}",
                greeting.arbiter.name, greeting.arbiter.version, greeting.versions
            );
            return self.break_off(Code::VersionUnsupported, message, now);
        }
        if let Some(capability) = self.role.needed_capability()
            && !greeting.capabilities.contains_key(capability)
        {
            let message = format!(
                "{} {}, the arbiter, has no capability `{capability}`: it is older than this program",
                greeting.arbiter.name, greeting.arbiter.version
            );
            return self.break_off(Code::VersionUnsupported, message, now);
        }
        let mut numbers = Numbers::default();
        let hello = numbers.next();
        for (line, listeners) in hello::lines(hello, &self.identity, self.role.announcement()) {
            self.actions.push_back(SessionAction::Send(line, listeners));
        }
        // A client that was held up has only now read the greeting: the arbiter is no later than that.
        let contact = Contact { since: now, ..contact };
        self.link = Link::Negotiating(Negotiating { reconnect, contact, numbers, hello });
        R::announced(self);
    }

    /// The welcome: from now on the arbiter may say more.
    pub(super) fn welcomed(&mut self, welcome: &Welcome, now: Duration) {
        let Link::Negotiating(negotiating) = &self.link else { return };
        if welcome.re != negotiating.hello || welcome.version != VERSION {
            let message = "the `welcome` does not answer the `hello`".to_owned();
            return self.break_off(Code::InvalidMessage, message, now);
        }
        let watch = negotiating.reconnect.watch;
        let ready = Ready {
            since: now,
            failed_attempts: negotiating.reconnect.failed_attempts,
            contact: negotiating.contact,
            numbers: negotiating.numbers,
        };
        self.link = Link::Ready(ready);
        match watch {
            WatchState::On => self.actions.push_back(SessionAction::Unwatch),
            WatchState::Off | WatchState::Unavailable => {}
        }
        R::welcomed(self, now);
    }
}
