//! The arbiter: who holds which address, for every server of one directory.
//!
//! Pure: events and the time go in, actions come out. It opens no socket, reads no clock,
//! writes no file and holds no descriptor; `driver::arbiter` does all that. The tables are
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

mod condemn;
mod decide;
mod end;
mod hello;
mod message;
mod recover;
mod slot;
mod snapshot;
mod status;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serverswap::protocol::message::{Code, Form, FromArbiter, FromClient, Role, Timeouts};
use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;

pub use hello::{Arrival, Attached};

use slot::Slot;
use status::Status;

/// One connection to the arbiter, numbered by the driver and never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link(pub u64);

/// Whether a process was alive when its message was read: its pidfd was polled then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It runs, or has stopped.
    Alive,
    /// It has ended.
    Dead,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A client has said `hello` and all of its `holding` lines.
    Arrived(Arrival),
    /// A negotiated client says something else.
    Said {
        /// Where.
        link: Link,
        /// What.
        message: FromClient,
        /// Whether the speaker was alive at that moment.
        liveness: Liveness,
    },
    /// A connection ended.
    Unlinked {
        /// Which.
        link: Link,
    },
    /// A process has ended and everything that it had sent was read.
    Gone {
        /// Which.
        process: Process,
    },
    /// The answer to [`Action::Open`].
    Opened {
        /// Which address.
        address: Address,
        /// The code and text of the failure.
        result: Result<(), (Code, String)>,
    },
    /// The answer to [`Action::Fetch`].
    Fetched {
        /// From whom.
        process: Process,
        /// Which address.
        address: Address,
        /// What was found.
        found: Fetched,
    },
    /// A deadline may have passed.
    Tick,
}

/// What became of the search for a listener among another process's descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// The driver has a duplicate of it.
    Found,
    /// It is not there: the process has not read its grant.
    Absent,
    /// The kernel refuses to look.
    Refused,
}

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

/// The arbiter's knowledge. `Clone` is cheap: what a turn does not touch is shared.
#[derive(Debug, Clone)]
pub struct Arbiter {
    slots: BTreeMap<Address, Arc<Slot>>,
    servers: BTreeMap<Process, Server>,
    peers: BTreeMap<Link, Peer>,
    generations: BTreeMap<Generation, Progress>,
    leftovers: Vec<end::Leftover>,
    /// Until when those whom the state file names are awaited.
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
            timeouts: Timeouts { drain_ms: 30_000, kill_ms: 5_000 },
        }
    }
}

/// A server process, for as long as it lives.
#[derive(Debug, Clone)]
struct Server {
    generation: Generation,
    link: Option<Link>,
    /// When its connection ended; cleared when it comes back.
    unlinked: Option<Duration>,
    /// The addresses whose takedown it handles.
    handlers: BTreeSet<Address>,
    /// Until when it may drain; set by its first takedown, moved by later ones.
    drain_until: Option<Duration>,
    /// When it got TERM.
    term_sent: Option<Duration>,
    /// When it got KILL.
    kill_sent: Option<Duration>,
    /// How many connections it has open, by its own word.
    connections: Option<u64>,
}

/// A negotiated connection.
#[derive(Debug, Clone)]
struct Peer {
    process: Process,
    generation: Option<Generation>,
    role: Role,
    form: Form,
    /// The greatest `id` received.
    last_id: u64,
    /// The greatest `id` sent.
    sent_id: u64,
    /// To a supervisor: the last status of each address.
    told: BTreeMap<Address, Status>,
    told_up: slot::Told,
    told_done: slot::Told,
}

/// How far a generation is as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    timeouts: Timeouts,
    supervision: Supervision,
    up: Up,
    /// When its supervisor was last allowed to end its server: whoever was started before
    /// that gets nothing any more.
    condemned_at: Option<Duration>,
}

/// What is known of the supervisor that started a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Supervision {
    /// It has not said `hello`, or it has left.
    Alone,
    /// It leaves when its server is up and every replaced one has exited.
    Leaves(Process),
    /// It stays with its server.
    Stays(Process),
    /// It was asked to stop: the generation gets nothing any more.
    Stopping(Process),
}

/// Whether a generation is up, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Up {
    /// As soon as everything granted is served and no claim waits.
    Implied,
    /// Its server said that more claims will follow: not before `serverUp`.
    Awaited,
    /// It said `serverUp`; as soon as everything granted is served.
    Said,
    /// It is up.
    Yes,
}

/// One turn: what is to be done, and what has been touched.
#[derive(Debug)]
pub struct Turn {
    now: Duration,
    /// What is to be done, in order, after the state was written.
    pub actions: Vec<Action>,
    touched: BTreeSet<Address>,
    changed: Changed,
}

/// Whether a turn changed what the state file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// The file is as it was.
    Not,
    /// The file is to be written before anything is sent.
    State,
}

impl Supervision {
    fn process(self) -> Option<Process> {
        match self {
            Supervision::Alone => None,
            Supervision::Leaves(process) | Supervision::Stays(process) | Supervision::Stopping(process) => {
                Some(process)
            }
        }
    }
}

impl Turn {
    /// An empty turn at `now`, the time since boot.
    pub fn new(now: Duration) -> Self {
        Turn { now, actions: Vec::new(), touched: BTreeSet::new(), changed: Changed::Not }
    }

    /// Whether the state is to be written before the actions are performed.
    pub fn state_changed(&self) -> Changed {
        self.changed
    }

    fn changed(&mut self) {
        self.changed = Changed::State;
    }

    fn send(&mut self, link: Link, message: FromArbiter) {
        self.actions.push(Action::Send { link, message, listener: None });
    }

    fn send_with_listener(&mut self, link: Link, message: FromArbiter, address: &Address) {
        self.actions.push(Action::Send { link, message, listener: Some(address.clone()) });
    }
}

impl Arbiter {
    /// An arbiter that knows of nobody.
    pub fn new(limits: Limits) -> Self {
        Arbiter {
            slots: BTreeMap::new(),
            servers: BTreeMap::new(),
            peers: BTreeMap::new(),
            generations: BTreeMap::new(),
            leftovers: Vec::new(),
            recover_until: None,
            limits,
        }
    }

    /// Takes in events that were read together, and decides once.
    pub fn handle(&mut self, events: impl IntoIterator<Item = Event>, turn: &mut Turn) {
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
        if self.slots.values().all(|slot| slot.expected.is_empty()) {
            self.recover_until = None;
        }
    }

    /// When [`Event::Tick`] is due next, as time since boot.
    pub fn deadline(&self) -> Option<Duration> {
        self.recover_until.into_iter().chain(self.next_end()).min()
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
            Event::Fetched { process, address, found } => self.fetched(process, &address, found, turn),
            Event::Tick => self.tick(turn),
        }
    }

    fn tick(&mut self, turn: &mut Turn) {
        if self.recover_until.is_some_and(|until| until <= turn.now) {
            self.recover_until = None;
            self.look_for_absent(turn);
        }
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

    /// The connection is over; what was granted on it stays granted (rule 4).
    fn unlink(&mut self, link: Link, turn: &mut Turn) {
        let Some(peer) = self.peers.remove(&link) else {
            return;
        };
        match peer.role {
            Role::Server => {}
            Role::Supervisor | Role::Observer => return,
        }
        let Some(server) = self.servers.get_mut(&peer.process).filter(|server| server.link == Some(link))
        else {
            return;
        };
        server.link = None;
        server.unlinked = Some(turn.now);
        for address in self.addresses_of(peer.process) {
            let slot = self.slot_mut(&address);
            match slot.parties.get_mut(&peer.process).map(|party| &mut party.stage) {
                Some(slot::Stage::Claim(_)) => {
                    slot.parties.remove(&peer.process);
                }
                Some(slot::Stage::Taking(taking)) => taking.message = None,
                Some(
                    slot::Stage::Granted { .. } | slot::Stage::Hold { .. } | slot::Stage::Released { .. },
                )
                | None => {}
            }
            turn.touched.insert(address);
        }
    }

    fn gone(&mut self, process: Process, turn: &mut Turn) {
        self.tell_gone(process, turn);
        for (address, slot) in &mut self.slots {
            let involved = slot.parties.contains_key(&process)
                || slot.expected.contains_key(&process)
                || slot.owners.contains_key(&process)
                || slot.keepers.contains_key(&process);
            if !involved {
                continue;
            }
            let slot = Arc::make_mut(slot);
            slot.parties.remove(&process);
            slot.expected.remove(&process);
            slot.owners.remove(&process);
            slot.keepers.remove(&process);
            turn.touched.insert(address.clone());
            turn.changed();
        }
        if let Some(server) = self.servers.remove(&process) {
            self.remember_leftovers(process, &server, turn);
        }
        self.peers.retain(|_, peer| peer.process != process);
        for progress in self.generations.values_mut() {
            if progress.supervision.process() == Some(process) {
                progress.supervision = Supervision::Alone;
                turn.changed();
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
        let progress =
            Progress { timeouts, supervision: Supervision::Alone, up: Up::Implied, condemned_at: None };
        self.generations.entry(generation).or_insert(progress)
    }
}
