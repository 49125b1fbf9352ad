//! `serverswap status`: the state file, compared with the processes that live.
//!
//! It needs no arbiter: what the last one wrote is still true of every process that is alive, except
//! for what has been served or released since. That is seen by which process has the listener.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, SystemTime};

use serverswap::protocol::{Address, Generation};
use serverswap::sys::channel::connect;
use serverswap::sys::clock::monotonic;
use serverswap::sys::process::{self, Process};

use super::still_serving::{is_alive, listens};
use super::{
    AddressReport, DrainingServer, Ending, Holder, HolderState, Numbers, Owner, Server, StatusReport,
    SupervisedBy, UnrecordedProcess, offline,
};
use crate::runtime::{error_map, recovery};
use crate::server_status;
use crate::state::{
    self, AddressRecord, Directory, DirectoryError, DrainRecord, GenerationRecord, HolderRecord, Lock,
    Snapshot, StateFile, UnrecordedRecord,
};
use crate::ui::{Report, SetupError};

/// Looks now.
///
/// # Errors
/// The directory cannot be used. A directory that does not exist is no error, nor is an unusable state
/// file, which is reported: processes are found by what they listen on.
pub(crate) fn collect(path: &Path, report: impl Fn(Report)) -> Result<StatusReport, SetupError> {
    let empty = StatusReport {
        directory: path.to_owned(),
        now: SystemTime::now(),
        arbiter: None,
        numbers: Numbers::Own,
        addresses: Vec::new(),
        unrecorded: Vec::new(),
        servers: Vec::new(),
        generations: BTreeMap::new(),
    };
    let directory = match Directory::inspect(path) {
        Ok(directory) => directory,
        Err(DirectoryError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            let path = std::path::absolute(path)
                .map_err(|source| error_map::system("the working directory", &source))?;
            return from_census(empty, &path);
        }
        Err(error) => return Err(error_map::directory(error)),
    };
    if directory.is_of_another() {
        return Err(SetupError::NotSeenFromHere { directory: directory.path().to_owned() });
    }
    match state::read(&directory.state()) {
        Ok(Some(file)) if !is_of_this_boot(&file) => Ok(empty),
        Ok(Some(file)) => match numbers(&file) {
            Numbers::Own => Ok(filled(empty, &file, &directory, Numbers::Own)),
            Numbers::OfArbiter if connect(&directory.socket()).is_ok() => {
                report(Report::NumbersOfArbiter);
                Ok(filled(empty, &file, &directory, Numbers::OfArbiter))
            }
            Numbers::OfArbiter if Lock::is_left_to_others(&directory.lock()) => {
                Err(SetupError::HolderMissing { directory: directory.path().to_owned() })
            }
            // Of a container that was, in whose volume it is.
            Numbers::OfArbiter => from_census(empty, directory.path()),
        },
        Ok(None) => from_census(empty, directory.path()),
        Err(error) => {
            report(Report::StateIgnored { path: directory.state(), problem: error.to_string() });
            from_census(empty, directory.path())
        }
    }
}

fn from_census(empty: StatusReport, directory: &Path) -> Result<StatusReport, SetupError> {
    let census = recovery::census(directory).map_err(|error| error_map::system("/proc", &error))?;
    let servers = census.unrecorded.iter().map(unrecorded_server).collect();
    Ok(StatusReport { unrecorded: unrecorded(&census), servers, ..empty })
}

fn is_of_this_boot(file: &StateFile) -> bool {
    process::boot_id().is_ok_and(|boot| boot == file.header.boot)
}

/// Whose the process ids in a state are.
pub(super) fn numbers(file: &StateFile) -> Numbers {
    match process::pid_namespace() {
        Ok(own) if own != file.header.pid_namespace => Numbers::OfArbiter,
        Ok(_) | Err(_) => Numbers::Own,
    }
}

impl Numbers {
    /// Whether a process of the state lives, as far as that can be seen from here.
    pub(super) fn is_alive(self, process: Process) -> bool {
        self == Numbers::OfArbiter || is_alive(process)
    }
}

fn filled(empty: StatusReport, file: &StateFile, directory: &Directory, numbers: Numbers) -> StatusReport {
    let arbiter = numbers.is_alive(file.header.arbiter).then_some(file.header.arbiter.pid);
    let addresses = file.snapshot.addresses.iter();
    let active = active(&file.snapshot);
    let look = One { snapshot: &file.snapshot, directory: directory.path(), numbers, active };
    let addresses = addresses.map(|(address, record)| match arbiter {
        Some(_) => look.at(address, record),
        None => look.at(address, &offline::as_it_is(address, record)),
    });
    let addresses = addresses.filter(has_anything).collect();
    let (unrecorded, servers) = match numbers {
        Numbers::Own => {
            let hidden = hidden(directory.path(), &file.snapshot);
            let mut servers = servers(&file.snapshot);
            servers.extend(file.snapshot.unrecorded.iter().chain(&hidden).map(unrecorded_server));
            let mut unrecorded = unrecorded(&file.snapshot);
            unrecorded.extend(hidden.iter().filter_map(self::look));
            servers.retain(|server| is_alive(server.process));
            (unrecorded, servers)
        }
        Numbers::OfArbiter => (Vec::new(), Vec::new()),
    };
    StatusReport { arbiter, numbers, addresses, unrecorded, servers, ..empty }
}

/// Each once, whatever it holds.
fn servers(snapshot: &Snapshot) -> Vec<Server> {
    let servers = snapshot.addresses.values().flat_map(|record| {
        let holders = record.holders.iter();
        let holders = holders.map(|one| (one.process, one.generation, one.stand_in));
        holders.chain(record.draining.iter().map(|one| (one.process, one.generation, one.stand_in)))
    });
    let mut seen = BTreeSet::new();
    let servers = servers.filter(|(process, generation, _)| seen.insert((*process, *generation)));
    servers.map(|(process, generation, stand_in)| Server { process, generation, stand_in }).collect()
}

/// The generations of which a server holds an address that it need not release.
fn active(snapshot: &Snapshot) -> BTreeSet<Generation> {
    let holders = snapshot.addresses.values().flat_map(|record| {
        let drains = |process| record.draining.iter().any(|drain| drain.process == process);
        record.holders.iter().filter(move |holder| !drains(holder.process))
    });
    holders.map(|holder| holder.generation).collect()
}

fn unrecorded_server(record: &UnrecordedRecord) -> Server {
    Server { process: record.process, generation: record.generation, stand_in: None }
}

/// Of the generations whose supervisor was killed before they were up, what lives and holds nothing.
pub(crate) fn hidden(directory: &Path, snapshot: &Snapshot) -> Vec<UnrecordedRecord> {
    let is_supervised =
        |generation: Generation, record: &GenerationRecord| record.starter(generation).is_some_and(is_alive);
    let generations = snapshot.generations.iter();
    let abandoned =
        generations.filter(|(generation, record)| !record.up && !is_supervised(**generation, record));
    let abandoned: BTreeSet<Generation> = abandoned.map(|(generation, _)| *generation).collect();
    if abandoned.is_empty() {
        return Vec::new();
    }
    let named = snapshot.processes();
    let census = recovery::census(directory).unwrap_or_default().unrecorded.into_iter();
    census.filter(|one| abandoned.contains(&one.generation) && !named.contains(&one.process)).collect()
}

fn unrecorded(snapshot: &Snapshot) -> Vec<UnrecordedProcess> {
    snapshot.unrecorded.iter().filter_map(look).collect()
}

fn look(record: &UnrecordedRecord) -> Option<UnrecordedProcess> {
    let (pid, generation) = (record.process.pid, record.generation);
    Some(UnrecordedProcess { pid, generation, listens: listens(record.process)? })
}

fn has_anything(report: &AddressReport) -> bool {
    !(report.holders.is_empty() && report.draining.is_empty() && report.owners.is_empty())
}

/// What an address is looked at with.
struct One<'a> {
    snapshot: &'a Snapshot,
    directory: &'a Path,
    numbers: Numbers,
    active: BTreeSet<Generation>,
}

impl One<'_> {
    fn at(&self, address: &Address, record: &AddressRecord) -> AddressReport {
        let now = monotonic();
        let lives = |process: Process| self.numbers.is_alive(process);
        let drains = |process: Process| record.draining.iter().any(|drain| drain.process == process);
        let holders = record.holders.iter().filter(|holder| !drains(holder.process) && lives(holder.process));
        let draining = record.draining.iter().filter(|drain| lives(drain.process));
        let owners = record.supervisors.iter().filter(|one| one.owns && lives(one.process));
        AddressReport {
            address: address.clone(),
            holders: holders
                .map(|holder| {
                    let supervisor = self.supervisor(holder.generation);
                    let says = match supervisor {
                        SupervisedBy::Pid(_) => server_status::read(self.directory, holder.generation),
                        SupervisedBy::Nobody => None,
                    };
                    Holder {
                        pid: holder.process.pid,
                        generation: holder.generation,
                        state: state(holder),
                        says,
                        age: now.saturating_sub(holder.since()),
                        supervisor,
                    }
                })
                .collect(),
            draining: draining
                .map(|drain| DrainingServer {
                    pid: drain.process.pid,
                    generation: drain.generation,
                    age: now.saturating_sub(drain.since()),
                    remaining: Some(drain.until().saturating_sub(now)),
                    ending: self.ending(drain, now),
                    connections: drain.connections,
                    supervisor: self.supervisor(drain.generation),
                })
                .collect(),
            owners: owners.map(|one| Owner { pid: one.process.pid, generation: one.generation }).collect(),
        }
    }

    /// As `arbiter/termination.rs` has it.
    fn ending(&self, drain: &DrainRecord, now: Duration) -> Ending {
        let kill = || {
            let generation = self.snapshot.generations.get(&drain.generation);
            generation.map_or(Duration::ZERO, |record| Duration::from_millis(record.timeouts.kill_ms))
        };
        if self.active.contains(&drain.generation) {
            Ending::None
        } else if drain.stand_in.is_some() {
            Ending::Kill { after: drain.until().saturating_sub(now) }
        } else if drain.stopped || drain.until() <= now {
            Ending::Kill { after: (drain.until() + kill()).saturating_sub(now) }
        } else {
            Ending::Term
        }
    }

    fn supervisor(&self, generation: Generation) -> SupervisedBy {
        let supervisor = self.snapshot.generations.get(&generation).and_then(|record| record.supervisor);
        match supervisor.filter(|supervisor| self.numbers.is_alive(*supervisor)) {
            Some(supervisor) => SupervisedBy::Pid(supervisor.pid),
            None => SupervisedBy::Nobody,
        }
    }
}

fn state(holder: &HolderRecord) -> HolderState {
    match (holder.serving, holder.probation_until()) {
        (true, Some(_)) => HolderState::Probation,
        (true, None) => HolderState::Serving,
        (false, _) => HolderState::Granted,
    }
}
