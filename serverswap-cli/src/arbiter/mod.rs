//! The arbiter: who holds which address, for every server of one directory.
//!
//! Pure: events and the time go in, actions come out. It opens no socket, reads no clock,
//! writes no file and holds no descriptor; `runtime::arbiter` does all that. The tables are
//! those of `shared/field/handover-arbiter.md`, where they passed a model check.
//!
//! Rules, in the words of DESIGN.md, section 5:
//! 1. *State before act*: [`Turn::changed`] marks a change of what the state file says; the
//!    driver writes [`Arbiter::state`] before it performs any action of the turn, and throws
//!    the turn away when the write fails.
//! 2. *The newest generation wins* (`decide`).
//! 3. *Inherit* grants first and takes down when the new one serves; *bind* takes down first (`decide`).
//! 4. *Gone* is one event: the driver says it when the pidfd has fired and the connection
//!    was read to its end. An end of stream alone ends waiting claims and nothing else.
//! 5. *Replaced* means that a newer generation serves (`status`).
//! 6. A supervisor that stays owns what its generation serves, and keeps a duplicate (`status`).
//! 7. A generation that serves another address is never ended (`end`).
//! 10. Holders that do not come back are found by their descriptors, or ended (`recover`).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod action;
mod condemn;
mod decide;
mod end;
mod event;
mod gone;
mod hello;
mod message;
mod parts;
mod probation;
mod recover;
mod slot;
mod snapshot;
mod status;
#[cfg(test)]
mod tests;
mod unnamed;
mod untold;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serverswap::protocol::message::{Code, Timeouts};
use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;

pub use action::{Action, Changed, Changes, Signal, Turn};
pub use event::{Event, Fetched, Link, Liveness};
pub use hello::{Arrival, Attached};

use parts::{Hello, Peer, Progress, Server, Supervision, Up};
use slot::Slot;

/// The arbiter's knowledge. `Clone` is cheap: what a turn does not touch is shared.
#[derive(Debug, Clone)]
pub struct Arbiter {
    slots: BTreeMap<Address, Arc<Slot>>,
    servers: BTreeMap<Process, Server>,
    peers: BTreeMap<Link, Peer>,
    /// The last connection of each process that lives on which it has said `hello`.
    newest: BTreeMap<Process, Link>,
    generations: BTreeMap<Generation, Progress>,
    leftovers: Vec<end::Leftover>,
    /// Ends of claims whose supervisor was not connected, oldest first.
    untold: Vec<serverswap::protocol::message::Event>,
    /// Processes of the directory of which no state says what they hold.
    unnamed: BTreeMap<Process, Generation>,
    /// Until when those whom the state file names, and those of whom it says nothing, are awaited.
    recover_until: Option<Duration>,
    limits: Limits,
}

/// The waits of the arbiter itself.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a new arbiter waits for those whom the state file names.
    pub recover_wait: Duration,
    /// How long a server whose connection ended may take to come back before a takedown
    /// becomes a signal.
    pub rejoin_wait: Duration,
    /// The deadlines of a generation that has not said its own.
    pub timeouts: Timeouts,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            recover_wait: Duration::from_secs(2),
            rejoin_wait: Duration::from_secs(2),
            timeouts: Timeouts { drain_ms: 30_000, kill_ms: 5_000, probation_ms: 0 },
        }
    }
}

impl Arbiter {
    /// An arbiter that knows of nobody.
    pub fn new(limits: Limits) -> Self {
        Arbiter {
            slots: BTreeMap::new(),
            servers: BTreeMap::new(),
            peers: BTreeMap::new(),
            newest: BTreeMap::new(),
            generations: BTreeMap::new(),
            leftovers: Vec::new(),
            untold: Vec::new(),
            unnamed: BTreeMap::new(),
            recover_until: None,
            limits,
        }
    }

    /// Takes in events that were read together, and decides once.
    pub fn handle(&mut self, events: impl IntoIterator<Item = Event>, turn: &mut Turn) {
        let (addresses, generations): (BTreeSet<Address>, BTreeSet<Generation>) =
            (self.slots.keys().cloned().collect(), self.generations.keys().copied().collect());
        self.handle_all(events, turn);
        if turn.state_changed() == Changed::State {
            let changes = &mut turn.changes;
            changes.addresses.extend(addresses.into_iter().chain(self.slots.keys().cloned()));
            changes.generations.extend(generations.into_iter().chain(self.generations.keys().copied()));
            changes.pending_events = Changed::State;
        }
    }

    fn handle_all(&mut self, events: impl IntoIterator<Item = Event>, turn: &mut Turn) {
        for event in events {
            self.take_in(event, turn);
        }
        for address in std::mem::take(&mut turn.touched) {
            self.decide(&address, turn);
            self.tell_status(&address, turn);
            self.forget_if_empty(&address);
        }
        self.tell_generations(turn);
        self.end_overdue(turn);
        if self.unnamed.is_empty() && self.slots.values().all(|slot| slot.expected.is_empty()) {
            self.recover_until = None;
        }
    }

    /// When [`Event::Tick`] is due next, as time since boot.
    pub fn deadline(&self) -> Option<Duration> {
        let ends = self.next_end().into_iter().chain(self.next_unreturned()).chain(self.next_probation());
        self.recover_until.into_iter().chain(ends).min()
    }

    /// Whether the driver is to have a duplicate of the listener of this address.
    pub fn has_listener(&self, address: &Address) -> bool {
        self.slots.get(address).is_some_and(|slot| slot.listener == slot::Listener::Held)
    }

    fn take_in(&mut self, event: Event, turn: &mut Turn) {
        match event {
            Event::Arrived(arrival) => self.arrive(arrival, turn),
            Event::Said { link, message, liveness } => self.said(link, message, liveness, turn),
            Event::Unlinked { link } => self.unlink(link, turn),
            Event::Gone { process } => self.gone(process, turn),
            Event::Opened { address, result } => self.opened(&address, result, turn),
            Event::HeldByAbsent { address, message } => self.held_by_absent(&address, message, turn),
            Event::Fetched { process, address, found } => self.fetched(process, &address, found, turn),
            Event::Polled { process, address, liveness } => self.polled(process, &address, liveness, turn),
            Event::Tick => self.tick(turn),
        }
    }

    fn tick(&mut self, turn: &mut Turn) {
        if self.recover_until.is_some_and(|until| until <= turn.now) {
            self.recover_until = None;
            self.look_for_absent(turn);
            self.touch_uncertain(turn);
        }
        self.give_up_unreturned(turn);
        self.touch_probations(turn);
    }

    fn opened(&mut self, address: &Address, result: Result<(), (Code, String)>, turn: &mut Turn) {
        turn.touched.insert(address.clone());
        match result {
            Ok(()) => self.slot_mut(address).listener = slot::Listener::Held,
            Err((code, message)) => {
                self.slot_mut(address).listener = slot::Listener::Absent;
                for process in self.slot(address).processes(|party| party.claim().is_some()) {
                    self.refuse_claim(address, process, code.clone(), message.clone(), turn);
                }
            }
        }
    }

    fn slot(&self, address: &Address) -> Arc<Slot> {
        self.slots.get(address).cloned().unwrap_or_default()
    }

    fn slot_mut(&mut self, address: &Address) -> &mut Slot {
        Arc::make_mut(self.slots.entry(address.clone()).or_default())
    }

    fn forget_if_empty(&mut self, address: &Address) {
        if self.slots.get(address).is_some_and(|slot| slot.is_empty()) {
            self.slots.remove(address);
        }
    }

    /// The addresses that a server has to do with.
    fn addresses_of(&self, process: Process) -> Vec<Address> {
        let involved = |slot: &Slot| slot.parties.contains_key(&process);
        self.slots.iter().filter(|(_, slot)| involved(slot)).map(|(address, _)| address.clone()).collect()
    }

    /// The present connection of a process, whatever its role.
    fn link_of(&self, process: Process) -> Option<Link> {
        match self.servers.get(&process) {
            Some(server) => server.link,
            None => self.peers.iter().rev().find(|(_, peer)| peer.process == process).map(|(link, _)| *link),
        }
    }

    fn next_id(&mut self, link: Link) -> Option<u64> {
        let peer = self.peers.get_mut(&link)?;
        peer.sent_id += 1;
        Some(peer.sent_id)
    }

    fn timeouts(&self, generation: Generation) -> Timeouts {
        self.generations.get(&generation).map_or(self.limits.timeouts, |progress| progress.timeouts)
    }

    fn progress(&mut self, generation: Generation) -> &mut Progress {
        let timeouts = self.limits.timeouts;
        let progress = Progress {
            timeouts,
            supervision: Supervision::Alone,
            server: Hello::Awaited,
            up: Up::Implied,
            condemned_at: None,
        };
        self.generations.entry(generation).or_insert(progress)
    }
}
