//! From the greeting to the welcome, and everything that is said again on a new link.

use std::collections::BTreeMap;
use std::time::Duration;

use serverswap_protocol::message::{
    Code, Fail, FromClient, Greeting as GreetingLine, OnTakedown, ServerUp, VERSION, Welcome,
};

use super::action::Action;
use super::addresses::AddressState;
use super::hello;
use super::link::{Greeting, Link, Negotiating, Numbers, Ready, WatchState};
use super::{Outcome, Session};

impl<L: Clone> Session<L> {
    /// The greeting: the version is picked and everything that is held is said.
    pub(super) fn greeted(&mut self, greeting: &GreetingLine, now: Duration) {
        let Link::Greeting(Greeting { reconnect, contact }) = self.link else { return };
        if !greeting.versions.contains(&VERSION) {
            let message = format!(
                "{} {} speaks the versions {:?} of the protocol; this client speaks {VERSION}",
                greeting.arbiter.name, greeting.arbiter.version, greeting.versions
            );
            return self.break_off(Code::VersionUnsupported, message, now);
        }
        let mut numbers = Numbers::default();
        let hello = numbers.say();
        for (line, listeners) in hello::lines(hello, &self.identity, &self.addresses, &self.handled) {
            self.actions.push_back(Action::Send(line, listeners));
        }
        self.link = Link::Negotiating(Negotiating { reconnect, contact, numbers, hello, unsaid: Vec::new() });
    }

    /// The welcome: what became true in the meantime is said, and what was under way is
    /// said again.
    pub(super) fn welcomed(&mut self, welcome: &Welcome, now: Duration) {
        let Link::Negotiating(negotiating) = &mut self.link else { return };
        if welcome.re != negotiating.hello || welcome.version != VERSION {
            let message = "the `welcome` does not answer the `hello`".to_owned();
            return self.break_off(Code::InvalidMessage, message, now);
        }
        let unsaid = std::mem::take(&mut negotiating.unsaid);
        let watch = negotiating.reconnect.watch;
        let ready = Ready {
            since: now,
            failed_attempts: negotiating.reconnect.failed_attempts,
            numbers: negotiating.numbers,
            asked: BTreeMap::new(),
        };
        self.link = Link::Ready(ready);
        match watch {
            WatchState::On => self.actions.push_back(Action::Unwatch),
            WatchState::Off | WatchState::Unavailable => {}
        }
        self.actions.extend(unsaid.into_iter().map(|line| Action::Send(line, Vec::new())));
        self.say_again();
    }

    fn say_again(&mut self) {
        if let Outcome::Failed(reason) = &self.outcome {
            let reason = reason.clone();
            return self.tell_now(FromClient::Fail(Fail { reason }));
        }
        let unheld: Vec<_> =
            self.handled.iter().filter(|address| !self.addresses.of(address).is_held()).cloned().collect();
        for address in unheld {
            self.tell_now(FromClient::OnTakedown(OnTakedown { address }));
        }
        for address in self.addresses.claimed() {
            self.ask(&address);
        }
        match self.outcome {
            Outcome::Up => self.tell_now(FromClient::ServerUp(ServerUp {})),
            Outcome::Open | Outcome::Failed(_) => {}
        }
    }
}

impl<L> AddressState<L> {
    /// Whether the address is this server's, as a `hello` says it.
    pub(super) fn is_held(&self) -> bool {
        match self {
            AddressState::Granted(_) | AddressState::Serving(_) | AddressState::TakingDown(_) => true,
            AddressState::Free | AddressState::Claiming(_) | AddressState::Draining(_) => false,
        }
    }
}
