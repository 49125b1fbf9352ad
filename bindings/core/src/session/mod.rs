//! The client's half of the protocol as a pure state machine: the words of a server and the
//! lines of the arbiter go in; lines to send, links to make and events for the server come out.
//!
//! It deliberately knows no descriptor, socket, clock or thread: a listener is any `L` that
//! can be cloned, the time is an argument (since an arbitrary epoch, never running back), and
//! [`crate::Connection`] does what the [`Action`]s say.
//!
//! Rules:
//! 1. What is held is true whether there is a link or not. A word that is said without one
//!    is not queued: the next `hello` says what is then true.
//! 2. Every claim ends in exactly one event, [`Event::Granted`] or [`Event::Refused`], however
//!    many links it takes. After each `welcome` the claims that still wait are said again, in
//!    the order in which they were made, with new ids.
//! 3. A takedown is told to the server once a holding, and every `takedown` line is answered
//!    by one `released`: at once if the address was let go of already.
//! 4. A grant that nobody waits for any more is closed and never shown: the `released` that
//!    withdrew its claim lets go of it.
//! 5. Watch, then look, then wait: an arbiter that is not there is waited for only when it was
//!    looked for after the directory was being watched. Another link is looked for at once
//!    when one ends, ever more slowly when links bear no fruit; after a fatal error by the clock,
//!    or, if its retry is `never`, only when the directory has changed.
//! 6. A waiting claim bounds every wait for the arbiter ([`ConnectTimeouts`]); without one, a server
//!    that holds an address waits for as long as it lives, and serves.
//! 7. A fault of the arbiter ends the claims that wait for it, never a holding.
//!
//! The states of the link: `Alone`, or `Waiting` → `Connecting` → `Greeting` → `Negotiating` →
//! `Ready` → lost → `Connecting` … The states of an address: `Free` → `Claiming` → `Granted` →
//! `Serving` → `TakingDown` (told to let go) → `Draining`.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod action;
mod addresses;
mod call_error;
mod calls;
mod claims;
mod event;
mod hello;
mod input;
mod link;
mod messages;
mod negotiation;
mod reconnect;
mod timeouts;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use serverswap_protocol::message::{ClientInfo, FromClient};
use serverswap_protocol::{Address, Generation};

pub use action::Action;
pub use call_error::CallError;
pub use calls::Call;
pub use event::{Event, Refusal};
pub use input::Input;
pub use timeouts::ConnectTimeouts;

use addresses::Addresses;
use link::{Connecting, Link, Reconnect};

/// Who a client is, as its `hello` says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The client library.
    pub client: ClientInfo,
    /// The value of `SERVERSWAP_GENERATION`.
    pub generation: Option<Generation>,
}

/// One server's side of the protocol, over as many links as it takes.
#[derive(Debug, Clone)]
pub struct Session<L> {
    identity: Identity,
    timeouts: ConnectTimeouts,
    link: Link,
    addresses: Addresses<L>,
    /// The addresses whose takedown this server handles, claimed or not.
    handled: BTreeSet<Address>,
    /// Whether the server has said how its start ended; said again on every link.
    outcome: Outcome,
    actions: VecDeque<Action<L>>,
    events: VecDeque<Event<L>>,
}

/// What the server has said about its start as a whole.
#[derive(Debug, Clone)]
enum Outcome {
    /// Nothing yet, or for ever: `serverUp` is only for servers that claim with `more`.
    Open,
    /// `serverUp`.
    Up,
    /// `fail`, with its reason. Nothing can be claimed any more.
    Failed(String),
}

impl<L: Clone> Session<L> {
    /// A session that looks for its arbiter from `now` on.
    pub fn supervised(identity: Identity, timeouts: ConnectTimeouts, now: Duration) -> Self {
        let link = Link::Connecting(Connecting { reconnect: Reconnect::new(now) });
        let actions = VecDeque::from([Action::Connect]);
        Session::new(identity, timeouts, link, actions)
    }

    /// A session of a server that was started without a supervisor: it is granted whatever
    /// it claims, and there is nobody to talk to.
    pub fn alone(identity: Identity) -> Self {
        Session::new(identity, ConnectTimeouts::default(), Link::Alone, VecDeque::new())
    }

    fn new(identity: Identity, timeouts: ConnectTimeouts, link: Link, actions: VecDeque<Action<L>>) -> Self {
        Session {
            identity,
            timeouts,
            link,
            addresses: Addresses::default(),
            handled: BTreeSet::new(),
            outcome: Outcome::Open,
            actions,
            events: VecDeque::new(),
        }
    }

    /// What the driver is to do next. To be asked until there is none, after every call.
    pub fn next_action(&mut self) -> Option<Action<L>> {
        self.actions.pop_front()
    }

    /// What the server is to know next.
    pub fn next_event(&mut self) -> Option<Event<L>> {
        self.events.pop_front()
    }

    /// Whether [`Self::next_event`] has one.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Whether the protocol is being spoken: welcomed, and not lost since.
    pub fn is_linked(&self) -> bool {
        match self.link {
            Link::Ready(_) => true,
            Link::Alone
            | Link::Waiting(_)
            | Link::Connecting(_)
            | Link::Greeting(_)
            | Link::Negotiating(_) => false,
        }
    }

    /// Takes in what happened on the link.
    pub fn handle(&mut self, input: Input<L>, now: Duration) {
        match input {
            Input::Connected { pid } => self.connected(pid, now),
            Input::NotConnected { reason } => self.not_connected(reason, now),
            Input::Busy => self.busy(now),
            Input::Changed => self.look_again(now),
            Input::Vanished => self.vanished(now),
            Input::Blinded => self.blinded(now),
            Input::Received { message, fds } => self.received(message, fds, now),
            Input::Unknown { id, kind } => self.unknown(id, &kind, now),
            Input::Invalid { re, code, message } => self.invalid(re, code, message, now),
            Input::Broken { code, message } => self.break_off(code, message, now),
            Input::Ended => self.ended(now),
            Input::Opened { address, listener } => self.opened(&address, listener),
        }
    }

    /// Says something about what is held: on the link, or after the `welcome` that is under
    /// way. Without a link it is dropped, because the next `hello` says it (rule 1).
    fn tell(&mut self, message: FromClient) {
        match &mut self.link {
            Link::Ready(_) => self.actions.push_back(Action::Send(message, Vec::new())),
            Link::Negotiating(negotiating) => negotiating.unsaid.push(message),
            Link::Alone | Link::Waiting(_) | Link::Connecting(_) | Link::Greeting(_) => {}
        }
    }

    /// As [`Self::tell`], for what a server that has said `fail` does not say any more.
    fn tell_unless_failed(&mut self, message: FromClient) {
        match self.outcome {
            Outcome::Open | Outcome::Up => self.tell(message),
            Outcome::Failed(_) => {}
        }
    }

    /// Says something that is said again after every `welcome`: now or then.
    fn tell_now(&mut self, message: FromClient) {
        if self.is_linked() {
            self.actions.push_back(Action::Send(message, Vec::new()));
        }
    }
}

#[cfg(test)]
mod tests;
