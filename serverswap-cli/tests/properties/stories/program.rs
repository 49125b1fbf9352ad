//! A server or supervisor of the story: what it has, whoever knows of it.

use std::collections::{BTreeMap, BTreeSet};

use serverswap::protocol::message::{Form, Holding, Role, StandIn};
use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap::sys::process::Process;
use serverswap_cli::arbiter::{Attached, ConnectionId, Liveness};

#[derive(Debug, Clone)]
pub struct Program {
    pub process: Process,
    pub generation: Generation,
    pub role: Role,
    pub form: Form,
    pub life: Life,
    pub link: Option<ConnectionId>,
    /// The greatest `id` that it has used on its connection.
    pub last_id: u64,
    pub held: BTreeMap<Address, Held>,
    pub draining: BTreeSet<Address>,
    /// Takedowns that it was sent on its connection and has not answered.
    pub takedowns: BTreeMap<Address, u64>,
    pub handles: BTreeSet<Address>,
    /// A supervisor's duplicates.
    pub duplicates: BTreeSet<Address>,
    pub speaker: Speaker,
    /// Whether no state names it and it has not come back.
    pub is_forgotten: bool,
}

/// Who speaks for a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    Itself,
    StandIn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    Alive,
    /// Its descriptors are closed; the arbiter has not been notified.
    Dead,
}

/// An address that is its own.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    pub socket: SocketMode,
    pub serving: bool,
    /// It is to open the listener itself, and has not.
    pub is_owed: bool,
}

impl Program {
    pub fn new(process: Process, generation: Generation, role: Role, form: Form, speaker: Speaker) -> Self {
        Program {
            process,
            generation,
            role,
            form,
            life: Life::Alive,
            link: None,
            last_id: 0,
            held: BTreeMap::new(),
            draining: BTreeSet::new(),
            takedowns: BTreeMap::new(),
            handles: BTreeSet::new(),
            duplicates: BTreeSet::new(),
            speaker,
            is_forgotten: false,
        }
    }

    /// How its `hello` names it, if it does not speak for itself.
    pub fn stand_in(&self) -> Option<StandIn> {
        let stand_in = StandIn { pid: self.process.pid, stop_signal: 3, adopt: false };
        (self.speaker == Speaker::StandIn).then_some(stand_in)
    }

    pub fn is_alive(&self) -> bool {
        self.life == Life::Alive
    }

    pub fn liveness(&self) -> Liveness {
        if self.is_alive() { Liveness::Alive } else { Liveness::Dead }
    }

    /// It is killed: the kernel closes everything that it has.
    pub fn dies(&mut self) {
        self.life = Life::Dead;
        self.held.clear();
        self.draining.clear();
        self.duplicates.clear();
    }

    pub fn loses_connection(&mut self) {
        self.link = None;
        self.takedowns.clear();
    }

    pub fn has_socket_of(&self, address: &Address) -> bool {
        self.held.get(address).is_some_and(|held| !held.is_owed) || self.duplicates.contains(address)
    }

    /// Whether its listener can be found among its descriptors.
    pub fn has_listener_of(&self, address: &Address) -> bool {
        self.duplicates.contains(address)
            || self.held.get(address).is_some_and(|held| held.socket == SocketMode::Inherit && !held.is_owed)
    }

    /// The `holding` of its `hello`; a minimal client attaches nothing.
    pub fn holding(&self, is_minimal: bool) -> Vec<(Holding, Attached)> {
        let attached = |has: bool| if has && !is_minimal { Attached::Listener } else { Attached::Nothing };
        let entry = |address: &Address, serving, has| {
            let on_takedown = self.handles.contains(address);
            (Holding { address: address.clone(), serving, on_takedown }, attached(has))
        };
        let held = self
            .held
            .iter()
            .map(|(address, held)| entry(address, held.serving, self.has_listener_of(address)));
        held.chain(self.duplicates.iter().map(|address| entry(address, true, true))).collect()
    }
}
