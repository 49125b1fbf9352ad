//! What the state is to say: everything that a later arbiter could not learn from those who come back.
//!
//! Whoever is awaited and not back yet stays in it as it was (R1, N3).

use std::collections::BTreeMap;
use std::time::Duration;

use serverswap::protocol::message::Event;
use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap::sys::process::Process;

use super::Arbiter;
use super::address::AddressState;
use super::address::state::{Had, Served, Stage};
use super::generation::GenerationState;
use super::server::{ServerKind, ServerRecord, Termination};
use crate::state::{
    AddressRecord, DrainRecord, GenerationRecord, HolderRecord, LeftRecord, Snapshot, SupervisorRecord,
    UnrecordedRecord,
};

impl Arbiter {
    /// The whole of it.
    pub fn snapshot(&self) -> Snapshot {
        let generations = self.generations.iter();
        let addresses = self.addresses.keys();
        Snapshot {
            generations: generations.map(|(generation, state)| (*generation, state.record())).collect(),
            addresses: addresses
                .filter_map(|address| Some((address.clone(), self.address_record(address)?)))
                .collect(),
            pending_events: self.pending_events().to_vec(),
            unrecorded: self.unrecorded_processes(),
        }
    }

    /// The record of one address; `None` when nothing is to be remembered of it.
    pub fn address_record(&self, address: &Address) -> Option<AddressRecord> {
        let mut record = self.addresses.get(address)?.record();
        for drain in &mut record.draining {
            if let Some(server) = self.servers.get(drain.process) {
                *drain = drain.with(server);
            }
        }
        for holder in &mut record.holders {
            if let Some(server) = self.servers.get(holder.process) {
                holder.on_takedown = server.handlers.contains(address);
                holder.stand_in = server.stand_in();
            }
        }
        for left in &mut record.left {
            left.stand_in = self.servers.get(left.process).and_then(ServerRecord::stand_in);
        }
        (!record.is_empty()).then_some(record)
    }

    /// The record of one generation; `None` when it is forgotten.
    pub fn generation_record(&self, generation: Generation) -> Option<GenerationRecord> {
        self.generations.get(generation).map(GenerationState::record)
    }

    /// Events for supervisors that were not connected, oldest first.
    pub fn pending_events(&self) -> &[Event] {
        &self.pending_events
    }

    /// Processes of the directory that no state file names.
    pub fn unrecorded_processes(&self) -> Vec<UnrecordedRecord> {
        let unrecorded = self.unrecorded.iter();
        unrecorded
            .map(|(process, generation)| UnrecordedRecord { process: *process, generation: *generation })
            .collect()
    }
}

impl AddressState {
    /// The record of the address, without what is known of its servers.
    pub(super) fn record(&self) -> AddressRecord {
        let mut record = AddressRecord::default();
        for (process, participant) in &self.participants {
            let generation = participant.generation;
            let holder = |socket: SocketMode, serving: bool, since: Duration| {
                HolderRecord::new(*process, generation, socket, serving, since)
            };
            let drain = |since, served: Served| {
                let (served, probation_until) = served.record();
                DrainRecord::new(*process, generation, since, since, None)
                    .having_served(served, probation_until)
            };
            match &participant.stage {
                Stage::Claim(_) => {}
                Stage::Granted { socket, since } => record.holders.push(holder(*socket, false, *since)),
                Stage::Providing { since } => {
                    record.holders.push(holder(SocketMode::Inherit, false, *since).providing(true));
                }
                Stage::Probation { since, until, .. } => record
                    .holders
                    .push(holder(SocketMode::Inherit, true, *since).on_probation_until(Some(*until))),
                Stage::Serving { socket, since } => record.holders.push(holder(*socket, true, *since)),
                Stage::TakingDown(takedown) => {
                    let (serving, until) = takedown.served.record();
                    let holder = holder(takedown.socket, serving, takedown.since);
                    record.holders.push(holder.on_probation_until(until).providing(takedown.provides));
                    record.draining.push(drain(takedown.since, takedown.served));
                }
                Stage::Released { since, served, .. } => record.draining.push(drain(*since, *served)),
            }
        }
        for (process, expected) in &self.expected {
            let (process, generation) = (*process, expected.generation);
            match expected.had {
                Had::Grant { socket, serving, since, probation_until, provides } => {
                    let holder = HolderRecord::new(process, generation, socket, serving, since);
                    record.holders.push(holder.on_probation_until(probation_until).providing(provides));
                }
                Had::Remains => record.left.push(LeftRecord::new(process, generation)),
                Had::Ownership { owns, keeps } => {
                    record.supervisors.push(SupervisorRecord { process, generation, owns, keeps });
                }
            }
        }
        let left = self.left.iter();
        record.left.extend(left.map(|(process, left)| LeftRecord::new(*process, left.generation)));
        record.supervisors.extend(self.supervisor_records());
        record
    }

    fn supervisor_records(&self) -> impl Iterator<Item = SupervisorRecord> {
        let owners = self.owners.iter().map(|(process, generation)| (*process, *generation));
        let keepers = self.keepers.iter().map(|(process, keeper)| (*process, keeper.generation));
        let all: BTreeMap<Process, Generation> = owners.chain(keepers).collect();
        all.into_iter().map(|(process, generation)| SupervisorRecord {
            process,
            generation,
            owns: self.owners.contains_key(&process),
            keeps: self.keepers.contains_key(&process),
        })
    }
}

impl DrainRecord {
    fn with(&self, server: &ServerRecord) -> DrainRecord {
        let until = server.drain_until().unwrap_or_else(|| self.until());
        let drain = DrainRecord::new(self.process, self.generation, self.since(), until, server.connections)
            .having_served(self.served, self.probation_until());
        let stopped = matches!(server.termination, Termination::Stopped { .. } | Termination::Killed { .. });
        let stand_in = server.stand_in();
        let helper = server.kind == ServerKind::Helper;
        DrainRecord { stand_in, stopped: stopped && stand_in.is_some(), helper, ..drain }
    }
}
