//! The whole: processes, connections, lock, state file, and what may happen next.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use serverswap::protocol::message::{FromArbiter, FromClient};
use serverswap::protocol::{Address, SocketMode};
use serverswap::sys::process::Process;
use serverswap_cli::state::Snapshot;
use serverswap_cli::supervisor::ServerExit;

use super::arbiter_process::ArbiterProcess;
use super::probation::Probations;
use super::seal::Seal;
use super::server::{Life, Server, Watch};
use super::setup::{Setup, Start};
use super::step::Step;
use super::supervision::{Presence, Supervision};
use super::wire::{End, Listener, Wire};

/// Everything there is.
#[derive(Debug, Clone)]
pub struct World {
    pub setup: Arc<Setup>,
    /// The one clock. It stands still until nothing else can happen, or the machine stalls.
    pub now: Duration,
    pub lock: Lock,
    pub file: Seal<Snapshot>,
    pub arbiter_process: Option<Seal<ArbiterProcess>>,
    pub supervisors: Vec<Seal<Supervision>>,
    /// How many of the supervisors have been started.
    pub launched: usize,
    pub servers: BTreeMap<u32, Seal<Server>>,
    pub wires: BTreeMap<u64, Seal<Wire>>,
    pub last_wire: u64,
    /// Every listener that was opened, and its address.
    pub listeners: Vec<Address>,
    /// Addresses that the arbiter knew to be served once.
    pub served: BTreeSet<Address>,
    /// Who has ever served what.
    pub ever_served: BTreeSet<(u32, Address)>,
    /// What is to be so of probations.
    pub probations: Probations,
    /// Supervisors that got TERM.
    pub stopped: BTreeSet<usize>,
    /// Addresses of which a fault has killed a server that the arbiter knew to serve: one that
    /// is killed before its `serving` was read counts as never up.
    pub excused: BTreeSet<Address>,
    pub faults_left: u8,
    /// What must never happen, and did.
    pub broken: Vec<Broken>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lock {
    Free,
    Held(u32),
    /// Its holder has ended, and the kernel has not freed it yet.
    Ending,
}

/// What must never happen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Broken {
    /// Two servers have one exclusive address.
    TwoHolders(Address),
    /// A takedown or a signal without a newer one that is ready.
    TakenTooEarly(Address),
    /// A takedown or a signal before a newer one has served for as long as it was to.
    ProbationCut(Address),
    /// The state file says another end of a probation than before.
    ProbationMoved(Address),
    /// A command whose server ended on probation does not say so.
    NotRolledBack(&'static str),
    /// A command that was asked to stop has ended a server that was sent no takedown.
    EndedWithoutTakedown(Address),
    /// A server was signalled while it accepted, or had not answered its takedown.
    DrainCut(Address),
    /// A listener was opened while another one of the address existed.
    SecondListener(Address),
    /// One of our cores reports a fault of another, or sends what it cannot mean.
    Protocol(String),
    /// A deadline that has come stays due.
    Spinning(String),
}

impl World {
    pub const BEGINNING: Duration = Duration::from_secs(1000);

    /// A world in which nothing has happened, or in which the first generation serves.
    pub fn new(setup: Setup) -> Self {
        let supervisors = setup.supervisors.iter().enumerate();
        let supervisors: Vec<_> =
            supervisors.map(|(index, planned)| Seal::new(Supervision::new(index, *planned))).collect();
        let mut world = World {
            now: World::BEGINNING,
            lock: Lock::Free,
            file: Seal::new(Snapshot::default()),
            arbiter_process: None,
            launched: supervisors.len(),
            supervisors,
            servers: BTreeMap::new(),
            wires: BTreeMap::new(),
            last_wire: 0,
            listeners: Vec::new(),
            served: BTreeSet::new(),
            ever_served: BTreeSet::new(),
            probations: Probations::default(),
            stopped: BTreeSet::new(),
            excused: BTreeSet::new(),
            faults_left: setup.faults.budget,
            broken: Vec::new(),
            setup: Arc::new(setup),
        };
        let up = match world.setup.start {
            Start::Cold => 0,
            Start::Warm => 1,
            Start::OnProbation => 2,
        };
        for launched in 1..=up {
            world.launched = launched;
            world.rest();
        }
        world.launched = world.supervisors.len();
        world
    }

    /// Lets everything happen, always the first thing that can, until nothing can or a server
    /// is on probation.
    fn rest(&mut self) {
        while let Some(step) = self.steps().first().cloned() {
            if step == Step::Pass && self.probations.is_any() {
                return;
            }
            self.apply(&step);
        }
    }

    pub fn is_alive(&self, pid: u32) -> bool {
        let server = self.servers.get(&pid).map(|server| server.is_alive());
        let supervisor = self.supervisors.iter().find(|supervisor| supervisor.process.pid == pid);
        server.or(supervisor.map(|supervisor| supervisor.is_alive())).unwrap_or(false)
    }

    /// In the model a pid is used once.
    pub fn process(&self, pid: u32) -> Process {
        let server = self.servers.get(&pid).map(|server| server.process);
        let mut supervisors = self.supervisors.iter().map(|supervisor| supervisor.process);
        let process = server.or_else(|| supervisors.find(|process| process.pid == pid));
        process.expect("it was started")
    }

    /// Whether any process, or any queue, has a descriptor of a listener of the address,
    /// beside the arbiter.
    pub fn is_open(&self, address: &Address) -> bool {
        let of_servers = self
            .servers
            .values()
            .flat_map(|server| server.doings())
            .filter_map(|(_, doing)| doing.listener());
        let of_supervisors = self.supervisors.iter().flat_map(|supervisor| supervisor.kept.values().copied());
        let of_wires = self.wires.values().flat_map(|wire| wire.listeners());
        let mut all = of_servers.chain(of_supervisors).chain(of_wires);
        all.any(|Listener(number)| self.listeners[usize::from(number)] == *address)
    }

    /// The servers that have bound the address for themselves.
    pub fn bound<'a>(&'a self, address: &'a Address) -> impl Iterator<Item = u32> + 'a {
        let servers = self.servers.values().filter(|server| server.socket == SocketMode::Bind);
        servers
            .filter(|server| server.doing(address).is_some_and(|doing| doing.holds()))
            .map(|server| server.process.pid)
    }

    /// A server binds an exclusive address for itself.
    pub fn bind(&mut self, pid: u32, address: &Address) {
        if self.bound(address).any(|other| other != pid) {
            self.broken.push(Broken::TwoHolders(address.clone()));
        }
        let kept = self
            .arbiter_process
            .as_ref()
            .is_some_and(|arbiter_process| arbiter_process.listeners.contains_key(address));
        if kept || self.is_open(address) {
            self.broken.push(Broken::SecondListener(address.clone()));
        }
    }

    /// The servers that accept connections on the address.
    pub fn accepting<'a>(&'a self, address: &'a Address) -> impl Iterator<Item = &'a Server> + 'a {
        let servers = self.servers.values().map(|server| &**server);
        servers.filter(|server| server.doing(address).is_some_and(|doing| doing.accepts()))
    }

    pub fn add_server(&mut self, server: Server) {
        self.servers.insert(server.process.pid, Seal::new(server));
    }

    pub fn with_server(&mut self, pid: u32, change: impl FnOnce(&mut World, &mut Server)) {
        let Some(sealed) = self.servers.get(&pid).cloned() else { return };
        let mut server = (*sealed).clone();
        change(self, &mut server);
        for (address, doing) in server.doings() {
            if doing.accepts() && self.ever_served.insert((pid, address.clone())) {
                self.begins_to_serve(&server, address);
            }
        }
        self.servers.insert(pid, Seal::new(server));
    }

    pub fn with_supervisor(&mut self, index: usize, change: impl FnOnce(&mut World, &mut Supervision)) {
        let mut supervisor = (*self.supervisors[index]).clone();
        change(self, &mut supervisor);
        self.supervisors[index] = Seal::new(supervisor);
    }

    /// The process of a server ends.
    pub fn end_server(&mut self, pid: u32, exit: ServerExit) {
        let is_alive = self.servers.get(&pid).is_some_and(|server| server.is_alive());
        if is_alive {
            self.close_everything_of(pid);
            self.with_server(pid, |_, server| server.life = Life::Ended(exit));
        }
    }

    /// kill -9.
    pub fn kill(&mut self, pid: u32) {
        let records = self.file.addresses.iter().filter(|(_, record)| {
            record.holders.iter().any(|holder| holder.process.pid == pid && holder.serving)
        });
        let served: Vec<Address> = records.map(|(address, _)| address.clone()).collect();
        self.excused.extend(served);
        self.end_server(pid, ServerExit::Signal(9));
        let supervisor = self.supervisors.iter().position(|supervisor| supervisor.process.pid == pid);
        if let Some(index) = supervisor {
            self.with_supervisor(index, |world, supervisor| {
                supervisor.life = Presence::Killed;
                world.left(supervisor);
            });
        }
    }

    /// What the kernel closes when a process ends. The lock goes last.
    pub fn close_everything_of(&mut self, pid: u32) {
        let is_arbiter =
            self.arbiter_process.as_ref().is_some_and(|arbiter_process| arbiter_process.pid == pid);
        if is_arbiter {
            self.arbiter_process = None;
        }
        if self.lock == Lock::Held(pid) {
            self.lock = Lock::Ending;
        }
        for wire in self.wires.values_mut() {
            if is_arbiter {
                wire.edit(Wire::close_arbiter);
            }
            if wire.client == pid {
                wire.edit(Wire::close_client);
            }
        }
        self.wires.retain(|_, wire| !wire.is_over());
    }

    pub fn tell_those_who_watch(&mut self) {
        for server in self.servers.values_mut() {
            let is_watching = server.program().is_some_and(|program| program.watch == Watch::On);
            if is_watching {
                server.edit(|server| {
                    if let Life::Running(program) = &mut server.life {
                        program.watch = Watch::Changed;
                    }
                });
            }
        }
    }

    pub fn edit_wire(&mut self, id: u64, change: impl FnOnce(&mut Wire)) {
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.edit(change);
        }
    }

    pub fn send_up(&mut self, id: u64, message: FromClient, listeners: Vec<(Address, Listener)>) {
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.edit(|wire| wire.send_up(message, listeners));
        }
    }

    pub fn read_above(&mut self, id: u64) -> Option<(FromClient, Vec<(Address, Listener)>)> {
        let wire = self.wires.get_mut(&id).filter(|wire| wire.arbiter_end == End::Open)?;
        if wire.up.is_empty() { None } else { wire.edit(|wire| wire.up.pop_front()) }
    }

    pub fn read_below(&mut self, id: u64) -> Option<(FromArbiter, Option<Listener>)> {
        let wire = self.wires.get_mut(&id)?;
        if wire.down.is_empty() { None } else { wire.edit(|wire| wire.down.pop_front()) }
    }

    pub fn close_above(&mut self, id: u64) {
        self.edit_wire(id, Wire::close_arbiter);
        self.wires.retain(|_, wire| !wire.is_over());
    }

    pub fn close_below(&mut self, id: u64) {
        self.edit_wire(id, Wire::close_client);
        self.wires.retain(|_, wire| !wire.is_over());
    }

    /// Every process that lives: its pid.
    pub fn living(&self) -> impl Iterator<Item = u32> + '_ {
        let servers =
            self.servers.values().filter(|server| server.is_alive()).map(|server| server.process.pid);
        let launched = self.supervisors.iter().take(self.launched);
        servers.chain(launched.filter(|one| one.is_alive()).map(|one| one.process.pid))
    }

    /// The processes with a pidfd in the arbiter that have ended.
    pub fn unburied(&self) -> Vec<u32> {
        let watched = self.arbiter_process.iter().flat_map(|arbiter_process| arbiter_process.watched.iter());
        watched.map(|Process { pid, .. }| *pid).filter(|pid| !self.is_alive(*pid)).collect()
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.now.hash(state);
        self.lock.hash(state);
        self.file.print().hash(state);
        self.arbiter_process.as_ref().map(Seal::print).hash(state);
        self.supervisors.iter().map(Seal::print).for_each(|print| print.hash(state));
        for (pid, server) in &self.servers {
            (pid, server.print()).hash(state);
        }
        for (id, wire) in &self.wires {
            (id, wire.print()).hash(state);
        }
        (self.last_wire, self.listeners.len()).hash(state);
        self.served.hash(state);
        self.ever_served.hash(state);
        self.probations.hash(state);
        self.stopped.hash(state);
        self.excused.hash(state);
        self.faults_left.hash(state);
        self.broken.hash(state);
    }
}

impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        let print = |world: &World| {
            let mut hasher = std::hash::DefaultHasher::new();
            world.hash(&mut hasher);
            hasher.finish()
        };
        print(self) == print(other)
    }
}
