//! `hello`: a client connects, and lists what it holds.
//!
//! A `hello` after a lost connection is the main path: an arbiter that has just taken over learns
//! everything from it.
//! - Only `serving: true` counts as serving (N2).
//! - A grant that the process does not list is over (R4); what it drains is remembered until it exits.
//! - What it drains it has released, by itself or on request: no handler is needed for that.
//! - A takedown that is under way is sent again.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serverswap::protocol::message::{
    Form, FromArbiter, Holding, Role, STAND_IN, StandIn, Timeouts, VERSION, Welcome,
};
use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap::sys::process::Process;

use super::address::state::{Expected, Had, Keeper, Notified, Participant, Search, Served, Stage};
use super::collections::Set;
use super::generation::{FirstHello, SupervisorPresence};
use super::peer::{Intent, Peer};
use super::server::{ServerConnection, ServerKind, ServerRecord, Speaker};
use super::{Arbiter, ConnectionId, Liveness, Turn};
use crate::state::StandInRecord;

/// A complete `hello`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientHello {
    /// The new connection.
    pub link: ConnectionId,
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
    /// As in `hello`: then `process` is the one that the stand-in speaks for, which the driver has checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stand_in: Option<StandIn>,
}

impl ClientHello {
    /// A supervisor that owns nothing: its server is not started yet, or has nothing yet.
    pub fn is_of_a_new_deploy(&self) -> bool {
        self.role == Role::Supervisor && self.holding.is_empty()
    }

    /// Whether its server was granted an address and has not opened its listener, as far as it says itself.
    fn is_to_provide(&self, holding: &Holding, attached: Attached) -> bool {
        self.stand_in.is_some()
            && attached == Attached::Nothing
            && !holding.serving
            && holding.address.has_socket()
    }
}

/// Whether a holder's listener came with its `hello`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Attached {
    /// No descriptor.
    Nothing,
    /// Its listener.
    Listener,
}

impl Arbiter {
    pub(super) fn arrive(&mut self, arrival: ClientHello, turn: &mut Turn) {
        let before = self.peers.link_of(arrival.process);
        // On an earlier connection than its newest: what it lists was so before that.
        if !self.peers.is_newest(arrival.process, arrival.link) {
            return turn.disconnect(arrival.link, None);
        }
        self.forget_unrecorded(arrival.process, turn);
        // One connection a process: the newest one counts.
        if let Some(link) = before {
            self.connection_ended(link, turn);
            turn.disconnect(link, None);
        }
        self.peers.insert(
            arrival.link,
            Peer {
                process: arrival.process,
                generation: arrival.generation,
                role: arrival.role,
                form: arrival.form.unwrap_or(Form::Leave),
                last_id: arrival.id,
                sent_id: 0,
                intent: Intent::Serve,
                up: Notified::No,
                done: Notified::No,
            },
        );
        turn.generations.extend(arrival.generation);
        turn.send(
            arrival.link,
            FromArbiter::Welcome(Welcome {
                re: arrival.id,
                version: VERSION,
                generation: arrival.generation,
                capabilities: arrival.stand_in.map(|_| capabilities()).unwrap_or_default(),
            }),
        );
        match (arrival.role, arrival.generation) {
            (Role::Server, Some(generation)) => self.server_arrives(arrival, generation, turn),
            (Role::Supervisor, Some(generation)) => self.supervisor_arrives(arrival, generation, turn),
            (Role::Server | Role::Supervisor | Role::Observer, _) => {}
        }
    }

    fn server_arrives(&mut self, arrival: ClientHello, generation: Generation, turn: &mut Turn) {
        let process = arrival.process;
        self.edit_generation(generation, turn, |state| state.server = FirstHello::Received);
        let connection = ServerConnection::Open(arrival.link);
        let known = self.servers.get(process).cloned();
        let mut server = known.unwrap_or_else(|| ServerRecord::new(generation, connection));
        let recorded = |StandIn { stop_signal, adopt: adopted, .. }| StandInRecord { stop_signal, adopted };
        let speaker = Speaker::of(arrival.stand_in.map(recorded));
        if std::mem::replace(&mut server.speaker, speaker) != speaker {
            turn.changes.addresses.extend(self.index.addresses_of(process));
        }
        let handled = arrival.holding.iter().filter(|(holding, _)| holding.on_takedown);
        server.connection = connection;
        server.kind = ServerKind::Server;
        let handlers: Set<Address> = handled.map(|(holding, _)| holding.address.clone()).collect();
        let is_changed = |address: &&Address| server.handlers.contains(address) != handlers.contains(address);
        turn.changes.addresses.extend(self.index.addresses_of(process).iter().filter(is_changed).cloned());
        server.handlers = handlers;
        self.servers.insert(process, server);
        if let (Some(StandIn { adopt: true, .. }), Some(timeouts)) = (arrival.stand_in, arrival.timeouts) {
            self.edit_generation(generation, turn, |state| state.timeouts = timeouts);
        }
        let recorded = self.end_what_is_not_listed(&arrival, turn);
        for (holding, attached) in &arrival.holding {
            match recorded.get(&holding.address) {
                Some(was)
                    if was.socket() == Some(SocketMode::Inherit) && is_missing(holding, *attached, was) =>
                {
                    self.search_in_minimal_client(process, generation, holding, was, turn);
                }
                was => self.holds(&arrival, generation, holding, *attached, was, turn),
            }
        }
        for address in &arrival.draining {
            let recorded = recorded.get(address).map(Stage::served);
            self.drains(process, generation, address, recorded, turn);
        }
    }

    /// Returns how far the server was with the listed addresses, by the state file.
    fn end_what_is_not_listed(&mut self, arrival: &ClientHello, turn: &mut Turn) -> BTreeMap<Address, Stage> {
        let mut recorded = BTreeMap::new();
        let process = arrival.process;
        let held = arrival.holding.iter().map(|(holding, _)| &holding.address);
        let listed: BTreeSet<&Address> = held.chain(&arrival.draining).collect();
        for address in self.index.addresses_of(process) {
            let is_listed = listed.contains(&address);
            let (stage, ended) = self.edit(&address, turn, |state| {
                let expected = state.expected.remove(&process);
                state.left.remove(&process);
                let ended = if is_listed { None } else { state.participants.remove(&process) };
                (expected.and_then(|expected| expected.recorded_stage()), ended)
            });
            recorded.extend(stage.map(|stage| (address.clone(), stage)));
            if let Some(participant) = ended {
                self.remember_had(&address, process, &participant, turn);
            }
            turn.touched.insert(address);
        }
        recorded
    }

    /// A client that cannot send descriptors holds an inherited address: its listener is looked for at
    /// once.
    fn search_in_minimal_client(
        &mut self,
        process: Process,
        generation: Generation,
        holding: &Holding,
        was: &Stage,
        turn: &mut Turn,
    ) {
        let had = Had::Grant {
            socket: SocketMode::Inherit,
            serving: holding.serving,
            since: turn.now,
            probation_until: was.probation_until(),
            provides: false,
        };
        let expected = Expected { generation, had, search: Search::AtOnce };
        self.edit(&holding.address, turn, |state| state.expected.insert(process, expected));
        turn.touched.insert(holding.address.clone());
    }

    fn holds(
        &mut self,
        arrival: &ClientHello,
        generation: Generation,
        holding: &Holding,
        attached: Attached,
        recorded: Option<&Stage>,
        turn: &mut Turn,
    ) {
        let (process, address, now) = (arrival.process, &holding.address, turn.now);
        let state = self.address(address);
        let was = state.participants.get(&process).map(|participant| &participant.stage).or(recorded);
        let serves = holding.serving && arrival.liveness == Liveness::Alive;
        let stage = match was {
            Some(stage @ Stage::TakingDown(_)) => {
                self.resume_drain(address, process, turn);
                stage.clone()
            }
            Some(stage @ (Stage::Probation { .. } | Stage::Serving { .. })) if serves => stage.clone(),
            Some(Stage::Granted { socket, .. }) if serves => {
                self.begins_to_serve(&state, generation, *socket, now)
            }
            Some(Stage::Providing { .. }) => match attached {
                Attached::Listener if serves => {
                    self.begins_to_serve(&state, generation, SocketMode::Inherit, now)
                }
                Attached::Listener => Stage::Granted { socket: SocketMode::Inherit, since: now },
                Attached::Nothing => Stage::Providing { since: now },
            },
            Some(stage @ (Stage::Granted { .. } | Stage::Probation { .. } | Stage::Serving { .. })) => {
                Stage::Granted { socket: stage.socket().unwrap_or(attached.mode()), since: now }
            }
            Some(Stage::Claim(_) | Stage::Released { .. }) | None => {
                let provides = arrival.is_to_provide(holding, attached);
                Stage::recorded(attached.mode(), serves, now, None, provides)
            }
        };
        self.edit(address, turn, |state| {
            match attached {
                Attached::Listener => state.listener_arrives(),
                Attached::Nothing => {}
            }
            state.participate(process, generation, stage);
        });
        turn.touched.insert(address.clone());
    }

    fn drains(
        &mut self,
        process: Process,
        generation: Generation,
        address: &Address,
        recorded: Option<Served>,
        turn: &mut Turn,
    ) {
        let state = self.address(address);
        let participant = state.participants.get(&process);
        let is_known = participant.is_some_and(|one| matches!(one.stage, Stage::Released { .. }));
        if !is_known {
            let served = participant.map(Participant::served).or(recorded).unwrap_or(Served::Fully);
            let stage = Stage::Released { takedown: None, served, since: turn.now };
            self.edit(address, turn, |state| state.participate(process, generation, stage));
            self.begin_drain(address, process, turn);
        }
        turn.touched.insert(address.clone());
    }

    fn supervisor_arrives(&mut self, arrival: ClientHello, generation: Generation, turn: &mut Turn) {
        let process = arrival.process;
        self.abandoned.remove_mut(&generation);
        self.send_pending_events(arrival.link, process, generation, turn);
        let timeouts = arrival.timeouts.unwrap_or(self.limits.timeouts);
        let supervisor = match arrival.form.unwrap_or(Form::Leave) {
            Form::Leave => SupervisorPresence::Transient(process),
            Form::Stay => SupervisorPresence::Resident(process),
        };
        self.edit_generation(generation, turn, |state| {
            state.timeouts = timeouts;
            state.supervisor = supervisor;
        });
        for address in self.index.addresses_of(process) {
            self.edit(&address, turn, |state| {
                state.expected.remove(&process);
                state.owners.remove(&process);
                state.keepers.remove(&process);
            });
            turn.touched.insert(address);
        }
        turn.touched.extend(self.index.addresses_of_generation(generation));
        for (holding, attached) in arrival.holding {
            self.edit(&holding.address, turn, |state| {
                state.owners.insert(process, generation);
                match attached {
                    Attached::Listener => {
                        let keeper = Keeper { generation, asked_to_close: Notified::No };
                        state.keepers.insert(process, keeper);
                        state.listener_arrives();
                    }
                    Attached::Nothing => {}
                }
            });
            turn.touched.insert(holding.address);
        }
    }
}

/// Whether the listener of an inherited address should have come with the `hello`.
fn is_missing(holding: &Holding, attached: Attached, was: &Stage) -> bool {
    let is_to_open_it = matches!(was, Stage::Providing { .. }) && !holding.serving;
    attached == Attached::Nothing && !is_to_open_it
}

/// What this arbiter can do beyond the version.
pub fn capabilities() -> BTreeMap<String, serde_json::Map<String, serde_json::Value>> {
    BTreeMap::from([(STAND_IN.to_owned(), serde_json::Map::new())])
}

impl Attached {
    fn mode(self) -> SocketMode {
        match self {
            Attached::Listener => SocketMode::Inherit,
            Attached::Nothing => SocketMode::Bind,
        }
    }
}
