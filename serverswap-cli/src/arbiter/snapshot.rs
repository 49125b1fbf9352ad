//! What the state file is to say: everything that a later arbiter could not learn from
//! those who come back.
//!
//! Who is awaited and not back yet stays in it as it was (N2, rule 1).

use std::time::Duration;

use serverswap::protocol::message::Event;
use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap::sys::process::Process;

use super::slot::{Expected, Served, Slot, Stage};
use super::{Arbiter, Progress, Up};
use crate::state::{
    AddressRecord, DrainRecord, GenerationRecord, HolderRecord, Snapshot, SupervisorRecord, UnrecordedRecord,
};

impl Arbiter {
    /// The whole of it.
    pub fn snapshot(&self) -> Snapshot {
        let generations =
            self.generations.iter().map(|(generation, progress)| (*generation, progress.record())).collect();
        let addresses = self
            .slots
            .iter()
            .map(|(address, slot)| (address.clone(), self.record_of(slot)))
            .filter(|(_, record)| !record.is_empty())
            .collect();
        Snapshot {
            generations,
            addresses,
            pending_events: self.pending_events(),
            unrecorded: self.unrecorded_processes(),
        }
    }

    /// The record of one address; `None` when nothing is to be remembered of it.
    pub fn address_record(&self, address: &Address) -> Option<AddressRecord> {
        let record = self.record_of(self.slots.get(address)?);
        (!record.is_empty()).then_some(record)
    }

    /// The record of one generation; `None` when it is forgotten.
    pub fn generation_record(&self, generation: Generation) -> Option<GenerationRecord> {
        self.generations.get(&generation).map(|progress| progress.record())
    }

    /// Events for supervisors that were not connected, oldest first.
    pub fn pending_events(&self) -> Vec<Event> {
        self.untold.clone()
    }

    /// Processes of the directory that no state file names.
    pub fn unrecorded_processes(&self) -> Vec<UnrecordedRecord> {
        self.unnamed_records()
    }

    fn record_of(&self, slot: &Slot) -> AddressRecord {
        let mut record = AddressRecord::default();
        for (process, party) in &slot.parties {
            let holder = |socket: SocketMode, serving: bool, since: Duration| {
                HolderRecord::new(*process, party.generation, socket, serving, since)
            };
            match &party.stage {
                Stage::Claim(_) => {}
                Stage::Granted { socket, since } => record.holders.push(holder(*socket, false, *since)),
                Stage::Trial { since, until, .. } => record
                    .holders
                    .push(holder(SocketMode::Inherit, true, *since).on_probation_until(Some(*until))),
                Stage::Hold { socket, since } => record.holders.push(holder(*socket, true, *since)),
                Stage::Taking(taking) => {
                    let (serving, until) = match taking.served {
                        Served::Not => (false, None),
                        Served::OnProbation { until } => (true, Some(until)),
                        Served::ForGood => (true, None),
                    };
                    let holder = holder(taking.socket, serving, taking.since);
                    record.holders.push(holder.on_probation_until(until));
                    record.draining.push(self.drain_record(*process, party.generation, taking.since));
                }
                Stage::Released { since, .. } => {
                    record.draining.push(self.drain_record(*process, party.generation, *since));
                }
            }
        }
        for (process, expected) in &slot.expected {
            match expected {
                Expected::Server { generation, socket, serving, since, probation_until } => {
                    let holder = HolderRecord::new(*process, *generation, *socket, *serving, *since);
                    record.holders.push(holder.on_probation_until(*probation_until));
                }
                Expected::Supervisor { generation, owns, keeps } => {
                    record.supervisors.push(SupervisorRecord {
                        process: *process,
                        generation: *generation,
                        owns: *owns,
                        keeps: *keeps,
                    })
                }
            }
        }
        record.supervisors.extend(supervisors(slot));
        record
    }

    fn drain_record(&self, process: Process, generation: Generation, since: Duration) -> DrainRecord {
        let server = self.servers.get(&process);
        let until = server.and_then(|server| server.drain_until).unwrap_or(since);
        DrainRecord::new(process, generation, since, until, server.and_then(|server| server.connections))
    }
}

fn supervisors(slot: &Slot) -> impl Iterator<Item = SupervisorRecord> {
    let owners = slot.owners.iter().map(|(process, generation)| (*process, *generation));
    let keepers = slot.keepers.iter().map(|(process, keeper)| (*process, keeper.generation));
    let all: std::collections::BTreeMap<_, _> = owners.chain(keepers).collect();
    all.into_iter().map(|(process, generation)| SupervisorRecord {
        process,
        generation,
        owns: slot.owners.contains_key(&process),
        keeps: slot.keepers.contains_key(&process),
    })
}

impl Progress {
    fn record(&self) -> GenerationRecord {
        GenerationRecord {
            timeouts: self.timeouts,
            supervisor: self.supervision.process(),
            up: self.up == Up::Yes,
            awaits_server_up: self.up == Up::Awaited,
        }
    }
}
