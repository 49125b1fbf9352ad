//! The lines of the arbiter, state by state.

use std::time::Duration;

use serverswap_protocol::Address;
use serverswap_protocol::message::{
    Code, Error, FromArbiter, FromClient, LISTENER, Ping, Pong, Released, Takedown,
};

use super::Session;
use super::action::Action;
use super::addresses::{AddressState, Draining, TakingDown};
use super::event::{Event, Refusal};
use super::link::Link;

impl<L: Clone> Session<L> {
    /// One line. Listeners that are not taken from `fds` are dropped, and so closed.
    pub(super) fn received(&mut self, message: FromArbiter, fds: Vec<(String, L)>, now: Duration) {
        match &self.link {
            Link::Alone | Link::Waiting(_) | Link::Connecting(_) => {}
            Link::Greeting(_) => self.before_hello(message, now),
            Link::Negotiating(_) => self.before_welcome(message, now),
            Link::Ready(_) => self.after_welcome(message, fds, now),
        }
    }

    fn before_hello(&mut self, message: FromArbiter, now: Duration) {
        match message {
            FromArbiter::Greeting(greeting) => self.greeted(&greeting, now),
            FromArbiter::Error(error) => self.link_refused(error, now),
            FromArbiter::Welcome(_)
            | FromArbiter::Granted(_)
            | FromArbiter::Takedown(_)
            | FromArbiter::Progress(_)
            | FromArbiter::Event(_)
            | FromArbiter::Verdict(_)
            | FromArbiter::Ping(_)
            | FromArbiter::Pong(_) => self.out_of_order("something other than its `greeting`", now),
        }
    }

    fn before_welcome(&mut self, message: FromArbiter, now: Duration) {
        match message {
            FromArbiter::Welcome(welcome) => self.welcomed(&welcome, now),
            FromArbiter::Error(error) => self.link_refused(error, now),
            FromArbiter::Greeting(_)
            | FromArbiter::Granted(_)
            | FromArbiter::Takedown(_)
            | FromArbiter::Progress(_)
            | FromArbiter::Event(_)
            | FromArbiter::Verdict(_)
            | FromArbiter::Ping(_)
            | FromArbiter::Pong(_) => self.out_of_order("something other than its `welcome`", now),
        }
    }

    fn after_welcome(&mut self, message: FromArbiter, fds: Vec<(String, L)>, now: Duration) {
        match message {
            FromArbiter::Granted(granted) => {
                let listener = fds.into_iter().find(|(name, _)| name == LISTENER).map(|(_, fd)| fd);
                self.granted(granted.re, &granted.address, listener, now);
            }
            FromArbiter::Takedown(takedown) => self.told_to_let_go(takedown, now),
            FromArbiter::Progress(progress) => self.claim_waits(progress, now),
            FromArbiter::Ping(ping) => self.pinged(ping, now),
            FromArbiter::Error(error) => self.failed(error, now),
            FromArbiter::Event(_) | FromArbiter::Verdict(_) | FromArbiter::Pong(_) => {}
            FromArbiter::Greeting(_) | FromArbiter::Welcome(_) => {
                self.out_of_order("its `greeting` or `welcome` again", now);
            }
        }
    }

    fn told_to_let_go(&mut self, takedown: Takedown, now: Duration) {
        if !self.heard(takedown.id, now) {
            return;
        }
        let Takedown { id, address, .. } = &takedown;
        let next = match self.addresses.take(address) {
            AddressState::Granted(granted) => {
                self.tell_takedown(&takedown);
                AddressState::TakingDown(TakingDown {
                    listener: granted.listener,
                    serves: false,
                    owed: Some(*id),
                })
            }
            AddressState::Serving(serving) => {
                self.tell_takedown(&takedown);
                AddressState::TakingDown(TakingDown {
                    listener: serving.listener,
                    serves: true,
                    owed: Some(*id),
                })
            }
            AddressState::TakingDown(taking_down) if taking_down.owed.is_some() => {
                self.addresses.set(address, AddressState::TakingDown(taking_down));
                return self.out_of_order("`takedown` of an address whose takedown is open", now);
            }
            // The server has been told over a link that was lost since.
            AddressState::TakingDown(taking_down) => {
                AddressState::TakingDown(TakingDown { owed: Some(*id), ..taking_down })
            }
            AddressState::Draining(_) => {
                self.answer_takedown(*id, address);
                AddressState::Draining(Draining { takedown: Some(*id) })
            }
            unheld @ (AddressState::Free | AddressState::Claiming(_)) => {
                self.answer_takedown(*id, address);
                unheld
            }
        };
        self.addresses.set(address, next);
    }

    fn tell_takedown(&mut self, takedown: &Takedown) {
        self.events.push_back(Event::Takedown {
            address: takedown.address.clone(),
            reason: takedown.reason.clone(),
            drain: Duration::from_millis(takedown.drain_ms),
        });
    }

    pub(super) fn answer_takedown(&mut self, id: u64, address: &Address) {
        self.tell_now(FromClient::Released(Released { re: Some(id), address: address.clone() }));
    }

    /// Everything before the ping was processed: lines are handled one by one.
    fn pinged(&mut self, ping: Ping, now: Duration) {
        if self.heard(ping.id, now) {
            self.actions.push_back(Action::Send(FromClient::Pong(Pong { re: ping.id }), Vec::new()));
        }
    }

    fn failed(&mut self, error: Error, now: Duration) {
        let Error { re, code, message, fatal } = error;
        match (fatal, re) {
            (true, _) => self.fatal(code, message, now),
            (false, Some(re)) => self.refused(re, Refusal { code, message }, now),
            (false, None) => self.events.push_back(Event::Error { code, message }),
        }
    }

    /// An error instead of the greeting or the welcome can only be a fatal one.
    fn link_refused(&mut self, error: Error, now: Duration) {
        if error.fatal {
            self.fatal(error.code, error.message, now);
        } else {
            self.out_of_order(&format!("`{}`, which ends nothing: {}", error.code, error.message), now);
        }
    }

    /// A `type` from the future that wants a reply.
    pub(super) fn unknown(&mut self, id: u64, kind: &str, now: Duration) {
        let message = format!("this client does not know the type `{kind}`");
        self.answer_error(id, Code::UnknownType, message, now);
    }

    /// A known `type` whose content is impossible.
    pub(super) fn invalid(&mut self, re: Option<u64>, code: Code, message: String, now: Duration) {
        match re {
            Some(id) => self.answer_error(id, code, message, now),
            None => self.break_off(code, message, now),
        }
    }

    /// Answers a request that cannot be done. Before the welcome there are no requests.
    fn answer_error(&mut self, id: u64, code: Code, message: String, now: Duration) {
        match &self.link {
            Link::Alone | Link::Waiting(_) | Link::Connecting(_) => {}
            Link::Greeting(_) | Link::Negotiating(_) => {
                self.out_of_order(&format!("a request before its `welcome`; {message}"), now);
            }
            Link::Ready(_) => {
                if self.heard(id, now) {
                    let error = Error { re: Some(id), code, message, fatal: false };
                    self.actions.push_back(Action::Send(FromClient::Error(error), Vec::new()));
                }
            }
        }
    }

    /// Takes in an `id` of the arbiter; breaks off if it does not increase.
    fn heard(&mut self, id: u64, now: Duration) -> bool {
        let increases = match &mut self.link {
            Link::Ready(ready) => ready.numbers.hear(id),
            Link::Alone
            | Link::Waiting(_)
            | Link::Connecting(_)
            | Link::Greeting(_)
            | Link::Negotiating(_) => false,
        };
        if !increases {
            self.break_off(Code::IdReused, format!("the id {id} does not increase"), now);
        }
        increases
    }

    pub(super) fn out_of_order(&mut self, what: &str, now: Duration) {
        self.break_off(Code::OutOfOrder, format!("the arbiter has said {what}"), now);
    }
}
