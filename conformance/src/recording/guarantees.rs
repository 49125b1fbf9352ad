//! Three guarantees of the text, judged on what an arbiter recorded: its lines, which process is at the other end of
//! a connection, which process has exited, and with which state it began.
//!
//! The judges are those of [`serverswap_protocol::trace::guarantees`]; this only tells them what happened.
//!
//! Rules:
//! - Each arbiter is judged by itself: what happened while another one decided is not in its recording.
//! - What a `hello` lists counts as held from the `welcome` on, when the arbiter has read it.
//! - A stand-in's connection is that of the process that it speaks for, and not of the supervisor that it is a part of.
//! - Where the recording does not say which process is at the other end, a connection is taken for one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use serverswap_protocol::message::TakedownReason;
use serverswap_protocol::trace::Side;
use serverswap_protocol::trace::guarantees::{Breach, Judge};
use serverswap_protocol::{Address, Generation, SocketMode};

use super::entry::{ProcessEntry, RecordingEntry};

/// Every arbiter of a recording.
#[derive(Default)]
pub(super) struct Arbiters {
    /// By process id.
    judged: BTreeMap<u32, Judged>,
    /// The arbiter of each connection.
    of_connection: BTreeMap<String, u32>,
}

/// One arbiter.
#[derive(Default)]
struct Judged {
    judge: Judge<String>,
    connections: BTreeMap<String, Connection>,
    /// The processes that live, by process id: a stand-in's `hello` says no more of the one that it speaks for.
    processes: BTreeMap<u32, String>,
}

/// One of its connections.
struct Connection {
    /// The process at its other end, or the connection itself.
    who: String,
    /// Whether the recording says which process that is.
    is_named: bool,
    generation: Option<Generation>,
    role: Option<String>,
    /// What its `hello` and `holding` lines list, with whether it serves and whether a listener came along.
    listed: BTreeMap<Address, Listed>,
    claims: BTreeMap<u64, (Address, SocketMode)>,
}

#[derive(Clone, Copy)]
struct Listed {
    serving: bool,
    attached: bool,
}

impl Arbiters {
    /// Shows the judges a line of the recording.
    pub(super) fn take(&mut self, entry: &RecordingEntry) -> Result<(), Breach> {
        if let (Some(pid), Some(start)) = (entry.arbiter, &entry.start) {
            self.judged.insert(pid, Judged::at_the_start(start));
            return Ok(());
        }
        let on = entry.on.clone().unwrap_or_default();
        if let (Some(pid), Some(peer)) = (entry.arbiter, entry.peer) {
            self.of_connection.insert(on.clone(), pid);
            let connection = Connection { is_named: true, ..Connection::of(name(peer)) };
            let judged = self.judged.entry(pid).or_default();
            judged.processes.insert(peer.pid, name(peer));
            judged.connections.insert(on, connection);
            return Ok(());
        }
        if let Some(judged) = entry.arbiter.and_then(|pid| self.judged.get_mut(&pid)) {
            if let Some(process) = entry.gone {
                judged.is_gone(process);
            }
            if let Some(process) = entry.signalled {
                let who = judged.name_of(process);
                judged.judge.is_ended(&who);
            }
            if entry.hidden.is_some() {
                judged.judge.descriptors_are_hidden();
            }
            return Ok(());
        }
        let (Some(by), Side::Arbiter) = (entry.side(), entry.by.unwrap_or(Side::Arbiter)) else {
            return Ok(());
        };
        let Ok(Value::Object(line)) = serde_json::from_str(&entry.line) else { return Ok(()) };
        if line.get("type").is_some_and(|kind| kind == "greeting") {
            let pid = line.get("arbiter").and_then(|arbiter| arbiter.get("pid")?.as_u64());
            let pid = pid.and_then(|pid| u32::try_from(pid).ok()).unwrap_or_default();
            self.of_connection.entry(on.clone()).or_insert(pid);
        }
        let Some(pid) = self.of_connection.get(&on) else { return Ok(()) };
        let judged = self.judged.entry(*pid).or_default();
        let connection = judged.connections.entry(on.clone()).or_insert_with(|| Connection::of(on.clone()));
        match by {
            Side::Client => {
                if let Some(pid) = stands_in_for(&line) {
                    let who = judged.processes.entry(pid).or_insert_with(|| format!("pid {pid}"));
                    connection.who.clone_from(who);
                }
                connection.received(&line, &mut judged.judge);
                Ok(())
            }
            Side::Arbiter if line.get("type").is_some_and(|kind| kind == "welcome") => {
                judged.is_welcome(&on);
                Ok(())
            }
            Side::Arbiter => connection.sent(&line, &mut judged.judge),
        }
    }
}

impl Judged {
    /// Who holds, serves and keeps what, as the state says, and lives.
    fn at_the_start(start: &Value) -> Judged {
        let state = &start["state"];
        let living = start["alive"].as_array().into_iter().flatten();
        let processes: BTreeMap<u32, String> =
            living.filter_map(process_of).map(|process| (process.pid, name(process))).collect();
        let living: BTreeSet<String> = processes.values().cloned().collect();
        let mut judge = Judge::default();
        let objects =
            |value: &Value, key: &str| -> Vec<Value> { value[key].as_array().cloned().unwrap_or_default() };
        for (address, record) in state["addresses"].as_object().into_iter().flatten() {
            let Ok(address) = address.parse::<Address>() else { continue };
            for holder in objects(record, "holders") {
                let Some((who, generation)) = living_in(&living, &holder) else { continue };
                judge.appears(who.clone(), generation);
                let socket = socket_of(holder.get("socket"));
                judge.holds(&who, &address, socket, holder["serving"] == true);
            }
            for supervisor in objects(record, "supervisors") {
                let Some((who, generation)) = living_in(&living, &supervisor) else { continue };
                judge.appears(who.clone(), generation);
                if supervisor["keeps"] == true {
                    judge.keeps(&who, &address);
                }
            }
        }
        if !objects(state, "unrecorded").is_empty() {
            judge.state_is_lost();
        }
        Judged { judge, connections: BTreeMap::new(), processes }
    }

    /// What a process is called here.
    fn name_of(&self, process: ProcessEntry) -> String {
        self.processes.get(&process.pid).cloned().unwrap_or_else(|| name(process))
    }

    /// Where the generation is not up, nobody else will ask whether its server is late.
    fn is_gone(&mut self, process: ProcessEntry) {
        let who = self.name_of(process);
        self.processes.remove(&process.pid);
        self.judge.ends(&who);
        let connections = self.connections.values().filter(|connection| connection.who == who);
        for connection in connections.filter(|connection| !connection.is_server()) {
            if let Some(generation) = connection.generation {
                self.judge.may_stop(generation);
            }
        }
    }

    /// What the client has listed is so.
    fn is_welcome(&mut self, on: &str) {
        let Some(connection) = self.connections.get_mut(on) else { return };
        let listed = std::mem::take(&mut connection.listed);
        let connection = &self.connections[on];
        let who = &connection.who;
        let addresses: BTreeSet<Address> = listed.keys().cloned().collect();
        self.judge.holds_only(who, &addresses);
        for (address, Listed { serving, attached }) in listed {
            if !connection.is_server() {
                if attached {
                    self.judge.keeps(who, &address);
                }
                continue;
            }
            // It is back on another connection: nothing else says that it is the same process.
            let others = self.connections.values().filter(|other| !other.is_named && other.who != *who);
            for other in others.filter(|other| other.generation == connection.generation) {
                self.judge.releases(&other.who, &address);
            }
            let socket = attached.then_some(SocketMode::Inherit);
            self.judge.holds(who, &address, socket, serving);
        }
    }
}

impl Connection {
    fn of(who: String) -> Connection {
        Connection {
            who,
            is_named: false,
            generation: None,
            role: None,
            listed: BTreeMap::new(),
            claims: BTreeMap::new(),
        }
    }

    fn received(&mut self, line: &Map<String, Value>, judge: &mut Judge<String>) {
        let kind = line.get("type").and_then(Value::as_str).unwrap_or_default();
        if matches!(kind, "hello" | "holding") {
            return self.lists(line, judge);
        }
        if let (true, Some(generation)) = (matches!(kind, "stop" | "timedOut"), self.generation) {
            judge.may_stop(generation);
        }
        let Some(address) = address_of(line) else { return };
        match kind {
            "readyFor" => {
                let (Some(id), Some(socket)) = (number(line, "id"), socket_of(line.get("socket"))) else {
                    return;
                };
                judge.claims(&self.who, &address, socket);
                self.claims.insert(id, (address, socket));
            }
            "serving" => {
                if let Some(listed) = self.listed.get_mut(&address) {
                    listed.serving = true;
                }
                judge.serves(&self.who, &address);
            }
            "released" => {
                self.listed.remove(&address);
                judge.releases(&self.who, &address);
            }
            "closed" => judge.closes(&self.who, &address),
            _ => {}
        }
    }

    /// A newer generation that serves is a reason to take an older one down as soon as that is read.
    fn lists(&mut self, line: &Map<String, Value>, judge: &mut Judge<String>) {
        let generation = line.get("generation").and_then(Value::as_str).and_then(|text| text.parse().ok());
        self.generation = self.generation.or(generation);
        let role = line.get("role").and_then(Value::as_str).map(str::to_owned);
        self.role = self.role.take().or(role);
        if let (true, Some(generation)) = (line.contains_key("role"), self.generation) {
            judge.appears(self.who.clone(), generation);
            judge.disconnects(&self.who);
        }
        let names = line.get("fds").and_then(Value::as_array).into_iter().flatten();
        let attached: Vec<Address> = names.filter_map(|name| name.as_str()?.parse().ok()).collect();
        for entry in line.get("holding").and_then(Value::as_array).into_iter().flatten() {
            let Some(address) = entry.as_object().and_then(address_of) else { continue };
            let listed = Listed { serving: entry["serving"] == true, attached: attached.contains(&address) };
            if let (true, Some(generation)) = (self.is_server(), self.generation) {
                let socket = if listed.attached { SocketMode::Inherit } else { SocketMode::Bind };
                judge.is_had(generation, &address, socket, listed.serving);
            }
            self.listed.insert(address, listed);
        }
    }

    fn is_server(&self) -> bool {
        self.role.as_deref() == Some("server")
    }

    fn sent(&mut self, line: &Map<String, Value>, judge: &mut Judge<String>) -> Result<(), Breach> {
        let kind = line.get("type").and_then(Value::as_str).unwrap_or_default();
        let re = number(line, "re");
        match kind {
            "granted" => {
                let claim = re.and_then(|re| self.claims.remove(&re));
                if let Some((address, socket)) = claim {
                    return judge.granted(&self.who, &address, socket);
                }
            }
            "error" => {
                if let Some((address, _)) = re.and_then(|re| self.claims.remove(&re)) {
                    judge.claim_ends(&self.who, &address);
                }
            }
            "takedown" => {
                let reason = line.get("reason").cloned();
                let reason = reason.and_then(|reason| serde_json::from_value::<TakedownReason>(reason).ok());
                if let (Some(address), Some(reason)) = (address_of(line), reason) {
                    return judge.taken_down(&self.who, &address, &reason);
                }
            }
            "event" if line.contains_key("fds") => {
                if let Some(address) = address_of(line) {
                    judge.keeps(&self.who, &address);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn name(process: ProcessEntry) -> String {
    let ProcessEntry { pid, start } = process;
    format!("pid {pid} (started at {start})")
}

fn process_of(record: &Value) -> Option<ProcessEntry> {
    serde_json::from_value(record.clone()).ok()
}

/// The process that a `hello` of a stand-in names.
fn stands_in_for(line: &Map<String, Value>) -> Option<u32> {
    let pid = line.get("standIn")?.get("pid")?.as_u64()?;
    u32::try_from(pid).ok()
}

/// A process that the state names, if it lives, and its generation.
fn living_in(living: &BTreeSet<String>, record: &Value) -> Option<(String, Generation)> {
    let who = process_of(record).map(name).filter(|who| living.contains(who))?;
    Some((who, record["generation"].as_str()?.parse().ok()?))
}

fn address_of(line: &Map<String, Value>) -> Option<Address> {
    line.get("address")?.as_str()?.parse().ok()
}

fn socket_of(value: Option<&Value>) -> Option<SocketMode> {
    serde_json::from_value(value?.clone()).ok()
}

fn number(line: &Map<String, Value>, key: &str) -> Option<u64> {
    line.get(key)?.as_u64()
}
