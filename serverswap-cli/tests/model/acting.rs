//! What the arbiter's core asks and orders in a turn, done in the world.

use serverswap::protocol::message::{FromArbiter, TakedownReason};
use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;
use serverswap_cli::arbiter::{self, ArbiterAction, ArbiterEvent, Fetched, TerminationSignal};
use serverswap_cli::supervisor::ServerExit;

use super::arbiter_process::Answer;
use super::server::Doing;
use super::wire::{End, Listener};
use super::world::{Broken, World};

impl World {
    fn signal_server(&mut self, pid: u32, signal: TerminationSignal) {
        self.check_end(pid);
        let exit = match signal {
            TerminationSignal::Term => ServerExit::Signal(15),
            TerminationSignal::Kill => ServerExit::Signal(9),
            // It has no other way to learn that it is to end, and has nothing to finish.
            TerminationSignal::Stop(_) => return self.end_server(pid, ServerExit::Status(0)),
        };
        self.check_drain(pid);
        self.end_server(pid, exit);
    }

    fn open(&mut self, address: Address) -> Answer {
        let listener = self.open_listener(&address);
        let found = vec![(address.clone(), listener)];
        Answer { event: ArbiterEvent::Opened { address, result: Ok(()) }, found }
    }

    pub(super) fn open_listener(&mut self, address: &Address) -> Listener {
        let kept_here = self
            .arbiter_process
            .as_ref()
            .is_some_and(|arbiter_process| arbiter_process.listeners.contains_key(address));
        if kept_here || self.is_open(address) || self.bound(address).next().is_some() {
            self.broken.push(Broken::SecondListener(address.clone()));
        }
        let listener = Listener(u8::try_from(self.listeners.len()).expect("a few"));
        self.listeners.push(address.clone());
        listener
    }

    fn fetch(&self, process: Process, address: Address) -> Answer {
        let of_server = self.servers.get(&process.pid).and_then(|server| server.doing(&address)?.listener());
        let supervisor = self.supervisors.iter().find(|supervisor| supervisor.process == process);
        let of_supervisor = supervisor.and_then(|supervisor| supervisor.kept.get(&address).copied());
        let listener = of_server.or(of_supervisor);
        let fetched = if listener.is_some() { Fetched::Found } else { Fetched::Absent };
        let found = listener.map(|listener| (address.clone(), listener)).into_iter().collect();
        Answer { event: ArbiterEvent::Fetched { process, address, found: fetched }, found }
    }

    /// Who accepts, whether or not anybody has said so.
    fn look(&self, generation: Generation, servers: Vec<(Process, Address)>) -> Answer {
        let mut found = Vec::new();
        let mut listening = servers;
        listening.retain(|(process, address)| {
            let doing = self.servers.get(&process.pid).and_then(|server| server.doing(address));
            let doing = doing.filter(|doing| doing.accepts());
            found.extend(doing.and_then(Doing::listener).map(|listener| (address.clone(), listener)));
            doing.is_some()
        });
        Answer { event: ArbiterEvent::Looked { generation, listening }, found }
    }

    pub(super) fn perform(&mut self, action: ArbiterAction) -> Option<Answer> {
        match action {
            ArbiterAction::Send { link, message, listener } => self.send_as_arbiter(link, message, listener),
            ArbiterAction::Disconnect { link } => self.close_above(link.0),
            ArbiterAction::KeepListener { address } => {
                if let Some(arbiter_process) = &mut self.arbiter_process {
                    arbiter_process.edit(|arbiter_process| arbiter_process.keep(&address));
                }
            }
            ArbiterAction::CloseListener { address } => {
                if let Some(arbiter_process) = &mut self.arbiter_process {
                    arbiter_process.edit(|arbiter_process| arbiter_process.listeners.remove(&address));
                }
            }
            ArbiterAction::Signal { process, signal, .. } => {
                self.signal_server(process.pid, signal);
            }
            ArbiterAction::SignalGeneration { generation, signal } => {
                let alive = self.servers.values().filter(|server| server.is_alive());
                let members = alive.filter(|server| server.generation == generation);
                let members: Vec<u32> = members.map(|server| server.process.pid).collect();
                for pid in members {
                    self.signal_server(pid, signal);
                }
            }
            ArbiterAction::Open { address } => return Some(self.open(address)),
            ArbiterAction::Fetch { process, address } => return Some(self.fetch(process, address)),
            ArbiterAction::Look { generation, servers } => return Some(self.look(generation, servers)),
            ArbiterAction::Poll { process, address } => {
                let liveness = self.liveness(process.pid);
                return Some(Answer {
                    event: ArbiterEvent::Polled { process, address, liveness },
                    found: Vec::new(),
                });
            }
        }
        None
    }

    fn send_as_arbiter(
        &mut self,
        link: arbiter::ConnectionId,
        message: FromArbiter,
        listener: Option<Address>,
    ) {
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
            let held = self
                .arbiter_process
                .as_ref()
                .and_then(|arbiter_process| arbiter_process.listeners.get(&address).copied());
            if held.is_none() {
                self.broken
                    .push(Broken::Protocol(format!("there is no listener of {address} for {message:?}")));
            }
            held
        });
        if let Some(wire) = self.wires.get_mut(&link.0).filter(|wire| wire.arbiter_end == End::Open) {
            for _ in 0..self.setup.seeded.copies_of(&message) {
                wire.edit(|wire| wire.send_down(message.clone(), attached.flatten()));
            }
        }
    }
}
