//! What the arbiter's core asks and orders in a turn, done in the world.

use serverswap::protocol::Address;
use serverswap::protocol::message::{FromArbiter, TakedownReason};
use serverswap::sys::process::Process;
use serverswap_cli::arbiter::{self, Action, Event, Fetched, Turn};
use serverswap_cli::supervisor::ServerExit;

use super::office::Office;
use super::wire::{End, Listener};
use super::world::{Broken, World};

impl World {
    /// Answers what the core asks within the turn, until it asks no more.
    pub(super) fn look_up(&mut self, office: &mut Office, turn: &mut Turn) -> Vec<(Address, Listener)> {
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

    pub(super) fn perform(&mut self, action: Action) {
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
            for _ in 0..self.setup.seeded.copies_of(&message) {
                wire.edit(|wire| wire.send_down(message.clone(), attached.flatten()));
            }
        }
    }
}
