//! From the first line of a client to a complete `hello`.
//!
//! Nothing but `hello`, and the `holding` lines that it announces, is legal first. What follows
//! is handled in order, after the `welcome`.

use std::collections::BTreeSet;
use std::mem;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use serverswap::protocol::Address;
use serverswap::protocol::limits::HOLDING_PER_LINE_MAX;
use serverswap::protocol::message::{Code, FromClient, Hello, Role, UnixSockets, VERSION};
use serverswap::sys::listener::is_listener_of;
use serverswap::sys::process::Process;

use crate::arbiter::{Attached, ClientHello, ConnectionId, Liveness};

/// Most addresses that one client may hold.
const HOLDING_MAX: usize = 65_536;

/// How far a client has come.
#[derive(Default)]
pub(super) enum Negotiation {
    /// It has sent nothing.
    #[default]
    Greeted,
    /// `holding` lines follow.
    Listing(Box<CompleteHello>),
    /// The `hello` is complete.
    Done,
}

/// What a message means here.
pub(super) enum NegotiationStep {
    /// The `hello` is complete.
    Complete(Box<CompleteHello>),
    /// More `holding` lines follow.
    Incomplete,
    /// A message of a negotiated client.
    Message(Box<FromClient>, Vec<(String, OwnedFd)>),
    /// The connection cannot go on.
    Refused { code: Code, message: String },
}

/// A `hello` with all of its `holding` lines and their listeners.
pub(super) struct CompleteHello {
    hello: Hello,
    listeners: Vec<(Address, Arc<OwnedFd>)>,
}

impl Negotiation {
    /// Whether the `hello` is complete.
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Negotiation::Done)
    }

    pub(super) fn handle(&mut self, message: FromClient, fds: Vec<(String, OwnedFd)>) -> NegotiationStep {
        match (mem::take(self), message) {
            (Negotiation::Greeted, FromClient::Hello(hello)) => self.begin(hello, fds),
            (Negotiation::Listing(mut complete), FromClient::Holding(more)) => {
                complete.hello.holding.extend(more.holding);
                complete.hello.more = more.more;
                match complete.attach(fds) {
                    Ok(()) => self.proceed(complete),
                    Err(step) => step,
                }
            }
            (Negotiation::Done, message) => {
                *self = Negotiation::Done;
                NegotiationStep::Message(Box::new(message), fds)
            }
            (Negotiation::Greeted | Negotiation::Listing(_), _) => refused(
                Code::NotNegotiated,
                "the first line must be `hello`, followed only by the `holding` lines that it announces"
                    .to_owned(),
            ),
        }
    }

    fn begin(&mut self, hello: Hello, fds: Vec<(String, OwnedFd)>) -> NegotiationStep {
        if hello.version != VERSION {
            let message = format!("version {} was not offered; offered: {VERSION}", hello.version);
            return refused(Code::VersionUnsupported, message);
        }
        if hello.role != Role::Observer && hello.generation.is_none() {
            return refused(Code::InvalidMessage, "`hello`: `generation` is missing".to_owned());
        }
        if hello.stand_in.is_some() && hello.role != Role::Server {
            let message = "`hello`: `standIn` is for the role `server`".to_owned();
            return refused(Code::InvalidMessage, message);
        }
        let mut complete = Box::new(CompleteHello { hello, listeners: Vec::new() });
        match complete.attach(fds) {
            Ok(()) => self.proceed(complete),
            Err(step) => step,
        }
    }

    fn proceed(&mut self, complete: Box<CompleteHello>) -> NegotiationStep {
        let hello = &complete.hello;
        if hello.holding.len() > HOLDING_MAX || hello.draining.len() > HOLDING_MAX {
            return refused(Code::Exhausted, format!("a client may hold at most {HOLDING_MAX} addresses"));
        }
        if hello.more {
            *self = Negotiation::Listing(complete);
            return NegotiationStep::Incomplete;
        }
        *self = Negotiation::Done;
        NegotiationStep::Complete(complete)
    }
}

impl CompleteHello {
    /// Each name is an address of `holding`, and its descriptor is the listener of that address.
    fn attach(&mut self, fds: Vec<(String, OwnedFd)>) -> Result<(), NegotiationStep> {
        let listed = self.hello.holding.iter().rev().take(HOLDING_PER_LINE_MAX);
        let listed: BTreeSet<&Address> = listed.map(|holding| &holding.address).collect();
        for (name, fd) in fds {
            let address = name.parse::<Address>().ok().filter(|address| listed.contains(address));
            let Some(address) = address.filter(|address| is_listener_of(&fd, address)) else {
                let message =
                    format!("the descriptor `{name}` is not the listener of an address in `holding`");
                return Err(refused(Code::InvalidMessage, message));
            };
            self.listeners.push((address, Arc::new(fd)));
        }
        Ok(())
    }

    pub(super) fn unix_sockets(&self) -> Option<UnixSockets> {
        self.hello.unix_sockets
    }

    pub(super) fn hello(&self) -> &Hello {
        &self.hello
    }

    pub(super) fn arrival(
        self: Box<Self>,
        link: ConnectionId,
        process: Process,
        liveness: Liveness,
        offered: &mut Vec<(Address, Arc<OwnedFd>)>,
    ) -> ClientHello {
        let CompleteHello { hello, listeners } = *self;
        let attached: BTreeSet<&Address> = listeners.iter().map(|(address, _)| address).collect();
        let holding = hello
            .holding
            .into_iter()
            .map(|holding| {
                let is_attached = attached.contains(&holding.address);
                (holding, if is_attached { Attached::Listener } else { Attached::Nothing })
            })
            .collect();
        offered.extend(listeners);
        ClientHello {
            link,
            process,
            liveness,
            id: hello.id,
            role: hello.role,
            generation: hello.generation,
            holding,
            draining: hello.draining,
            form: hello.form,
            timeouts: hello.timeouts,
            stand_in: hello.stand_in,
        }
    }
}

fn refused(code: Code, message: String) -> NegotiationStep {
    NegotiationStep::Refused { code, message }
}
