//! One connection for several owners: who awaits which claim, and who handles which takedown.
//!
//! An owner is whatever a language has that waits for answers: a JavaScript thread, an event loop,
//! the threads of a blocking program together. A binding puts a [`Dispatcher`] behind a lock, makes
//! a [`Call`] of each call in its language, and hands each [`Delivery`] to its recipient.
//!
//! It deliberately has no lock and no thread, and calls back into nothing.

mod claims;
mod handlers;

#[cfg(test)]
mod tests;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use serverswap_protocol::Address;

use crate::connection::{Connection, Event};
use crate::session::{Call, CallError};
use claims::Claims;
use handlers::Handlers;

/// The number of a call, never used again. The answer of a claim carries the number of its
/// [`Call::ReadyFor`], and a takedown those of the [`Call::OnTakedown`]s that handle it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(u64);

impl CallId {
    /// As a number that every language has.
    pub fn number(self) -> u64 {
        self.0
    }

    /// The call with this number. One that was never made is of no effect.
    pub fn of_number(number: u64) -> Self {
        CallId(number)
    }
}

/// A connection, and what its owners claim, hold and handle.
#[derive(Debug)]
pub struct Dispatcher<O> {
    connection: Connection,
    ledger: Ledger<O>,
}

/// An event and whose it is.
#[derive(Debug)]
pub struct Delivery<O, E = Event> {
    /// Who is to have it.
    pub to: Recipient<O>,
    /// What has happened.
    pub event: E,
}

/// Whose an event is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient<O> {
    /// Of an answer, and of what a claim waits for: who claimed.
    Claimant {
        /// The owner.
        owner: O,
        /// The number of its [`Call::ReadyFor`].
        claim: CallId,
    },
    /// Of a takedown: who registered a handler last, or else who holds the address.
    Handlers {
        /// The owner.
        owner: O,
        /// The numbers of its [`Call::OnTakedown`]s, in order. When each was passed to
        /// [`Dispatcher::handler_done`], the address is released. May be empty.
        handlers: Vec<CallId>,
    },
    /// Of a fault that is about no claim: everybody.
    Everybody,
}

impl<O: Clone + PartialEq> Dispatcher<O> {
    /// Nothing is claimed yet.
    pub fn new(connection: Connection) -> Self {
        Dispatcher { connection, ledger: Ledger::default() }
    }

    /// The connection: its descriptor, its generation, whether it is flushed.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Takes in a call of an owner; the number of the call.
    ///
    /// # Errors
    /// The call is not possible now, or this is a forked child; nothing was changed.
    pub fn call(&mut self, owner: O, call: Call) -> Result<CallId, CallError> {
        let noted = call.clone();
        self.connection.call(call)?;
        Ok(self.ledger.note(owner, noted))
    }

    /// As [`Connection::fail_and_flush`].
    ///
    /// # Errors
    /// This is a forked child.
    pub fn fail_and_flush(&mut self, reason: String) -> Result<(), CallError> {
        self.connection.fail_and_flush(reason)
    }

    /// Withdraws a claim, or gives back what was granted by it; its address, unless it has ended.
    pub fn withdraw(&mut self, claim: CallId) -> Option<Address> {
        let address = self.ledger.claims.address_of(claim)?.clone();
        self.release(address.clone());
        Some(address)
    }

    /// A handler of a takedown is done: the last one releases the address.
    pub fn handler_done(&mut self, handler: CallId) {
        if let Some(address) = self.ledger.handlers.done(handler) {
            self.release(address);
        }
    }

    /// A handler is not to be called any more.
    pub fn remove_handler(&mut self, handler: CallId) {
        self.ledger.handlers.remove(handler);
    }

    /// An owner has ended, and its sockets with it: what it claimed or held is released.
    pub fn close_owner(&mut self, owner: &O) {
        self.ledger.handlers.remove_owner(owner);
        for address in self.ledger.claims.remove_owner(owner) {
            self.release(address);
        }
    }

    /// An owner gets nothing any more, and nothing is released: the process ends.
    pub fn forget_owner(&mut self, owner: &O) {
        self.ledger.handlers.remove_owner(owner);
        self.ledger.claims.remove_owner(owner);
    }

    /// As [`Connection::process`].
    ///
    /// # Errors
    /// The connection is of no use any more.
    pub fn process(&mut self) -> io::Result<()> {
        self.connection.process()
    }

    /// What is to be delivered next. To be asked until there is none, after every call.
    pub fn next_delivery(&mut self) -> Option<Delivery<O>> {
        loop {
            let event = self.connection.next_event()?;
            if let Some(to) = self.ledger.recipient(&event) {
                return Some(Delivery { to, event });
            }
        }
    }

    fn release(&mut self, address: Address) {
        self.ledger.released(&address);
        // It may have been released a moment ago.
        let _ = self.connection.call(Call::Released(address));
    }
}

impl<O> AsFd for Dispatcher<O> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection.as_fd()
    }
}

impl<O> AsRawFd for Dispatcher<O> {
    fn as_raw_fd(&self) -> RawFd {
        self.connection.as_raw_fd()
    }
}

/// What the owners claim, hold and handle.
#[derive(Debug)]
struct Ledger<O> {
    claims: Claims<O>,
    handlers: Handlers<O>,
    last_call: u64,
}

impl<O> Default for Ledger<O> {
    fn default() -> Self {
        Ledger { claims: Claims::default(), handlers: Handlers::default(), last_call: 0 }
    }
}

impl<O: Clone + PartialEq> Ledger<O> {
    /// Notes a call that was possible; its number.
    fn note(&mut self, owner: O, call: Call) -> CallId {
        self.last_call += 1;
        let id = CallId(self.last_call);
        match call {
            Call::ReadyFor { address, .. } | Call::Provide { address, .. } => {
                self.claims.made(id, owner, address)
            }
            Call::OnTakedown(address) => self.handlers.add(id, owner, address),
            Call::Released(address) => self.released(&address),
            Call::Serving(_) | Call::Progress { .. } | Call::ServerUp | Call::Fail { .. } => {}
        }
        id
    }

    fn released(&mut self, address: &Address) {
        self.claims.released(address);
        self.handlers.released(address);
    }

    /// Who is to have an event; `None` if its owner has ended.
    fn recipient<L>(&mut self, event: &crate::session::ServerEvent<L>) -> Option<Recipient<O>> {
        use crate::session::ServerEvent;
        let claimant =
            |claim: claims::OwnedClaim<O>| Recipient::Claimant { owner: claim.owner, claim: claim.id };
        match event {
            ServerEvent::Granted { address, .. } => self.claims.granted(address).map(claimant),
            ServerEvent::Refused { address, .. } => self.claims.refused(address).map(claimant),
            ServerEvent::Waiting { address, .. } => self.claims.of(address).cloned().map(claimant),
            ServerEvent::Takedown { address, .. } => {
                let holder = self.claims.of(address).map(|claim| claim.owner.clone());
                let handled = self.handlers.taken(address);
                let (owner, handlers) = handled.or_else(|| Some((holder?, Vec::new())))?;
                Some(Recipient::Handlers { owner, handlers })
            }
            ServerEvent::Error { .. } => Some(Recipient::Everybody),
        }
    }
}
