//! The lines of the arbiter that mean the same to every role, state by state.

use std::time::Duration;

use serverswap_protocol::message::{Code, Error, FromArbiter, FromClient, Ping, Pong};

use super::action::SessionAction;
use super::event::Refusal;
use super::link::Link;
use super::{Role, Session};

impl<L: Clone, R: Role<L>> Session<L, R> {
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
            FromArbiter::Ping(ping) => self.pinged(ping, now),
            FromArbiter::Error(error) => self.failed(error, now),
            FromArbiter::Greeting(_) | FromArbiter::Welcome(_) => {
                self.out_of_order("its `greeting` or `welcome` again", now);
            }
            FromArbiter::Granted(_)
            | FromArbiter::Takedown(_)
            | FromArbiter::Progress(_)
            | FromArbiter::Event(_)
            | FromArbiter::Verdict(_)
            | FromArbiter::Pong(_) => R::received(self, message, fds, now),
        }
    }

    /// Everything before the ping was processed: lines are handled one by one.
    fn pinged(&mut self, ping: Ping, now: Duration) {
        if self.accept_id(ping.id, now) {
            self.actions.push_back(SessionAction::Send(FromClient::Pong(Pong { re: ping.id }), Vec::new()));
        }
    }

    fn failed(&mut self, error: Error, now: Duration) {
        let Error { re, code, message, fatal } = error;
        let code = code.or_internal();
        if fatal {
            self.fatal(code, message, now);
        } else {
            R::failed(self, re, Refusal { code, message }, now);
        }
    }

    /// An error instead of the greeting or the welcome can only be a fatal one.
    fn link_refused(&mut self, error: Error, now: Duration) {
        if error.fatal {
            self.fatal(error.code.or_internal(), error.message, now);
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
                if self.accept_id(id, now) {
                    let error = Error { re: Some(id), code, message, fatal: false };
                    self.actions.push_back(SessionAction::Send(FromClient::Error(error), Vec::new()));
                }
            }
        }
    }

    /// Takes in an `id` of the arbiter; breaks off if it does not increase.
    pub(super) fn accept_id(&mut self, id: u64, now: Duration) -> bool {
        let increases = match &mut self.link {
            Link::Ready(ready) => ready.numbers.receive(id),
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
