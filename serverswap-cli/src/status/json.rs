//! The JSON object for programs. Times are RFC 3339, durations whole milliseconds.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use serverswap::protocol::{Address, Generation};

use super::{AddressOverview, Draining, Holder, Overview, Owner, Stage, Supervision, Unnamed};
use crate::ui::duration::millis;

pub(super) fn render(overview: &Overview) -> String {
    let object = OverviewJson {
        directory: overview.directory.display().to_string(),
        arbiter: overview.arbiter,
        addresses: overview.addresses.iter().map(|address| address_json(address, overview.now)).collect(),
        unnamed: overview.unnamed.iter().map(unnamed_json).collect(),
    };
    let mut text =
        serde_json::to_string(&object).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
    text.push('\n');
    text
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OverviewJson<'a> {
    directory: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    arbiter: Option<u32>,
    addresses: Vec<AddressJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unnamed: Vec<UnnamedJson<'a>>,
}

#[derive(Serialize)]
struct UnnamedJson<'a> {
    pid: u32,
    generation: Generation,
    listens: &'a [Address],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AddressJson<'a> {
    address: &'a Address,
    served: bool,
    holders: Vec<HolderJson>,
    draining: Vec<DrainingJson>,
    owners: Vec<OwnerJson>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HolderJson {
    pid: u32,
    generation: Generation,
    state: &'static str,
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

fn address_json(address: &AddressOverview, now: SystemTime) -> AddressJson<'_> {
    AddressJson {
        address: &address.address,
        served: address.is_served(),
        holders: address.holders.iter().map(|holder| holder_json(holder, now)).collect(),
        draining: address.draining.iter().map(|draining| draining_json(draining, now)).collect(),
        owners: address.owners.iter().map(owner_json).collect(),
    }
}

fn holder_json(holder: &Holder, now: SystemTime) -> HolderJson {
    HolderJson {
        pid: holder.pid,
        generation: holder.generation,
        state: match holder.stage {
            Stage::Granted => "granted",
            Stage::Probation => "probation",
            Stage::Serving => "serving",
        },
        since: since(now, holder.age),
        for_ms: millis(holder.age),
        supervisor: supervisor(holder.supervision),
    }
}

fn draining_json(draining: &Draining, now: SystemTime) -> DrainingJson {
    DrainingJson {
        pid: draining.pid,
        generation: draining.generation,
        since: since(now, draining.age),
        for_ms: millis(draining.age),
        remaining_ms: draining.remaining.map(millis),
        connections: draining.connections,
        supervisor: supervisor(draining.supervision),
    }
}

fn unnamed_json(unnamed: &Unnamed) -> UnnamedJson<'_> {
    UnnamedJson { pid: unnamed.pid, generation: unnamed.generation, listens: &unnamed.listens }
}

fn owner_json(owner: &Owner) -> OwnerJson {
    OwnerJson { pid: owner.pid, generation: owner.generation }
}

fn supervisor(supervision: Supervision) -> Option<u32> {
    match supervision {
        Supervision::Pid(pid) => Some(pid),
        Supervision::LeftAlone => None,
    }
}

fn since(now: SystemTime, age: Duration) -> String {
    let since = now.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
    humantime::format_rfc3339_millis(since).to_string()
}
