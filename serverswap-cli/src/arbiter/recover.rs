//! A new arbiter: what the state file says, and those who do not come back.
//!
//! Everybody alive whom the file names is awaited, for a bounded time. After that (rule 10):
//! - an inherited listener is looked for among the descriptors of its holder; found, the
//!   holder counts as the file says; not there, the holder has not read its grant, cannot
//!   serve, and is ended before a listener is opened (N8); where the kernel refuses to look,
//!   the holder counts as the file says and is ended before the next one is granted;
//! - a holder by *bind* counts as the file says;
//! - a supervisor is looked into for its duplicate, and no longer waited for.

use std::collections::BTreeSet;
use std::time::Duration;

use serverswap::protocol::message::TakedownReason;
use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap::sys::process::Process;

use super::slot::{Expected, Keeper, Listener, Party, Served, Stage, Taking, Told};
use super::{Action, Arbiter, Fetched, Hello, Limits, Liveness, Progress, Server, Supervision, Turn, Up};
use crate::state::{AddressRecord, HolderRecord, Snapshot};

impl Arbiter {
    /// An arbiter that has just won the lock.
    ///
    /// `alive` are the processes of the file that run now, by pid and start time; `now` is
    /// the time since boot.
    pub fn recover(limits: Limits, snapshot: &Snapshot, alive: &BTreeSet<Process>, now: Duration) -> Self {
        let mut arbiter = Arbiter { untold: snapshot.pending_events.clone(), ..Arbiter::new(limits) };
        // The file names them until it is written next, so nothing has to be written now.
        let mut unwritten = Turn::new(now);
        for (generation, record) in &snapshot.generations {
            let up = if record.up {
                Up::Yes
            } else if record.awaits_server_up {
                Up::Awaited
            } else {
                Up::Implied
            };
            let timeouts = record.timeouts;
            let supervisor = record.supervisor.filter(|supervisor| alive.contains(supervisor));
            let supervision = supervisor.map_or(Supervision::Alone, Supervision::Away);
            let server = if snapshot.names_a_server_of(*generation) { Hello::Said } else { Hello::Awaited };
            let progress = Progress { timeouts, supervision, server, up, condemned_at: None };
            arbiter.generations.insert(*generation, progress);
        }
        for (address, record) in &snapshot.addresses {
            for holder in record.holders.iter().filter(|holder| alive.contains(&holder.process)) {
                if let Some(stage) = record.given_up_on_probation(holder) {
                    let party = Party { generation: holder.generation, stage };
                    arbiter.slot_mut(address).parties.insert(holder.process, party);
                    continue;
                }
                arbiter.servers.insert(holder.process, Server::absent(holder.generation, now));
                let expected = Expected::Server {
                    generation: holder.generation,
                    socket: holder.socket,
                    serving: holder.serving,
                    since: holder.since(),
                    probation_until: holder.probation_until(),
                };
                arbiter.slot_mut(address).expected.insert(holder.process, expected);
            }
            for holder in record.holders.iter().filter(|holder| !alive.contains(&holder.process)) {
                let (socket, since, until) = (holder.socket, holder.since(), holder.probation_until());
                let stage = Stage::by_file(holder.serving, socket, since, until);
                let party = Party { generation: holder.generation, stage };
                arbiter.remember_had(address, holder.process, &party, &mut unwritten);
            }
            for supervisor in record.supervisors.iter().filter(|one| alive.contains(&one.process)) {
                let expected = Expected::Supervisor {
                    generation: supervisor.generation,
                    owns: supervisor.owns,
                    keeps: supervisor.keeps,
                };
                arbiter.slot_mut(address).expected.insert(supervisor.process, expected);
            }
            for drain in record.draining.iter().filter(|drain| alive.contains(&drain.process)) {
                let is_holder = record.holders.iter().any(|holder| holder.process == drain.process);
                let server =
                    arbiter.servers.entry(drain.process).or_insert(Server::absent(drain.generation, now));
                server.drain_until = server.drain_until.max(Some(drain.until()));
                if is_holder {
                    continue;
                }
                let served = Served::ForGood;
                let stage = Stage::Released { takedown: None, served, since: drain.since() };
                let party = Party { generation: drain.generation, stage };
                arbiter.slot_mut(address).parties.insert(drain.process, party);
            }
        }
        let unnamed = snapshot.unrecorded.iter().filter(|record| alive.contains(&record.process));
        arbiter.unnamed = unnamed.map(|record| (record.process, record.generation)).collect();
        let is_awaiting =
            !arbiter.unnamed.is_empty() || arbiter.slots.values().any(|slot| !slot.expected.is_empty());
        arbiter.recover_until = is_awaiting.then_some(now + limits.recover_wait);
        arbiter
    }

    /// The bounded wait is over.
    pub(super) fn look_for_absent(&mut self, turn: &mut Turn) {
        let absent: Vec<(Address, Process, Expected)> = self
            .slots
            .iter()
            .flat_map(|(address, slot)| {
                slot.expected.iter().map(|(process, expected)| (address.clone(), *process, expected.clone()))
            })
            .collect();
        for (address, process, expected) in absent {
            match expected {
                Expected::Server { socket: SocketMode::Inherit, .. }
                | Expected::Supervisor { keeps: true, .. } => {
                    turn.actions.push(Action::Fetch { process, address });
                }
                Expected::Server { socket: SocketMode::Bind, .. } => {
                    self.counts_by_file(process, &address, turn);
                }
                Expected::Supervisor { keeps: false, .. } => {
                    self.slot_mut(&address).expected.remove(&process);
                    turn.touched.insert(address);
                    turn.changed();
                }
            }
        }
    }

    pub(super) fn fetched(&mut self, process: Process, address: &Address, found: Fetched, turn: &mut Turn) {
        match (self.slot(address).expected.get(&process), found) {
            (Some(Expected::Server { .. }), Fetched::Found) => {
                self.slot_mut(address).listener = Listener::Held;
                self.counts_by_file(process, address, turn);
            }
            (Some(Expected::Server { .. }), Fetched::Refused) => self.counts_by_file(process, address, turn),
            (Some(Expected::Server { generation, .. }), Fetched::Absent) => {
                self.is_ended_first(process, *generation, address, turn);
            }
            (Some(Expected::Supervisor { generation, .. }), _) => {
                let generation = *generation;
                let slot = self.slot_mut(address);
                slot.expected.remove(&process);
                match found {
                    Fetched::Found => {
                        slot.listener = Listener::Held;
                        slot.keepers.insert(process, Keeper { generation, told_to_close: Told::Not });
                    }
                    Fetched::Absent | Fetched::Refused => {}
                }
                turn.changed();
            }
            (None, _) => {}
        }
        turn.touched.insert(address.clone());
    }

    fn counts_by_file(&mut self, process: Process, address: &Address, turn: &mut Turn) {
        let slot = self.slot_mut(address);
        if let Some(Expected::Server { generation, socket, serving, since, probation_until }) =
            slot.expected.remove(&process)
        {
            let stage = Stage::by_file(serving, socket, since, probation_until);
            slot.parties.insert(process, Party { generation, stage });
        }
        turn.touched.insert(address.clone());
        turn.changed();
    }

    fn is_ended_first(
        &mut self,
        process: Process,
        generation: Generation,
        address: &Address,
        turn: &mut Turn,
    ) {
        let taking = Taking {
            socket: SocketMode::Inherit,
            message: None,
            reason: TakedownReason::Replaced,
            served: Served::Not,
            since: turn.now,
        };
        let slot = self.slot_mut(address);
        slot.expected.remove(&process);
        slot.parties.insert(process, Party { generation, stage: Stage::Taking(taking) });
        self.begin_drain(address, process, turn);
        turn.changed();
    }
}

impl AddressRecord {
    /// A server that was taken down on probation does not come back as one that serves beside the
    /// older one: it is still to let go.
    fn given_up_on_probation(&self, holder: &HolderRecord) -> Option<Stage> {
        let until = holder.probation_until()?;
        self.draining.iter().find(|drain| drain.process == holder.process)?;
        Some(Stage::Taking(Taking {
            socket: holder.socket,
            message: None,
            reason: TakedownReason::Stopping,
            served: Served::OnProbation { until },
            since: holder.since(),
        }))
    }
}

impl Stage {
    /// How far a holder of the state file was.
    pub(super) fn by_file(
        serving: bool,
        socket: SocketMode,
        since: Duration,
        probation_until: Option<Duration>,
    ) -> Stage {
        match (serving, probation_until) {
            (true, Some(until)) => Stage::Trial { since, until, liveness: Liveness::Alive },
            (true, None) => Stage::Hold { socket, since },
            (false, _) => Stage::Granted { socket, since },
        }
    }
}

impl Server {
    /// A server of the state file, before it comes back.
    fn absent(generation: Generation, now: Duration) -> Self {
        Server { unlinked: Some(now), ..Server::new(generation) }
    }
}
