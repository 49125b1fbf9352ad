//! The JSON object for programs. Times are RFC 3339, durations whole milliseconds.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use serverswap::protocol::{Address, Generation};

use super::{
    AddressReport, DrainingServer, Holder, HolderState, Owner, StatusReport, SupervisedBy, UnrecordedProcess,
};
use crate::ui::duration::millis;

pub(super) fn render(report: &StatusReport) -> String {
    let object = StatusReportJson {
        directory: report.directory.display().to_string(),
        arbiter: report.arbiter,
        addresses: report.addresses.iter().map(|address| address_json(address, report.now)).collect(),
        unnamed: report.unrecorded.iter().map(unrecorded_json).collect(),
    };
    let mut text =
        serde_json::to_string(&object).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
    text.push('\n');
    text
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusReportJson<'a> {
    directory: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    arbiter: Option<u32>,
    addresses: Vec<AddressJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unnamed: Vec<UnrecordedJson<'a>>,
}

#[derive(Serialize)]
struct UnrecordedJson<'a> {
    pid: u32,
    generation: Generation,
    listens: &'a [Address],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AddressJson<'a> {
    address: &'a Address,
    served: bool,
    holders: Vec<HolderJson<'a>>,
    draining: Vec<DrainingJson>,
    owners: Vec<OwnerJson>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HolderJson<'a> {
    pid: u32,
    generation: Generation,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    says: Option<&'a str>,
    since: String,
    for_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    supervisor: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DrainingJson {
    pid: u32,
    generation: Generation,
    since: String,
    for_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supervisor: Option<u32>,
}

#[derive(Serialize)]
struct OwnerJson {
    pid: u32,
    generation: Generation,
}

fn address_json(address: &AddressReport, now: SystemTime) -> AddressJson<'_> {
    AddressJson {
        address: &address.address,
        served: address.is_served(),
        holders: address.holders.iter().map(|holder| holder_json(holder, now)).collect(),
        draining: address.draining.iter().map(|draining| draining_json(draining, now)).collect(),
        owners: address.owners.iter().map(owner_json).collect(),
    }
}

fn holder_json(holder: &Holder, now: SystemTime) -> HolderJson<'_> {
    HolderJson {
        pid: holder.pid,
        generation: holder.generation,
        state: match holder.state {
            HolderState::Granted => "granted",
            HolderState::Probation => "probation",
            HolderState::Serving => "serving",
        },
        says: holder.says.as_deref(),
        since: since(now, holder.age),
        for_ms: millis(holder.age),
        supervisor: supervisor(holder.supervisor),
    }
}

fn draining_json(draining: &DrainingServer, now: SystemTime) -> DrainingJson {
    DrainingJson {
        pid: draining.pid,
        generation: draining.generation,
        since: since(now, draining.age),
        for_ms: millis(draining.age),
        remaining_ms: draining.remaining.map(millis),
        connections: draining.connections,
        supervisor: supervisor(draining.supervisor),
    }
}

fn unrecorded_json(process: &UnrecordedProcess) -> UnrecordedJson<'_> {
    UnrecordedJson { pid: process.pid, generation: process.generation, listens: &process.listens }
}

fn owner_json(owner: &Owner) -> OwnerJson {
    OwnerJson { pid: owner.pid, generation: owner.generation }
}

fn supervisor(supervisor: SupervisedBy) -> Option<u32> {
    match supervisor {
        SupervisedBy::Pid(pid) => Some(pid),
        SupervisedBy::Nobody => None,
    }
}

fn since(now: SystemTime, age: Duration) -> String {
    let since = now.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
    humantime::format_rfc3339_millis(since).to_string()
}
