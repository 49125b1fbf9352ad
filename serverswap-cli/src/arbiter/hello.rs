//! Who arrives, and what it says that it holds.
//!
//! Arriving after a lost connection is the main path: an arbiter that has just taken over
//! learns everything from it.
//! - Only `serving: true` counts as serving (N2).
//! - A grant that the process does not say it holds is over; what it drains is remembered
//!   until it exits.
//! - A takedown that is under way is said again.

use std::collections::BTreeMap;
use std::time::Duration;

use serverswap::protocol::message::{Form, FromArbiter, Holding, Role, Timeouts, VERSION, Welcome};
use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap::sys::process::Process;

use super::slot::{Expected, Keeper, Listener, Party, Served, Stage, Told};
use super::{Action, Arbiter, Hello, Link, Liveness, Peer, Server, Supervision, Turn};

/// A complete `hello`.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The new connection.
    pub link: Link,
    /// The process at its other end, by the kernel's word.
    pub process: Process,
    /// Whether it was alive when its `hello` was read.
    pub liveness: Liveness,
    /// The `id` of the `hello`.
    pub id: u64,
    /// As in `hello`.
    pub role: Role,
    /// As in `hello`; absent for observers only.
    pub generation: Option<Generation>,
    /// What it holds, and whether a listener that was checked to belong to the address is attached.
    pub holding: Vec<(Holding, Attached)>,
    /// As in `hello`.
    pub draining: Vec<Address>,
    /// As in `hello`.
    pub form: Option<Form>,
    /// As in `hello`.
    pub timeouts: Option<Timeouts>,
}

impl Arrival {
    /// A supervisor that owns nothing: its server is not started yet, or has nothing yet.
    pub fn is_of_a_new_deploy(&self) -> bool {
        self.role == Role::Supervisor && self.holding.is_empty()
    }
}

/// Whether a holder's listener came with its `hello`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attached {
    /// No descriptor.
    Nothing,
    /// Its listener.
    Listener,
}

impl Arbiter {
    pub(super) fn arrive(&mut self, arrival: Arrival, turn: &mut Turn) {
        if self.is_outdated(&arrival) {
            turn.actions.push(Action::Disconnect { link: arrival.link });
            return;
        }
        self.forget_unnamed(arrival.process, turn);
        self.displace(&arrival, turn);
        self.peers.insert(
            arrival.link,
            Peer {
                process: arrival.process,
                generation: arrival.generation,
                role: arrival.role,
                form: arrival.form.unwrap_or(Form::Leave),
                last_id: arrival.id,
                sent_id: 0,
                told: Default::default(),
                told_up: Told::Not,
                told_done: Told::Not,
            },
        );
        turn.send(
            arrival.link,
            FromArbiter::Welcome(Welcome {
                re: arrival.id,
                version: VERSION,
                generation: arrival.generation,
                capabilities: Default::default(),
            }),
        );
        match (arrival.role, arrival.generation) {
            (Role::Server, Some(generation)) => self.server_arrives(arrival, generation, turn),
            (Role::Supervisor, Some(generation)) => self.supervisor_arrives(arrival, generation, turn),
            (Role::Server | Role::Supervisor | Role::Observer, _) => {}
        }
    }

    /// Whether the process has said `hello` on a later connection already: what it says that
    /// it holds was so before that.
    fn is_outdated(&mut self, arrival: &Arrival) -> bool {
        let newest = self.newest.entry(arrival.process).or_insert(arrival.link);
        *newest = arrival.link.max(*newest);
        arrival.link < *newest
    }

    /// One connection a process: the newest one counts.
    fn displace(&mut self, arrival: &Arrival, turn: &mut Turn) {
        let displaced: Vec<Link> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.process == arrival.process)
            .map(|(link, _)| *link)
            .collect();
        for link in displaced {
            self.unlink(link, turn);
            turn.actions.push(Action::Disconnect { link });
        }
    }

    fn server_arrives(&mut self, arrival: Arrival, generation: Generation, turn: &mut Turn) {
        let process = arrival.process;
        self.progress(generation).server = Hello::Said;
        let server = self.servers.entry(process).or_insert_with(|| Server::new(generation));
        server.link = Some(arrival.link);
        server.unlinked = None;
        server.handlers = arrival
            .holding
            .iter()
            .filter(|(holding, _)| holding.on_takedown)
            .map(|(holding, _)| holding.address.clone())
            .collect();
        let by_file = self.end_what_is_not_held(&arrival, turn);
        for (holding, attached) in &arrival.holding {
            match by_file.get(&holding.address) {
                Some(was) if was.socket() == Some(SocketMode::Inherit) && *attached == Attached::Nothing => {
                    self.fetch_from_minimal_client(process, generation, holding, was, turn);
                }
                was => self.holds(&arrival, generation, holding, *attached, was, turn),
            }
        }
        for address in &arrival.draining {
            self.drains(process, generation, address, turn);
        }
    }

    /// Returns how far the server was with the listed addresses, by the state file.
    fn end_what_is_not_held(&mut self, arrival: &Arrival, turn: &mut Turn) -> BTreeMap<Address, Stage> {
        let mut by_file = BTreeMap::new();
        let process = arrival.process;
        let listed = |address: &Address| {
            arrival.holding.iter().any(|(holding, _)| holding.address == *address)
                || arrival.draining.contains(address)
        };
        let involved: Vec<Address> = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.parties.contains_key(&process) || slot.expected.contains_key(&process))
            .map(|(address, _)| address.clone())
            .collect();
        for address in involved {
            let is_listed = listed(&address);
            let slot = self.slot_mut(&address);
            if let Some(Expected::Server { socket, serving, since, probation_until, .. }) =
                slot.expected.remove(&process)
            {
                by_file.insert(address.clone(), Stage::by_file(serving, socket, since, probation_until));
            }
            if !is_listed && let Some(party) = slot.parties.remove(&process) {
                self.remember_had(&address, process, &party, turn);
            }
            turn.touched.insert(address);
            turn.changed();
        }
        by_file
    }

    /// A client that cannot send descriptors holds an inherited address: its listener is
    /// looked for as if it had not come back.
    fn fetch_from_minimal_client(
        &mut self,
        process: Process,
        generation: Generation,
        holding: &Holding,
        was: &Stage,
        turn: &mut Turn,
    ) {
        let address = holding.address.clone();
        let party = Party { generation, stage: was.clone() };
        let expected = Expected::Server {
            generation,
            socket: SocketMode::Inherit,
            serving: holding.serving,
            since: turn.now,
            probation_until: party.probation_until(),
        };
        self.slot_mut(&address).expected.insert(process, expected);
        turn.actions.push(Action::Fetch { process, address });
    }

    fn holds(
        &mut self,
        arrival: &Arrival,
        generation: Generation,
        holding: &Holding,
        attached: Attached,
        by_file: Option<&Stage>,
        turn: &mut Turn,
    ) {
        let (process, address, now) = (arrival.process, &holding.address, turn.now);
        let slot = self.slot_mut(address);
        if attached == Attached::Listener && slot.listener != Listener::Held {
            slot.listener = Listener::Held;
        }
        let was = slot.parties.get(&process).map(|party| &party.stage).or(by_file).cloned();
        let serves = holding.serving && arrival.liveness == Liveness::Alive;
        let stage = match was {
            Some(Stage::Taking(_)) => {
                turn.touched.insert(address.clone());
                self.resume_drain(process, turn);
                self.send_takedown(address, process, turn);
                return;
            }
            Some(stage @ (Stage::Trial { .. } | Stage::Hold { .. })) if serves => stage,
            Some(Stage::Granted { socket, .. }) if serves => {
                self.begins_to_serve(address, generation, socket, now)
            }
            Some(stage @ (Stage::Granted { .. } | Stage::Trial { .. } | Stage::Hold { .. })) => {
                Stage::Granted { socket: stage.socket().unwrap_or(attached.mode()), since: now }
            }
            Some(Stage::Claim(_) | Stage::Released { .. }) | None => {
                Stage::by_file(serves, attached.mode(), now, None)
            }
        };
        let party = Party { generation, stage };
        self.slot_mut(address).parties.insert(process, party);
        turn.touched.insert(address.clone());
        turn.changed();
        self.own(address, generation);
    }

    fn drains(&mut self, process: Process, generation: Generation, address: &Address, turn: &mut Turn) {
        let since = turn.now;
        let slot = self.slot_mut(address);
        let party = slot.parties.get(&process);
        let known = party.is_some_and(|party| !party.is_active() && !party.is_taking());
        let served = party.map_or(Served::ForGood, Party::served);
        if !known {
            let stage = Stage::Released { takedown: None, served, since };
            slot.parties.insert(process, Party { generation, stage });
            self.begin_drain(address, process, turn);
        }
        turn.touched.insert(address.clone());
        turn.changed();
    }

    fn supervisor_arrives(&mut self, arrival: Arrival, generation: Generation, turn: &mut Turn) {
        let process = arrival.process;
        self.tell_untold(arrival.link, generation, turn);
        let default_timeouts = self.limits.timeouts;
        let progress = self.progress(generation);
        progress.timeouts = arrival.timeouts.unwrap_or(default_timeouts);
        progress.supervision = match arrival.form.unwrap_or(Form::Leave) {
            Form::Leave => Supervision::Leaves(process),
            Form::Stay => Supervision::Stays(process),
        };
        turn.changed();
        let owned: Vec<Address> =
            arrival.holding.iter().map(|(holding, _)| holding.address.clone()).collect();
        for (address, slot) in &mut self.slots {
            let named = slot.expected.contains_key(&process)
                || slot.owners.contains_key(&process)
                || slot.keepers.contains_key(&process);
            let involved = slot.parties.values().any(|party| party.generation == generation);
            if named {
                let slot = std::sync::Arc::make_mut(slot);
                slot.expected.remove(&process);
                slot.owners.remove(&process);
                slot.keepers.remove(&process);
            }
            if named || involved {
                turn.touched.insert(address.clone());
            }
        }
        for (address, (_, attached)) in owned.into_iter().zip(arrival.holding) {
            let slot = self.slot_mut(&address);
            slot.owners.insert(process, generation);
            if attached == Attached::Listener {
                slot.keepers.insert(process, Keeper { generation, told_to_close: Told::Not });
                if slot.listener != Listener::Held {
                    slot.listener = Listener::Held;
                }
            }
            turn.touched.insert(address);
        }
        self.own_what_is_served(generation);
    }
}

impl Attached {
    fn mode(self) -> SocketMode {
        match self {
            Attached::Listener => SocketMode::Inherit,
            Attached::Nothing => SocketMode::Bind,
        }
    }
}

impl Server {
    pub(super) fn new(generation: Generation) -> Self {
        Server {
            generation,
            link: None,
            unlinked: None,
            handlers: Default::default(),
            drain_until: None,
            term_sent: None,
            kill_sent: None,
            connections: None,
        }
    }

    /// Since when it cannot be told anything.
    pub(super) fn unreachable_since(&self) -> Option<Duration> {
        match self.link {
            Some(_) => None,
            None => Some(self.unlinked.unwrap_or_default()),
        }
    }
}

impl Expected {
    /// The generation that the state file gives.
    pub(super) fn generation(&self) -> Generation {
        match self {
            Expected::Server { generation, .. } | Expected::Supervisor { generation, .. } => *generation,
        }
    }
}
