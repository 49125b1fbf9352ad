//! The JSON object for programs, as `docs/status.schema.json` says. Times are RFC 3339, durations whole milliseconds.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serverswap::protocol::{Address, Generation};

use super::{
    AddressReport, DrainingServer, Ending, GenerationReport, Holder, HolderState, Owner, StatusReport,
    UnrecordedProcess,
};
use crate::history::Who;
use crate::state::StandInRecord;
use crate::ui::duration::millis;
use crate::ui::json_line;

pub(super) fn render(report: &StatusReport) -> String {
    json_line(&StatusJson {
        directory: report.directory.display().to_string(),
        arbiter: report.arbiter,
        addresses: report.addresses.iter().map(|address| address_json(address, report)).collect(),
        generations: report.generations.iter().map(generation_json).collect(),
        unnamed: report.unrecorded.iter().map(unrecorded_json).collect(),
    })
}

/// What is served in a runtime directory, at one moment.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct StatusJson<'a> {
    /// The runtime directory.
    directory: String,
    /// The process that is the arbiter, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    arbiter: Option<u32>,
    /// The addresses that have a server or an owner, or the one that was asked for.
    addresses: Vec<AddressJson<'a>>,
    /// What serves them: each start of a command that has anything to do with an address.
    generations: Vec<GenerationJson<'a>>,
    /// Processes of the directory of which no state says what they hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unnamed: Vec<UnrecordedJson<'a>>,
}

/// An address.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct AddressJson<'a> {
    /// The address.
    address: &'a Address,
    /// Whether a server serves it.
    served: bool,
    /// The servers that were granted it and have not released it.
    holders: Vec<HolderJson<'a>>,
    /// The servers that have released it, or must, and finish what is open.
    draining: Vec<DrainingJson>,
    /// The supervisors that may start a server for it again.
    owners: Vec<OwnerJson>,
}

/// A server that has an address.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct HolderJson<'a> {
    /// Its process id.
    pid: u32,
    /// Its generation, one of `generations`.
    generation: Generation,
    /// How far it is: `granted` does not serve yet, `probation` serves beside an older server.
    state: HolderStateJson,
    /// What it says of itself (sd_notify(3), `STATUS=`).
    #[serde(skip_serializing_if = "Option::is_none")]
    says: Option<&'a str>,
    /// Since when.
    since: String,
    /// For how long.
    for_ms: u64,
    /// Its supervisor, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    supervisor: Option<u32>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
enum HolderStateJson {
    Granted,
    Probation,
    Serving,
}

/// A server that finishes what is open.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct DrainingJson {
    /// Its process id.
    pid: u32,
    /// Its generation, one of `generations`.
    generation: Generation,
    /// Since when it drains.
    since: String,
    /// For how long it drains.
    for_ms: u64,
    /// How long until the end of its drain.
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining_ms: Option<u64>,
    /// Which signal it gets next, if it does not end before; absent if its generation serves another address.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_signal: Option<SignalJson>,
    /// How long until that.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_signal_ms: Option<u64>,
    /// How many connections it has open: as it reports, or as the kernel has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<u64>,
    /// Its supervisor, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    supervisor: Option<u32>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
enum SignalJson {
    Term,
    Kill,
}

/// A supervisor that may start a server for an address again.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct OwnerJson {
    /// Its process id.
    pid: u32,
    /// Its generation.
    generation: Generation,
}

/// One start of a command. A key that is absent is not known, or not ours to look at.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct GenerationJson<'a> {
    /// Its name.
    generation: Generation,
    /// Its processes, the servers first.
    processes: &'a [u32],
    /// The command of its first server, as it shows it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'a [String]>,
    /// The working directory of that one as it is now, without symbolic links.
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<&'a str>,
    /// The memory of all its processes; a shared page is counted once (PSS).
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<u64>,
    /// How many connections its processes have open at each address, as the kernel has it.
    connections: BTreeMap<String, u64>,
    /// Who has started it.
    #[serde(skip_serializing_if = "Option::is_none")]
    who: Option<&'a Who>,
    /// There if it does not use a library: how it is stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    stand_in: Option<StandInJson>,
}

/// How a server is stopped for which a supervisor speaks.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
struct StandInJson {
    /// The number of the signal that asks it to end.
    stop_signal: u32,
    /// Whether it was started by somebody else, and taken over with `--adopt`.
    adopted: bool,
}

/// A process of which no state says what it holds.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct UnrecordedJson<'a> {
    /// Its process id.
    pid: u32,
    /// Its generation.
    generation: Generation,
    /// The addresses whose listeners it has.
    listens: &'a [Address],
}

fn address_json<'a>(address: &'a AddressReport, report: &StatusReport) -> AddressJson<'a> {
    let now = report.now;
    let draining = address.draining.iter().map(|one| {
        let counted = report.connections(one.generation, &address.address);
        draining_json(one, one.connections.or(counted), now)
    });
    AddressJson {
        address: &address.address,
        served: address.is_served(),
        holders: address.holders.iter().map(|holder| holder_json(holder, now)).collect(),
        draining: draining.collect(),
        owners: address.owners.iter().map(owner_json).collect(),
    }
}

fn holder_json(holder: &Holder, now: SystemTime) -> HolderJson<'_> {
    HolderJson {
        pid: holder.pid,
        generation: holder.generation,
        state: match holder.state {
            HolderState::Granted => HolderStateJson::Granted,
            HolderState::Probation => HolderStateJson::Probation,
            HolderState::Serving => HolderStateJson::Serving,
        },
        says: holder.says.as_deref(),
        since: since(now, holder.age),
        for_ms: millis(holder.age),
        supervisor: holder.supervisor.pid(),
    }
}

fn draining_json(draining: &DrainingServer, connections: Option<u64>, now: SystemTime) -> DrainingJson {
    let (next_signal, after) = match draining.ending {
        Ending::Term => (Some(SignalJson::Term), draining.remaining),
        Ending::Kill { after } => (Some(SignalJson::Kill), Some(after)),
        Ending::None => (None, None),
    };
    DrainingJson {
        pid: draining.pid,
        generation: draining.generation,
        since: since(now, draining.age),
        for_ms: millis(draining.age),
        remaining_ms: draining.remaining.map(millis),
        next_signal,
        next_signal_ms: after.map(millis),
        connections,
        supervisor: draining.supervisor.pid(),
    }
}

fn generation_json<'a>((generation, report): (&Generation, &'a GenerationReport)) -> GenerationJson<'a> {
    let stand_in = |StandInRecord { stop_signal, adopted }| StandInJson { stop_signal, adopted };
    let connections = report.connections.iter();
    GenerationJson {
        generation: *generation,
        processes: &report.processes,
        command: report.command.as_deref(),
        cwd: report.cwd.as_deref(),
        memory_bytes: report.memory,
        connections: connections.map(|(address, count)| (address.to_string(), *count)).collect(),
        who: report.who.as_ref(),
        stand_in: report.stand_in.map(stand_in),
    }
}

fn unrecorded_json(process: &UnrecordedProcess) -> UnrecordedJson<'_> {
    UnrecordedJson { pid: process.pid, generation: process.generation, listens: &process.listens }
}

fn owner_json(owner: &Owner) -> OwnerJson {
    OwnerJson { pid: owner.pid, generation: owner.generation }
}

fn since(now: SystemTime, age: Duration) -> String {
    let since = now.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
    humantime::format_rfc3339_millis(since).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_published_schema_is_that_of_the_object() {
        let schema = schemars::schema_for!(StatusJson<'_>);
        let text = serde_json::to_string_pretty(&schema).expect("it is JSON") + "\n";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/status.schema.json");
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(&path, &text).expect("written");
        }
        let published = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, published, "{} is stale; UPDATE_SNAPSHOTS=1 rewrites it", path.display());
    }
}
