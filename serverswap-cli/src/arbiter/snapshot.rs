//! What the state file is to say: everything that a later arbiter could not learn from
//! those who come back.
//!
//! Who is awaited and not back yet stays in it as it was (N2, rule 1).

use std::time::Duration;

use serverswap::protocol::{Address, SocketMode};
use serverswap::sys::process::Process;

use super::slot::{Expected, Served, Slot, Stage};
use super::{Arbiter, Progress, Up};
use crate::state::{AddressRecord, DrainRecord, GenerationRecord, HolderRecord, Snapshot, SupervisorRecord};

impl Arbiter {
    /// The whole of it.
    pub fn snapshot(&self) -> Snapshot {
        let generations =
            self.generations.iter().map(|(generation, progress)| (*generation, progress.record())).collect();
        let addresses = self
            .slots
            .iter()
            .map(|(address, slot)| (address.clone(), self.address_record(address, slot)))
            .filter(|(_, record)| !record.is_empty())
            .collect();
        Snapshot { generations, addresses, untold: self.untold.clone(), unnamed: self.unnamed_records() }
    }

    fn address_record(&self, _address: &Address, slot: &Slot) -> AddressRecord {
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

    fn drain_record(
        &self,
        process: Process,
        generation: serverswap::protocol::Generation,
        since: Duration,
    ) -> DrainRecord {
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
