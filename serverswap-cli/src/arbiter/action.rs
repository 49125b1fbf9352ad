//! What comes out of the arbiter's core: one turn of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serverswap::protocol::message::FromArbiter;
use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;

use super::ConnectionId;
use super::address::AddressState;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ArbiterAction {
    /// Open the listener; answered by [`ArbiterEvent::Opened`](super::ArbiterEvent::Opened) or
    /// [`ArbiterEvent::HeldByAbsent`](super::ArbiterEvent::HeldByAbsent) in a later turn, whenever that is.
    Open {
        /// Which address.
        address: Address,
    },
    /// Look for the listener among the descriptors of the process; answered by
    /// [`ArbiterEvent::Fetched`](super::ArbiterEvent::Fetched) in a later turn.
    Fetch {
        /// In whom.
        process: Process,
        /// Which address.
        address: Address,
    },
    /// Poll the pidfd of a server whose probation is over; answered by
    /// [`ArbiterEvent::Polled`](super::ArbiterEvent::Polled) in a later turn.
    Poll {
        /// Whose.
        process: Process,
        /// The address that it serves on probation.
        address: Address,
    },
    /// Look whether servers for which nobody speaks any more wait for connections; answered by
    /// [`ArbiterEvent::Looked`](super::ArbiterEvent::Looked) in a later turn, whenever that is.
    Look {
        /// Of which generation.
        generation: Generation,
        /// Which servers, and where.
        servers: Vec<(Process, Address)>,
    },
    /// Say something.
    Send {
        /// To whom.
        link: ConnectionId,
        /// What.
        message: FromArbiter,
        /// The address whose listener is attached.
        listener: Option<Address>,
    },
    /// Close the connection after what was said.
    Disconnect {
        /// Which.
        link: ConnectionId,
    },
    /// Keep the descriptor of the listener that came with the events of this turn: with a `hello`, or with
    /// an answer of the driver. Every other one that came is closed at the end of the turn.
    KeepListener {
        /// Which address.
        address: Address,
    },
    /// Close the duplicate of a listener; the path of a Unix socket goes with it.
    CloseListener {
        /// Which address.
        address: Address,
    },
    /// Signal a server, or what remains of a generation, and every other process of the generation; answered by
    /// [`ArbiterEvent::Signalled`](super::ArbiterEvent::Signalled) and, when it was sent, by
    /// [`ArbiterEvent::SignalSent`](super::ArbiterEvent::SignalSent), in later turns.
    Signal {
        /// Which process.
        process: Process,
        /// The generation whose other processes get the signal, too.
        generation: Generation,
        /// Which signal.
        signal: TerminationSignal,
        /// The addresses whose open connections are counted before it is sent.
        addresses: Vec<Address>,
    },
    /// Signal every process of a generation of which no server is known: it may never have connected.
    SignalGeneration {
        /// Which generation.
        generation: Generation,
        /// Which signal.
        signal: TerminationSignal,
    },
}

/// The ways to end a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TerminationSignal {
    /// Ask it.
    Term,
    /// Ask a server for which a stand-in speaks, with this signal: only the topmost processes of its generation that
    /// have a listener of its addresses get it, or else its main process.
    Stop(u32),
    /// End it.
    Kill,
}
/// One turn: what is to be done, and what has been touched.
#[derive(Debug)]
pub struct Turn {
    pub(super) now: Duration,
    /// What is to be done, in order, after the state was written.
    pub actions: Vec<ArbiterAction>,
    /// Addresses at which something is to be decided.
    pub(super) touched: BTreeSet<Address>,
    /// Addresses whose state differs, as they were before the turn.
    pub(super) before: BTreeMap<Address, Arc<AddressState>>,
    /// Generations for which something may follow.
    pub(super) generations: BTreeSet<Generation>,
    /// Replies that are sent after everything else that the turn has caused.
    last_replies: Vec<(ConnectionId, FromArbiter)>,
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
        Turn {
            now,
            actions: Vec::new(),
            touched: BTreeSet::new(),
            before: BTreeMap::new(),
            generations: BTreeSet::new(),
            last_replies: Vec::new(),
            changes: Changes::default(),
        }
    }

    /// Whether the state is to be written before the actions are performed.
    pub fn state_changed(&self) -> Changed {
        if self.changes.is_empty() { Changed::Not } else { Changed::State }
    }

    /// The records that are to be written before the actions are performed.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    pub(super) fn send(&mut self, link: ConnectionId, message: FromArbiter) {
        self.actions.push(ArbiterAction::Send { link, message, listener: None });
    }

    pub(super) fn send_with_listener(&mut self, link: ConnectionId, message: FromArbiter, address: &Address) {
        self.actions.push(ArbiterAction::Send { link, message, listener: Some(address.clone()) });
    }

    /// After everything else that the turn sends on the connection: a `pong` is a barrier (SS-REQ-7).
    pub(super) fn send_last(&mut self, link: ConnectionId, message: FromArbiter) {
        self.last_replies.push((link, message));
    }

    pub(super) fn send_last_replies(&mut self) {
        for (link, message) in std::mem::take(&mut self.last_replies) {
            self.send(link, message);
        }
    }

    /// What is owed on the connection is sent, and then it is closed.
    pub(super) fn disconnect(&mut self, link: ConnectionId, last: Option<FromArbiter>) {
        let owed = self.last_replies.extract_if(.., |(of, _)| *of == link);
        let owed: Vec<FromArbiter> = owed.map(|(_, message)| message).collect();
        for message in owed.into_iter().chain(last) {
            self.send(link, message);
        }
        self.actions.push(ArbiterAction::Disconnect { link });
    }
}
