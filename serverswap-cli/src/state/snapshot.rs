//! The content of the state file: who holds which address, who keeps a duplicate, what drains.
//!
//! Times are microseconds of CLOCK_MONOTONIC, as every deadline is: the file is worth nothing after the
//! boot, and no drain ends because the machine was suspended.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serverswap::protocol::message::{Event, Timeouts};
use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap::sys::process::Process;

/// Everything that the arbiter has decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// The generations that have anything to do with an address, or whose server may still come.
    pub generations: BTreeMap<Generation, GenerationRecord>,
    /// The addresses that anybody has anything to do with.
    pub addresses: BTreeMap<Address, AddressRecord>,
    /// Events for supervisors that were not connected, oldest first.
    #[serde(default, alias = "untold", skip_serializing_if = "Vec::is_empty")]
    pub pending_events: Vec<Event>,
    /// Processes of this directory of which no state records what they hold: the file was unusable,
    /// or the directory deleted, and they have not come back since.
    #[serde(default, alias = "unnamed", skip_serializing_if = "Vec::is_empty")]
    pub unrecorded: Vec<UnrecordedRecord>,
}

/// What a turn has changed, record by record; `None` is a record that is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Update {
    /// The generations whose records differ.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub generations: BTreeMap<Generation, Option<GenerationRecord>>,
    /// The addresses whose records differ.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub addresses: BTreeMap<Address, Option<AddressRecord>>,
    /// The whole list, if it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_events: Option<Vec<Event>>,
    /// The whole list, if it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unrecorded: Option<Vec<UnrecordedRecord>>,
}

impl Update {
    /// Brings a snapshot up to date with the turn.
    pub fn apply(self, snapshot: &mut Snapshot) {
        apply(self.generations, &mut snapshot.generations);
        apply(self.addresses, &mut snapshot.addresses);
        if let Some(events) = self.pending_events {
            snapshot.pending_events = events;
        }
        if let Some(processes) = self.unrecorded {
            snapshot.unrecorded = processes;
        }
    }
}

fn apply<K: Ord, V>(changes: BTreeMap<K, Option<V>>, records: &mut BTreeMap<K, V>) {
    for (key, record) in changes {
        match record {
            Some(record) => drop(records.insert(key, record)),
            None => drop(records.remove(&key)),
        }
    }
}

/// A process of which no state records what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnrecordedRecord {
    /// The process.
    #[serde(flatten)]
    pub process: Process,
    /// Its generation.
    pub generation: Generation,
}

/// A generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GenerationRecord {
    /// Its deadlines, for the arbiter that takes it down.
    pub timeouts: Timeouts,
    /// Its supervisor, while it lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supervisor: Option<Process>,
    /// Whether the whole generation is up.
    pub up: bool,
    /// Whether it is up only when its server has sent `serverUp`.
    pub awaits_server_up: bool,
}

/// A process starts before its generation does, and its start is known to a hundredth of a second.
const START_TOLERANCE: Duration = Duration::from_millis(10);

impl GenerationRecord {
    /// The supervisor, if it may have started the generation, and does not just stop it in the place of that one.
    pub fn starter(&self, generation: Generation) -> Option<Process> {
        let started = Duration::from_micros(generation.start) + START_TOLERANCE;
        self.supervisor.filter(|supervisor| supervisor.started_at() <= started)
    }
}

/// An address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressRecord {
    /// Servers that were granted it and have not released it.
    pub holders: Vec<HolderRecord>,
    /// Supervisors that own it or keep a duplicate of its listener.
    pub supervisors: Vec<SupervisorRecord>,
    /// Servers that were asked to release it and have not exited.
    pub draining: Vec<DrainRecord>,
    /// What lives of generations whose last server here ended by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<LeftRecord>,
}

/// A server that was granted an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HolderRecord {
    /// The process.
    #[serde(flatten)]
    pub process: Process,
    /// Its generation.
    pub generation: Generation,
    /// How it took the address.
    pub socket: SocketMode,
    /// Whether it has sent `serving`.
    pub serving: bool,
    /// Since when, in microseconds.
    pub since_micros: u64,
    /// Until when it serves beside an older server, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probation_until_micros: Option<u64>,
    /// Whether it handles the takedown of the address. Earlier builds did not record that: then it counts as
    /// if it does.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub on_takedown: bool,
    /// Whether it was granted the address to open the listener itself, and has not sent it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub provides: bool,
    /// How it is stopped, if a stand-in speaks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stand_in: Option<StandInRecord>,
}

/// A server for which a stand-in speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StandInRecord {
    /// The number of the signal that asks it to end.
    pub stop_signal: u32,
    /// Whether it was not started for its generation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_yes(value: &bool) -> bool {
    *value
}

/// A supervisor that has a right to an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisorRecord {
    /// The process.
    #[serde(flatten)]
    pub process: Process,
    /// Its generation.
    pub generation: Generation,
    /// Whether it may start a server for the address again.
    pub owns: bool,
    /// Whether it has a duplicate of the listener.
    pub keeps: bool,
}

/// A process that a server which ended by itself has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftRecord {
    /// The process.
    #[serde(flatten)]
    pub process: Process,
    /// Its generation.
    pub generation: Generation,
    /// How it is stopped, if a stand-in spoke for the server. Earlier builds did not record that: it gets TERM then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stand_in: Option<StandInRecord>,
}

/// A server that finishes what is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrainRecord {
    /// The process.
    #[serde(flatten)]
    pub process: Process,
    /// Its generation.
    pub generation: Generation,
    /// Since when, in microseconds.
    pub since_micros: u64,
    /// When it gets TERM, in microseconds.
    pub until_micros: u64,
    /// How many connections it has open, as it reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<u64>,
    /// Whether it had sent `serving`. Earlier builds did not record that: then it counts as if it had.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub served: bool,
    /// Until when it was to serve beside an older server, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probation_until_micros: Option<u64>,
    /// How it is stopped, if a stand-in speaks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stand_in: Option<StandInRecord>,
    /// Whether it got its stop signal: KILL is next.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
    /// Whether it is no server, but remains of a generation whose servers have ended. Earlier builds did not record
    /// that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub helper: bool,
}

impl Snapshot {
    /// Everybody whom it names.
    pub fn processes(&self) -> BTreeSet<Process> {
        let supervisors = self.generations.values().filter_map(|record| record.supervisor);
        let mut processes: BTreeSet<Process> = supervisors.collect();
        processes.extend(self.unrecorded.iter().map(|record| record.process));
        for record in self.addresses.values() {
            processes.extend(record.holders.iter().map(|holder| holder.process));
            processes.extend(record.supervisors.iter().map(|supervisor| supervisor.process));
            processes.extend(record.draining.iter().map(|drain| drain.process));
            processes.extend(record.left.iter().map(|left| left.process));
        }
        processes
    }

    /// The generations of which a server holds or drains an address.
    pub fn generations_of_servers(&self) -> BTreeSet<Generation> {
        let records = self.addresses.values();
        let holders = records.clone().flat_map(|record| &record.holders).map(|holder| holder.generation);
        holders.chain(records.flat_map(|record| &record.draining).map(|drain| drain.generation)).collect()
    }

    /// The generations of servers none of which lives: others of their processes may.
    pub fn generations_without_servers(&self, alive: &BTreeSet<Process>) -> BTreeSet<Generation> {
        let records = self.addresses.values();
        let holders = records.clone().flat_map(|record| &record.holders);
        let holders = holders.map(|holder| (holder.process, holder.generation));
        let draining = records.clone().flat_map(|record| &record.draining);
        let draining = draining.map(|drain| (drain.process, drain.generation));
        let left = records.flat_map(|record| &record.left).map(|left| (left.process, left.generation));
        let servers = holders.chain(draining).chain(left);
        let (living, ended): (Vec<_>, Vec<_>) = servers.partition(|(process, _)| alive.contains(process));
        let living: BTreeSet<Generation> = living.into_iter().map(|(_, generation)| generation).collect();
        ended.into_iter().map(|(_, generation)| generation).filter(|one| !living.contains(one)).collect()
    }
}

impl AddressRecord {
    /// Whether nothing is to be remembered of the address.
    pub fn is_empty(&self) -> bool {
        let has_servers = !(self.holders.is_empty() && self.draining.is_empty());
        !has_servers && self.supervisors.is_empty() && self.left.is_empty()
    }
}

impl LeftRecord {
    /// A record of what a server has left that spoke for itself.
    pub fn new(process: Process, generation: Generation) -> Self {
        LeftRecord { process, generation, stand_in: None }
    }
}

impl HolderRecord {
    /// A record of a holder.
    pub fn new(
        process: Process,
        generation: Generation,
        socket: SocketMode,
        serving: bool,
        since: Duration,
    ) -> Self {
        let since_micros = micros(since);
        HolderRecord {
            process,
            generation,
            socket,
            serving,
            since_micros,
            probation_until_micros: None,
            on_takedown: yes(),
            provides: false,
            stand_in: None,
        }
    }

    /// The same of one that is to open the listener itself.
    pub fn providing(self, provides: bool) -> Self {
        HolderRecord { provides, ..self }
    }

    /// The same, on probation until then.
    pub fn on_probation_until(self, until: Option<Duration>) -> Self {
        HolderRecord { probation_until_micros: until.map(micros), ..self }
    }

    /// Until when it is on probation.
    pub fn probation_until(&self) -> Option<Duration> {
        self.probation_until_micros.map(Duration::from_micros)
    }

    /// Since when.
    pub fn since(&self) -> Duration {
        Duration::from_micros(self.since_micros)
    }
}

impl DrainRecord {
    /// A record of a drain.
    pub fn new(
        process: Process,
        generation: Generation,
        since: Duration,
        until: Duration,
        connections: Option<u64>,
    ) -> Self {
        let (since_micros, until_micros) = (micros(since), micros(until));
        DrainRecord {
            process,
            generation,
            since_micros,
            until_micros,
            connections,
            served: yes(),
            probation_until_micros: None,
            stand_in: None,
            stopped: false,
            helper: false,
        }
    }

    /// The same of a server that served so far, and until then on probation.
    pub fn having_served(self, served: bool, probation_until: Option<Duration>) -> Self {
        DrainRecord { served, probation_until_micros: probation_until.map(micros), ..self }
    }

    /// Until when it was to be on probation.
    pub fn probation_until(&self) -> Option<Duration> {
        self.probation_until_micros.map(Duration::from_micros)
    }

    /// Since when.
    pub fn since(&self) -> Duration {
        Duration::from_micros(self.since_micros)
    }

    /// When it gets TERM.
    pub fn until(&self) -> Duration {
        Duration::from_micros(self.until_micros)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
