//! What comes out of the arbiter's core: one turn of it.

use std::collections::BTreeSet;
use std::time::Duration;

use serverswap::protocol::message::FromArbiter;
use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;

use super::Link;

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Open the listener; answered by [`Event::Opened`] in the same turn.
    Open {
        /// Which address.
        address: Address,
    },
    /// Look for the listener in the process; answered by [`Event::Fetched`] in the same turn.
    Fetch {
        /// In whom.
        process: Process,
        /// Which address.
        address: Address,
    },
    /// Poll the pidfd of a server whose probation is over; answered by [`Event::Polled`] in the
    /// same turn.
    Poll {
        /// Whose.
        process: Process,
        /// The address that it serves on probation.
        address: Address,
    },
    /// Say something.
    Send {
        /// To whom.
        link: Link,
        /// What.
        message: FromArbiter,
        /// The address whose listener is attached.
        listener: Option<Address>,
    },
    /// Close the connection after what was said.
    Disconnect {
        /// Which.
        link: Link,
    },
    /// Close the duplicate of a listener; the path of a Unix socket goes with it.
    CloseListener {
        /// Which address.
        address: Address,
    },
    /// Signal the process group of a server.
    Signal {
        /// Whose group; it may have ended itself while the rest of the group lives.
        process: Process,
        /// The generation that the group's members carry in their environment.
        generation: Generation,
        /// Which signal.
        signal: Signal,
    },
}

/// The two ways to end a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ask it.
    Term,
    /// End it.
    Kill,
}
/// One turn: what is to be done, and what has been touched.
#[derive(Debug)]
pub struct Turn {
    pub(super) now: Duration,
    /// What is to be done, in order, after the state was written.
    pub actions: Vec<Action>,
    pub(super) touched: BTreeSet<Address>,
    pub(super) changes: Changes,
}

/// Which records of the state differ after a turn. A record that is listed and does not exist any more
/// ([`Arbiter::address_record`](super::Arbiter::address_record) and its siblings) is to be removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The addresses whose record differs.
    pub addresses: BTreeSet<Address>,
    /// The generations whose record differs.
    pub generations: BTreeSet<Generation>,
    /// Whether the list of pending events differs.
    pub pending_events: Changed,
    /// Whether the list of unrecorded processes differs.
    pub unrecorded: Changed,
}

impl Changes {
    /// Whether nothing differs: the state needs no write.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
            && self.generations.is_empty()
            && self.pending_events == Changed::Not
            && self.unrecorded == Changed::Not
    }
}

/// Whether a turn changed what the state file says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Changed {
    /// The file is as it was.
    #[default]
    Not,
    /// The file is to be written before anything is sent.
    State,
}

impl Turn {
    /// An empty turn at `now`, the time since boot.
    pub fn new(now: Duration) -> Self {
        Turn { now, actions: Vec::new(), touched: BTreeSet::new(), changes: Changes::default() }
    }

    /// Whether the state is to be written before the actions are performed.
    pub fn state_changed(&self) -> Changed {
        if self.changes.is_empty() { Changed::Not } else { Changed::State }
    }

    /// The records that are to be written before the actions are performed.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    pub(super) fn changed(&mut self) {
        self.changes.unrecorded = Changed::State;
    }

    pub(super) fn send(&mut self, link: Link, message: FromArbiter) {
        self.actions.push(Action::Send { link, message, listener: None });
    }

    pub(super) fn send_with_listener(&mut self, link: Link, message: FromArbiter, address: &Address) {
        self.actions.push(Action::Send { link, message, listener: Some(address.clone()) });
    }
}
