//! The arbiter as `driver::arbiter` runs it: the shipped core, the state file, the listeners.
//!
//! A turn is: the core handles what was read, what it asks is answered, the state is written
//! if it changed, and then each action is performed. The process may be killed after the
//! write and after each action.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serverswap::protocol::message::{
    ArbiterInfo, FromArbiter, FromClient, Greeting, Limits, TakedownReason, VERSION,
};
use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap::sys::process::Process;
use serverswap_cli::arbiter::{
    self, Action, Arbiter, Arrival, Attached, Changed, Event, Fetched, Liveness, Turn,
};
use serverswap_cli::state::Snapshot;
use serverswap_cli::supervisor::ServerExit;

use super::seal::Seal;
use super::setup::Seeded;
use super::wire::{End, Listener, Wire};
use super::world::{Broken, Lock, World};

/// The one that has the lock.
#[derive(Debug, Clone)]
pub struct Office {
    pub pid: u32,
    pub core: Arbiter,
    /// The processes with a pidfd.
    pub watched: BTreeSet<Process>,
    pub listeners: BTreeMap<Address, Listener>,
}

/// Where the arbiter's process is killed in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cut {
    Never,
    /// After the write of the state and so many actions.
    After(usize),
}

/// Whether a cut lies inside the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    Whole,
    Killed,
}

impl World {
    /// Takes office if the lock is free: reads the state and opens the door.
    pub fn try_to_take_office(&mut self, pid: u32) -> bool {
        if self.lock != Lock::Free {
            return false;
        }
        self.lock = Lock::Held(pid);
        let mut watched = self.file.processes();
        watched.retain(|process| self.is_alive(process.pid));
        let core = Arbiter::recover(arbiter::Limits::default(), &self.as_read(), &watched, self.now);
        self.office = Some(Seal::new(Office { pid, core, watched, listeners: BTreeMap::new() }));
        self.tell_those_who_watch();
        true
    }

    fn as_read(&self) -> Snapshot {
        let until = |until: Option<Duration>| match self.setup.seeded {
            Seeded::ProbationForgotten => None,
            Seeded::ProbationProlonged => until.map(|until| until + Duration::from_secs(1)),
            Seeded::Nothing
            | Seeded::StateNotWritten
            | Seeded::HoldingIsServing
            | Seeded::DeadAreBelieved
            | Seeded::GoneBeforeRead
            | Seeded::LockTriedOnce
            | Seeded::WelcomedTwice
            | Seeded::OldestWins
            | Seeded::ProbationUntold => until,
        };
        let mut snapshot = Snapshot::clone(&self.file);
        for holder in snapshot.addresses.values_mut().flat_map(|record| &mut record.holders) {
            *holder = holder.clone().on_probation_until(until(holder.probation_until()));
        }
        snapshot
    }

    /// One connection more; `None` if nobody listens.
    pub fn connect(&mut self, client: Process) -> Option<(u64, Greeting)> {
        let office = self.office.as_mut()?;
        office.edit(|office| office.watched.insert(client));
        let pid = office.pid;
        self.last_wire += 1;
        self.wires.insert(self.last_wire, Seal::new(Wire::new(client.pid)));
        Some((self.last_wire, greeting(pid)))
    }

    /// The arbiter reads one line, or the end, of a connection.
    pub fn deliver(&mut self, id: u64, cut: Cut) -> Done {
        let client = self.wires[&id].client;
        match self.read_above(id) {
            Some((message, listeners)) => {
                let (event, offered) = self.event(id, client, message, listeners);
                self.turn(vec![event], offered, cut)
            }
            None => {
                self.close_above(id);
                self.turn(vec![Event::Unlinked { link: arbiter::Link(id) }], Vec::new(), cut)
            }
        }
    }

    /// A pidfd says that a process has ended: what it had said is read first (rule 4).
    pub fn bury(&mut self, pid: u32, cut: Cut) -> Done {
        let process = self.process(pid);
        let mut events = Vec::new();
        let mut offered = Vec::new();
        let links: Vec<u64> =
            self.wires.iter().filter(|(_, wire)| wire.client == pid).map(|(id, _)| *id).collect();
        for id in links {
            if self.setup.seeded == Seeded::GoneBeforeRead {
                break;
            }
            while let Some((message, listeners)) = self.read_above(id) {
                let (event, listeners) = self.event(id, pid, message, listeners);
                events.push(event);
                offered.extend(listeners);
            }
            if self.wires[&id].arbiter_end == End::Open {
                events.push(Event::Unlinked { link: arbiter::Link(id) });
                self.close_above(id);
            }
        }
        events.push(Event::Gone { process });
        if let Some(office) = &mut self.office {
            office.edit(|office| office.watched.remove(&process));
        }
        self.turn(events, offered, cut)
    }

    /// Everything that lies there is read at once.
    pub fn deliver_everything(&mut self) {
        let mut events = Vec::new();
        let mut offered = Vec::new();
        let ids: Vec<u64> = self.wires.keys().copied().collect();
        for id in ids {
            let client = self.wires[&id].client;
            while let Some((message, listeners)) = self.read_above(id) {
                let (event, listeners) = self.event(id, client, message, listeners);
                events.push(event);
                offered.extend(listeners);
            }
            if self.wires[&id].is_readable_above() {
                self.close_above(id);
                events.push(Event::Unlinked { link: arbiter::Link(id) });
            }
        }
        self.turn(events, offered, Cut::Never);
    }

    /// The arbiter closes a connection, and decides on that.
    pub fn close_link_of_arbiter(&mut self, id: u64) {
        self.close_above(id);
        self.turn(vec![Event::Unlinked { link: arbiter::Link(id) }], Vec::new(), Cut::Never);
    }

    /// The arbiter's deadline has come.
    pub fn arbiter_due(&mut self) {
        self.turn(vec![Event::Tick], Vec::new(), Cut::Never);
    }

    fn event(
        &mut self,
        id: u64,
        client: u32,
        message: FromClient,
        listeners: Vec<(Address, Listener)>,
    ) -> (Event, Vec<(Address, Listener)>) {
        let link = arbiter::Link(id);
        let liveness = self.liveness(client);
        if let FromClient::Fail(_) = message {
            self.gives_up(client);
        }
        let FromClient::Hello(hello) = message else {
            return (Event::Said { link, message, liveness }, listeners);
        };
        let attached: BTreeSet<Address> = listeners.iter().map(|(address, _)| address.clone()).collect();
        let holding = hello.holding.into_iter().map(|mut holding| {
            if self.setup.seeded == Seeded::HoldingIsServing {
                holding.serving = true;
            }
            let attached =
                if attached.contains(&holding.address) { Attached::Listener } else { Attached::Nothing };
            (holding, attached)
        });
        let arrival = Arrival {
            link,
            process: self.process(client),
            liveness,
            id: hello.id,
            role: hello.role,
            generation: hello.generation.map(|generation| self.as_told(generation)),
            holding: holding.collect(),
            draining: hello.draining,
            form: hello.form,
            timeouts: hello.timeouts,
        };
        (Event::Arrived(arrival), listeners)
    }

    fn as_told(&self, generation: Generation) -> Generation {
        match self.setup.seeded {
            Seeded::OldestWins => Generation { start: 100 - generation.start, ..generation },
            Seeded::Nothing
            | Seeded::StateNotWritten
            | Seeded::HoldingIsServing
            | Seeded::DeadAreBelieved
            | Seeded::GoneBeforeRead
            | Seeded::LockTriedOnce
            | Seeded::WelcomedTwice
            | Seeded::ProbationForgotten
            | Seeded::ProbationProlonged
            | Seeded::ProbationUntold => generation,
        }
    }

    fn liveness(&self, pid: u32) -> Liveness {
        if self.is_alive(pid) || self.setup.seeded == Seeded::DeadAreBelieved {
            Liveness::Alive
        } else {
            Liveness::Dead
        }
    }

    fn turn(&mut self, events: Vec<Event>, offered: Vec<(Address, Listener)>, cut: Cut) -> Done {
        let Some(sealed) = self.office.clone() else { return Done::Whole };
        let mut office = (*sealed).clone();
        let mut turn = Turn::new(self.now);
        office.core.handle(events, &mut turn);
        let mut found = self.look_up(&mut office, &mut turn);
        if turn.state_changed() == Changed::State && self.setup.seeded != Seeded::StateNotWritten {
            self.write(office.core.snapshot());
        }
        found.extend(offered);
        for (address, listener) in found {
            if office.core.has_listener(&address) {
                office.listeners.entry(address).or_insert(listener);
            }
        }
        let pid = office.pid;
        self.office = Some(Seal::new(office));
        let actions = std::mem::take(&mut turn.actions);
        match cut {
            Cut::Never => {
                actions.into_iter().for_each(|action| self.perform(action));
                Done::Whole
            }
            Cut::After(number) if number >= actions.len() => Done::Whole,
            Cut::After(number) => {
                actions.into_iter().take(number).for_each(|action| self.perform(action));
                self.kill(pid);
                Done::Killed
            }
        }
    }

    fn write(&mut self, snapshot: Snapshot) {
        for (address, record) in &snapshot.addresses {
            let leaves = |one: Process| record.draining.iter().any(|drain| drain.process == one);
            if record.holders.iter().any(|holder| holder.serving && !leaves(holder.process)) {
                self.served.insert(address.clone());
            }
        }
        self.learn_from_file(&snapshot);
        self.file = Seal::new(snapshot);
    }

    /// Answers what the core asks within the turn, until it asks no more.
    fn look_up(&mut self, office: &mut Office, turn: &mut Turn) -> Vec<(Address, Listener)> {
        let mut found = Vec::new();
        loop {
            let mut answers = Vec::new();
            for action in std::mem::take(&mut turn.actions) {
                match action {
                    Action::Open { address } => answers.push(self.open(office, address, &mut found)),
                    Action::Fetch { process, address } => {
                        answers.push(self.fetch(process, address, &mut found))
                    }
                    Action::Poll { process, address } => {
                        let liveness = self.liveness(process.pid);
                        answers.push(Event::Polled { process, address, liveness });
                    }
                    Action::Send { .. }
                    | Action::Disconnect { .. }
                    | Action::CloseListener { .. }
                    | Action::Signal { .. } => turn.actions.push(action),
                }
            }
            if answers.is_empty() {
                return found;
            }
            office.core.handle(answers, turn);
        }
    }

    fn open(&mut self, office: &Office, address: Address, found: &mut Vec<(Address, Listener)>) -> Event {
        let kept_here = office.listeners.contains_key(&address);
        if kept_here || self.is_open(&address) || self.bound(&address).next().is_some() {
            self.broken.push(Broken::SecondListener(address.clone()));
        }
        let listener = Listener(u8::try_from(self.listeners.len()).expect("a few"));
        self.listeners.push(address.clone());
        found.push((address.clone(), listener));
        Event::Opened { address, result: Ok(()) }
    }

    fn fetch(&self, process: Process, address: Address, found: &mut Vec<(Address, Listener)>) -> Event {
        let of_server = self.servers.get(&process.pid).and_then(|server| server.doing(&address)?.listener());
        let supervisor = self.supervisors.iter().find(|supervisor| supervisor.process == process);
        let of_supervisor = supervisor.and_then(|supervisor| supervisor.kept.get(&address).copied());
        let fetched = match of_server.or(of_supervisor) {
            Some(listener) => {
                found.push((address.clone(), listener));
                Fetched::Found
            }
            None => Fetched::Absent,
        };
        Event::Fetched { process, address, found: fetched }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Send { link, message, listener } => self.send_as_arbiter(link, message, listener),
            Action::Disconnect { link } => self.close_above(link.0),
            Action::CloseListener { address } => {
                if let Some(office) = &mut self.office {
                    office.edit(|office| office.listeners.remove(&address));
                }
            }
            Action::Signal { process, signal, .. } => {
                self.check_end(process.pid);
                let number = match signal {
                    arbiter::Signal::Term => 15,
                    arbiter::Signal::Kill => 9,
                };
                self.end_server(process.pid, ServerExit::Signal(number));
            }
            Action::Open { .. } | Action::Fetch { .. } | Action::Poll { .. } => {
                self.broken.push(Broken::Protocol("a question was not answered within the turn".to_owned()));
            }
        }
    }

    fn send_as_arbiter(&mut self, link: arbiter::Link, message: FromArbiter, listener: Option<Address>) {
        if let FromArbiter::Takedown(takedown) = &message
            && takedown.reason == TakedownReason::Replaced
        {
            self.check_takedown(link.0, &takedown.address.clone());
        }
        if let FromArbiter::Error(error) = &message
            && error.fatal
        {
            self.broken.push(Broken::Protocol(format!("the arbiter says {error:?}")));
        }
        let attached = listener.map(|address| {
            let held = self.office.as_ref().and_then(|office| office.listeners.get(&address).copied());
            if held.is_none() {
                self.broken
                    .push(Broken::Protocol(format!("there is no listener of {address} for {message:?}")));
            }
            held
        });
        if let Some(wire) = self.wires.get_mut(&link.0).filter(|wire| wire.arbiter_end == End::Open) {
            let copies = match (&message, self.setup.seeded) {
                (FromArbiter::Welcome(_), Seeded::WelcomedTwice) => 2,
                _ => 1,
            };
            for _ in 0..copies {
                wire.edit(|wire| wire.send_down(message.clone(), attached.flatten()));
            }
        }
    }

    /// Nobody is told to let go before a newer one has said that it is ready.
    fn check_takedown(&mut self, link: u64, address: &Address) {
        let Some(old) = self.wires.get(&link).and_then(|wire| self.servers.get(&wire.client)) else { return };
        if !old.is_alive() {
            return;
        }
        let generation = old.generation;
        let is_ready = self.servers.values().any(|server| {
            server.generation > generation
                && match server.socket {
                    SocketMode::Bind => !matches!(server.life, super::server::Life::Booting),
                    SocketMode::Inherit => self.has_ever_served(server.process.pid, address),
                }
        });
        if !is_ready {
            self.broken.push(Broken::TakenTooEarly(address.clone()));
        }
        if old.socket == SocketMode::Inherit && !self.has_newer_passed(generation, address) {
            self.broken.push(Broken::ProbationCut(address.clone()));
        }
    }

    /// The arbiter ends nobody who is the only one to serve an inherited address, or whose
    /// successor is on probation.
    fn check_end(&mut self, pid: u32) {
        let Some(server) = self.servers.get(&pid) else { return };
        if server.socket == SocketMode::Bind || self.stopped.contains(&server.parent) {
            return;
        }
        let generation = server.generation;
        let served = server.doings().filter(|(_, doing)| doing.accepts());
        let served: Vec<Address> = served.map(|(address, _)| address.clone()).collect();
        for address in served {
            let others = self.accepting(&address).filter(|other| other.process.pid != pid).count();
            if self.excused.contains(&address) {
                continue;
            }
            if others == 0 {
                self.broken.push(Broken::TakenTooEarly(address.clone()));
            }
            let goes_back = self.is_served_by_older(generation, &address);
            if self.setup.has_probations() && !goes_back && !self.has_newer_passed(generation, &address) {
                self.broken.push(Broken::ProbationCut(address));
            }
        }
    }
}

fn greeting(pid: u32) -> Greeting {
    Greeting {
        versions: vec![VERSION],
        arbiter: ArbiterInfo { name: "serverswap".to_owned(), version: "0".to_owned(), pid },
        capabilities: BTreeMap::new(),
        limits: Limits::V1,
    }
}
