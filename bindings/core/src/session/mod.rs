//! The client's half of the protocol as a pure state machine, the same for every role: calls and the
//! lines of the arbiter go in; lines to send, links to make and events come out.
//!
//! It deliberately knows no descriptor, socket, clock or thread: a listener is any `L` that
//! can be cloned, the time is an argument (since an arbitrary epoch, never running back), and
//! a driver does what the [`SessionAction`]s say: [`crate::Connection`] for a server. What the roles do
//! differently on a link is in their [`Role`]: [`ServerRole`], [`SupervisorRole`].
//!
//! The rules; code and tests cite them by these numbers.
//!
//! * C1. What is held is true whether there is a link or not. A call that is made without one is not
//!   queued: the next `hello` says what is then true.
//! * C2. Every claim ends in exactly one event, [`ServerEvent::Granted`] or [`ServerEvent::Refused`], however
//!   many links it takes. After each `hello` the claims that still wait are sent again, in
//!   the order in which they were made, with new ids.
//! * C3. A takedown is reported to the server once a holding, and every `takedown` line is answered
//!   by one `released`: at once if the address was released already.
//! * C4. A grant that nobody waits for any more is closed and never shown: the `released` that
//!   withdrew its claim gives it back.
//! * C5. Watch, then look, then wait: an arbiter that is not there is waited for only when it was
//!   looked for after the directory was being watched. Another link is looked for at once
//!   when one ends, ever more slowly when links end soon; after a fatal error a second later.
//!   A supervisor looks every 100 ms as well.
//! * C6. A waiting claim bounds every wait for the arbiter ([`ConnectTimeouts`]); without one, a server
//!   that holds an address waits for as long as it lives, and serves.
//!   Nobody else would bring one where every supervisor has left, so a claim that finds none has one started.
//! * C7. A fault of the arbiter ends the claims that wait for it, never a holding.
//!
//! The states of the link, for every role; `.` changes nothing, and `Waiting` counts and paces the
//! attempts. [`Session::tick`] leads from `Waiting` to `Connecting`, as a change of the directory does.
//!
//! ```text
//! state        connected  nobody there  changed     greeting     welcome  other line  end         fatal error
//! Alone        .          .             .           .            .        .           .           .
//! Waiting      .          .             Connecting  .            .        .           .           .
//! Connecting   Greeting   Waiting       .           .            .        .           .           Waiting
//! Greeting     .          .             .           Negotiating  Waiting  Waiting     Connecting  Waiting
//! Negotiating  .          .             .           Waiting      Ready    Waiting     Connecting  Waiting
//! Ready        .          .             .           Waiting      Waiting  Ready       Connecting  Waiting
//! ```
//!
//! The states of an address of a server (`tests/table.rs` compares this with the code):
//!
//! ```text
//! state       input       next        what follows: `>` a line, an event, or an error of the call
//! free        readyFor    claiming    > readyFor,id:2,socket:inherit,more:true
//! free        serving                 NotHeld
//! free        onTakedown              > onTakedown
//! free        released                NotHeld
//! free        progress                NotHeld
//! free        granted                 breaks off
//! free        takedown                > released,re:4
//! free        error                   breaks off
//! claiming    readyFor                AlreadyClaimed
//! claiming    serving                 NotHeld
//! claiming    onTakedown              > onTakedown
//! claiming    released    free        > released; refused withdrawn
//! claiming    progress                NotHeld
//! claiming    granted     granted     granted +8
//! claiming    takedown                > released,re:4
//! claiming    error       free        refused superseded
//! granted     readyFor                AlreadyClaimed
//! granted     serving     serving     > serving
//! granted     onTakedown              > onTakedown
//! granted     released    draining    > released
//! granted     progress                nothing
//! granted     granted                 breaks off
//! granted     takedown    taking down takedown Stopping 5ms
//! granted     error                   breaks off
//! serving     readyFor                AlreadyClaimed
//! serving     serving                 nothing
//! serving     onTakedown              > onTakedown
//! serving     released    draining    > released
//! serving     progress                nothing
//! serving     granted                 breaks off
//! serving     takedown    taking down takedown Stopping 5ms
//! serving     error                   breaks off
//! taking down readyFor                AlreadyClaimed
//! taking down serving                 nothing
//! taking down onTakedown              > onTakedown
//! taking down released    draining    > released,re:1
//! taking down progress                > progress,re:1,connections:3
//! taking down granted                 breaks off
//! taking down takedown                breaks off
//! taking down error                   breaks off
//! draining    readyFor    claiming    > readyFor,id:3,socket:inherit,more:true
//! draining    serving                 NotHeld
//! draining    onTakedown              > onTakedown
//! draining    released                NotHeld
//! draining    progress                > progress,re:1,connections:3
//! draining    granted                 breaks off
//! draining    takedown                > released,re:4
//! draining    error                   breaks off
//! ```

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod action;
mod arbiter_start;
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
mod role;
mod server;
mod server_addresses;
mod stand_in;
mod supervisor;
mod timeouts;

use std::collections::VecDeque;
use std::fmt::Debug;
use std::time::Duration;

use serverswap_protocol::Generation;
use serverswap_protocol::message::{ClientInfo, FromClient};

pub use action::SessionAction;
pub use call_error::CallError;
pub use calls::Call;
pub use event::{Refusal, ServerEvent};
pub use input::SessionInput;
pub use role::Role;
pub use server::ServerRole;
pub use stand_in::StandIn;
pub use supervisor::{SupervisorCall, SupervisorEvent, SupervisorRole};
pub use timeouts::ConnectTimeouts;

use link::{Connecting, Contact, Link, Reconnect};

/// Who a client is, as its `hello` says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The client library.
    pub client: ClientInfo,
    /// The value of `SERVERSWAP_GENERATION`. Absent only for observers.
    pub generation: Option<Generation>,
}

/// One client's side of the protocol, over as many links as it takes.
#[derive(Debug, Clone)]
pub struct Session<L: Clone, R: Role<L> = ServerRole<L>> {
    identity: Identity,
    timeouts: ConnectTimeouts,
    link: Link,
    role: R,
    actions: VecDeque<SessionAction<L>>,
    events: VecDeque<R::Event>,
}

impl<L: Clone + Debug> Session<L> {
    /// A session of a server that looks for its arbiter from `now` on.
    pub fn supervised(identity: Identity, timeouts: ConnectTimeouts, now: Duration) -> Self {
        Session::of_role(ServerRole::default(), identity, timeouts, now)
    }

    /// A session of a server that was started without a supervisor: it is granted whatever
    /// it claims, and talks to no arbiter.
    pub fn alone(identity: Identity) -> Self {
        Session::new(ServerRole::default(), identity, ConnectTimeouts::default(), Link::Alone)
    }
}

impl<L: Clone, R: Role<L>> Session<L, R> {
    /// A session of any role, that looks for its arbiter from `now` on.
    pub fn of_role(role: R, identity: Identity, timeouts: ConnectTimeouts, now: Duration) -> Self {
        let link = Link::Connecting(Connecting { reconnect: Reconnect::new(now) });
        let mut session = Session::new(role, identity, timeouts, link);
        session.actions.push_back(SessionAction::Connect);
        session
    }

    fn new(role: R, identity: Identity, timeouts: ConnectTimeouts, link: Link) -> Self {
        Session { identity, timeouts, link, role, actions: VecDeque::new(), events: VecDeque::new() }
    }

    /// What the driver is to do next. To be asked until there is none, after every call.
    pub fn next_action(&mut self) -> Option<SessionAction<L>> {
        self.actions.pop_front()
    }

    /// What the owner of the session is to know next.
    pub fn next_event(&mut self) -> Option<R::Event> {
        self.events.pop_front()
    }

    /// Whether [`Self::next_event`] has one.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// The role, to change what its next `hello` says.
    pub fn role_mut(&mut self) -> &mut R {
        &mut self.role
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

    /// The process id of the arbiter that is connected to, welcomed or not.
    pub fn arbiter_pid(&self) -> Option<u32> {
        self.contact().map(|contact| contact.pid)
    }

    /// Takes in a call.
    ///
    /// # Errors
    /// The call is not possible now; nothing was changed or sent.
    pub fn call(&mut self, call: R::Call, now: Duration) -> Result<(), CallError> {
        R::call(self, call, now)
    }

    /// Takes in what happened on the link.
    pub fn handle(&mut self, input: SessionInput<L>, now: Duration) {
        match input {
            SessionInput::Connected { pid } => self.connected(pid, now),
            SessionInput::NotConnected { reason } => self.not_connected(reason, now),
            SessionInput::OutOfSight { reason } => {
                self.watch_lost(now);
                self.not_connected(reason, now)
            }
            SessionInput::Busy => self.busy(now),
            SessionInput::Changed => self.look_again(now),
            SessionInput::Removed => self.removed(now),
            SessionInput::WatchLost => self.watch_lost(now),
            SessionInput::Received { message, fds } => {
                R::arrived(self, now);
                self.received(message, fds, now);
            }
            SessionInput::Unknown { id, kind } => {
                R::arrived(self, now);
                self.unknown(id, &kind, now);
            }
            SessionInput::Invalid { re, code, message } => self.invalid(re, code, message, now),
            SessionInput::Broken { code, message } => self.break_off(code, message, now),
            SessionInput::Ended => self.ended(now),
            SessionInput::Opened { address, listener } => R::opened(self, &address, listener),
        }
    }

    fn contact(&self) -> Option<Contact> {
        match &self.link {
            Link::Alone | Link::Waiting(_) | Link::Connecting(_) => None,
            Link::Greeting(greeting) => Some(greeting.contact),
            Link::Negotiating(negotiating) => Some(negotiating.contact),
            Link::Ready(ready) => Some(ready.contact),
        }
    }

    /// Sends a line on a link on which `hello` was sent. Without one it is dropped, because the next
    /// `hello`, or what follows it, says it (C1).
    fn send_after_hello(&mut self, message: FromClient) {
        self.send_attached(message, Vec::new());
    }

    /// The same with these listeners.
    fn send_attached(&mut self, message: FromClient, listeners: Vec<L>) {
        if self.link.numbers().is_some() {
            self.actions.push_back(SessionAction::Send(message, listeners));
        }
    }
}

#[cfg(test)]
mod tests;
