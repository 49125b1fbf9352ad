//! The arbiter as `runtime::arbiter` runs it: the shipped core, the state file, the listeners.
//!
//! A turn is: the core handles what was read, the state is written if it changed, and then each
//! action is performed. What the core asks in it is answered in the next turn, which follows at
//! once or whenever it may (`Answers`). The process may be killed after the write and after each action.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serverswap::protocol::Address;
use serverswap::protocol::message::{ArbiterInfo, FromClient, Greeting, Limits, VERSION};
use serverswap::sys::process::Process;
use serverswap_cli::arbiter::{self, Arbiter, ArbiterEvent, Attached, Changed, ClientHello, Liveness, Turn};
use serverswap_cli::state::Snapshot;

use super::fault::Seeded;
use super::seal::Seal;
use super::setup::Answers;
use super::wire::{End, Listener, Wire};
use super::world::{Lock, World};

/// The one that has the lock.
#[derive(Debug, Clone)]
pub struct ArbiterProcess {
    pub pid: u32,
    pub core: Arbiter,
    /// The processes with a pidfd.
    pub watched: BTreeSet<Process>,
    pub listeners: BTreeMap<Address, Listener>,
    /// Listeners that came with the events of the turn.
    pub offered: Vec<(Address, Listener)>,
    /// Answers of the kernel that the core has not received yet.
    pub answers: VecDeque<Answer>,
}

/// What the kernel says, and the listeners that come with it.
#[derive(Debug, Clone)]
pub struct Answer {
    pub event: ArbiterEvent,
    pub found: Vec<(Address, Listener)>,
}

impl ArbiterProcess {
    /// The arbiter's duplicate of the listener is the one that came with the events of the turn.
    pub fn keep(&mut self, address: &Address) {
        if let Some(at) = self.offered.iter().position(|(of, _)| of == address) {
            let (address, listener) = self.offered.swap_remove(at);
            self.listeners.insert(address, listener);
        }
    }
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
    /// Becomes the arbiter if the lock is free: reads the state and opens the socket.
    pub fn try_to_become_arbiter(&mut self, pid: u32) -> bool {
        if self.lock != Lock::Free {
            return false;
        }
        self.lock = Lock::Held(pid);
        let mut watched = self.file.processes();
        watched.retain(|process| self.is_alive(process.pid));
        let core = Arbiter::recover(
            arbiter::ArbiterLimits::default(),
            &self.as_read(),
            &watched,
            &Default::default(),
            self.now,
        );
        self.arbiter_process = Some(Seal::new(ArbiterProcess {
            pid,
            core,
            watched,
            listeners: BTreeMap::new(),
            offered: Vec::new(),
            answers: VecDeque::new(),
        }));
        self.tell_those_who_watch();
        true
    }

    fn as_read(&self) -> Snapshot {
        let mut snapshot = Snapshot::clone(&self.file);
        for holder in snapshot.addresses.values_mut().flat_map(|record| &mut record.holders) {
            let until = self.setup.seeded.as_read(holder.probation_until());
            *holder = holder.clone().on_probation_until(until);
        }
        snapshot
    }

    /// One connection more; `None` if nobody listens.
    pub fn connect(&mut self, client: Process) -> Option<(u64, Greeting)> {
        let arbiter_process = self.arbiter_process.as_mut()?;
        arbiter_process.edit(|arbiter_process| arbiter_process.watched.insert(client));
        let pid = arbiter_process.pid;
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
                self.turn(
                    vec![ArbiterEvent::Disconnected { link: arbiter::ConnectionId(id) }],
                    Vec::new(),
                    cut,
                )
            }
        }
    }

    /// A pidfd says that a process has ended: what it had said is read first (R4).
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
                events.push(ArbiterEvent::Disconnected { link: arbiter::ConnectionId(id) });
                self.close_above(id);
            }
        }
        events.push(ArbiterEvent::Gone { process, remains: Default::default() });
        if let Some(arbiter_process) = &mut self.arbiter_process {
            arbiter_process.edit(|arbiter_process| arbiter_process.watched.remove(&process));
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
                events.push(ArbiterEvent::Disconnected { link: arbiter::ConnectionId(id) });
            }
        }
        self.turn(events, offered, Cut::Never);
    }

    /// The arbiter closes a connection, and decides on that.
    pub fn close_link_of_arbiter(&mut self, id: u64) {
        self.close_above(id);
        self.turn(
            vec![ArbiterEvent::Disconnected { link: arbiter::ConnectionId(id) }],
            Vec::new(),
            Cut::Never,
        );
    }

    /// The arbiter's deadline has come.
    pub fn arbiter_due(&mut self) {
        self.turn(vec![ArbiterEvent::Tick], Vec::new(), Cut::Never);
    }

    fn event(
        &mut self,
        id: u64,
        client: u32,
        message: FromClient,
        listeners: Vec<(Address, Listener)>,
    ) -> (ArbiterEvent, Vec<(Address, Listener)>) {
        let link = arbiter::ConnectionId(id);
        let liveness = self.liveness(client);
        if let FromClient::Fail(_) = message {
            self.gives_up(client);
        }
        let FromClient::Hello(hello) = message else {
            return (ArbiterEvent::Received { link, message, liveness }, listeners);
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
        let arrival = ClientHello {
            link,
            process: self.process(client),
            liveness,
            id: hello.id,
            role: hello.role,
            generation: hello.generation.map(|generation| self.setup.seeded.as_told(generation)),
            holding: holding.collect(),
            draining: hello.draining,
            form: hello.form,
            timeouts: hello.timeouts,
            stand_in: hello.stand_in,
        };
        (ArbiterEvent::Hello(arrival), listeners)
    }

    pub(super) fn liveness(&self, pid: u32) -> Liveness {
        if self.is_alive(pid) || self.setup.seeded == Seeded::DeadAreBelieved {
            Liveness::Alive
        } else {
            Liveness::Dead
        }
    }

    /// The arbiter gets one answer.
    pub fn answer(&mut self) {
        let Some(arbiter_process) = &mut self.arbiter_process else { return };
        if let Some(answer) = arbiter_process.edit(|arbiter_process| arbiter_process.answers.pop_front()) {
            self.turn(vec![answer.event], answer.found, Cut::Never);
        }
    }

    fn turn(&mut self, events: Vec<ArbiterEvent>, offered: Vec<(Address, Listener)>, cut: Cut) -> Done {
        let (mut events, mut offered, mut cut) = (events, offered, cut);
        loop {
            match self.decide(events, offered, &mut cut) {
                Done::Whole => {}
                Done::Killed => return Done::Killed,
            }
            match (self.setup.answers, &mut self.arbiter_process) {
                (Answers::AtOnce, Some(arbiter_process)) if !arbiter_process.answers.is_empty() => {
                    let answers =
                        arbiter_process.edit(|arbiter_process| std::mem::take(&mut arbiter_process.answers));
                    offered = answers.iter().flat_map(|answer| answer.found.clone()).collect();
                    events = answers.into_iter().map(|answer| answer.event).collect();
                }
                (Answers::AtOnce | Answers::Later, _) => return Done::Whole,
            }
        }
    }

    fn decide(
        &mut self,
        events: Vec<ArbiterEvent>,
        offered: Vec<(Address, Listener)>,
        cut: &mut Cut,
    ) -> Done {
        let Some(sealed) = self.arbiter_process.clone() else { return Done::Whole };
        let mut arbiter_process = (*sealed).clone();
        let mut turn = Turn::new(self.now);
        arbiter_process.core.handle(events, &mut turn);
        arbiter_process.offered = offered;
        if turn.state_changed() == Changed::State && self.setup.seeded != Seeded::StateNotWritten {
            self.write(arbiter_process.core.snapshot());
        }
        let pid = arbiter_process.pid;
        self.arbiter_process = Some(Seal::new(arbiter_process));
        for action in std::mem::take(&mut turn.actions) {
            match cut {
                Cut::Never => {}
                Cut::After(0) => {
                    self.kill(pid);
                    return Done::Killed;
                }
                Cut::After(left) => *left -= 1,
            }
            let answer = self.perform(action);
            if let (Some(answer), Some(arbiter_process)) = (answer, &mut self.arbiter_process) {
                arbiter_process.edit(|arbiter_process| arbiter_process.answers.push_back(answer));
            }
        }
        if let Some(arbiter_process) = &mut self.arbiter_process
            && !arbiter_process.offered.is_empty()
        {
            arbiter_process.edit(|arbiter_process| arbiter_process.offered.clear());
        }
        Done::Whole
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
}

fn greeting(pid: u32) -> Greeting {
    Greeting {
        versions: vec![VERSION],
        arbiter: ArbiterInfo { name: "serverswap".to_owned(), version: "0".to_owned(), pid },
        capabilities: arbiter::capabilities(),
        limits: Limits::V1,
    }
}
