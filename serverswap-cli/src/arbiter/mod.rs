//! The arbiter: who holds which address, for every server of one directory.
//!
//! Pure: events and the time go in, actions come out. It opens no socket, reads no clock, writes no file
//! and holds no descriptor; the runtime does all that.
//!
//! A turn ([`Arbiter::handle`]):
//! 1. Each event changes what is known: `requests`, `reconnect`, `exit`, answers of the driver.
//! 2. For each address that it touched, `address::handover` decides, and `address::effects` and
//!    `address::notices` say what follows.
//! 3. What follows for generations (`generation`), and whose time is over (`termination`).
//! 4. Which records of the state differ ([`Turn::changes`]). The driver writes them before it performs
//!    any action, and throws the turn away when the write fails (R1).
#![doc = include_str!("RULES.md")]
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod abandoned;
mod action;
mod address;
mod collections;
mod event;
mod exit;
mod generation;
mod index;
mod known;
mod peer;
mod pending_events;
mod probation;
mod ready_timeout;
mod reconnect;
mod recovery;
mod remains;
mod requests;
mod server;
mod snapshot;
mod socket_queries;
mod termination;
#[cfg(test)]
mod tests;
mod turn;
mod unrecorded;

use std::sync::Arc;
use std::time::Duration;

use serverswap::protocol::message::{self, Timeouts};
use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;

pub use action::{ArbiterAction, Changed, Changes, TerminationSignal, Turn};
pub use event::{ArbiterEvent, ConnectionId, Fetched, Liveness};
pub use reconnect::{Attached, ClientHello, capabilities};
pub use remains::Remains;
pub use server::Speaker;

use abandoned::Abandoned;
use address::AddressState;
use collections::{Map, Set};
use generation::Generations;
use index::Index;
use peer::Peers;
use server::Servers;
use termination::SignalSchedule;

/// The arbiter's knowledge. A clone shares what a turn does not change.
#[derive(Debug, Clone)]
pub struct Arbiter {
    addresses: Map<Address, Arc<AddressState>>,
    index: Index,
    servers: Servers,
    peers: Peers,
    generations: Generations,
    signals: SignalSchedule,
    /// Generations whose supervisor is gone and that were not up then.
    abandoned: Map<Generation, Abandoned>,
    /// Events for supervisors that were not connected, oldest first.
    pending_events: Arc<Vec<message::Event>>,
    /// Processes of the directory of which no state says what they hold.
    unrecorded: Map<Process, Generation>,
    /// Until when those whom the state file names, and those of whom it says nothing, are awaited.
    recover_until: Option<Duration>,
    /// Generations of the state file that no turn has looked at yet.
    unsettled: Set<Generation>,
    limits: ArbiterLimits,
}

/// The waits of the arbiter itself.
#[derive(Debug, Clone, Copy)]
pub struct ArbiterLimits {
    /// How long a new arbiter waits for those whom the state file names.
    pub recover_wait: Duration,
    /// How long a server whose connection ended may take to come back before a takedown
    /// becomes a signal.
    pub rejoin_wait: Duration,
    /// The deadlines of a generation whose supervisor gave none.
    pub timeouts: Timeouts,
}

impl Default for ArbiterLimits {
    fn default() -> Self {
        ArbiterLimits {
            recover_wait: Duration::from_secs(2),
            rejoin_wait: Duration::from_secs(2),
            timeouts: Timeouts {
                drain_ms: 30_000,
                kill_ms: 5_000,
                probation_ms: 0,
                stream_ms: None,
                ready_ms: None,
            },
        }
    }
}

impl Arbiter {
    /// An arbiter that knows of nobody.
    pub fn new(limits: ArbiterLimits) -> Self {
        Arbiter {
            addresses: Map::new_sync(),
            index: Index::default(),
            servers: Servers::default(),
            peers: Peers::default(),
            generations: Generations::default(),
            signals: SignalSchedule::default(),
            abandoned: Map::new_sync(),
            pending_events: Arc::default(),
            unrecorded: Map::new_sync(),
            recover_until: None,
            unsettled: Set::new_sync(),
            limits,
        }
    }

    /// Whether nothing is under way: no claim waits, everything that was granted is served, no server that was
    /// replaced still runs, and nothing has a deadline. Then nobody misses an arbiter that ends.
    pub fn is_at_rest(&self) -> bool {
        self.deadline().is_none() && self.index.is_at_rest()
    }

    /// When [`ArbiterEvent::Tick`] is due next, as time since boot.
    pub fn deadline(&self) -> Option<Duration> {
        let ends = [self.signals.next(), self.next_abandoned()];
        let others = [self.recover_until, self.index.next_deadline()];
        others.into_iter().chain(ends).flatten().min()
    }
}
