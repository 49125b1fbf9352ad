//! What `/proc` and the history say of the servers of a report: their command, working directory, memory and connections, and who
//! has started them.
//!
//! The command that shows a status looks itself: the arbiter is not asked. A process is held by its pidfd while it is looked at, so that
//! none is shown that has the number of another one by now.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;

use serverswap::protocol::{Address, Generation};
use serverswap::sys::listener::ConnectionTable;
use serverswap::sys::process::{self, Members, Process, descendants, is_gone, members_of_each};

use super::{GenerationReport, Numbers, Server, StatusReport};
use crate::history::{self, Record, What};

type Held = Vec<(Process, OwnedFd)>;

/// Looks now, once for all of them. Of servers that another pid namespace has, nothing can be seen but who has started them.
pub(super) fn add(reports: &mut [StatusReport]) {
    let servers = reports.iter().flat_map(|report| &report.servers);
    let (mut members, mut connections) = (members(servers), ConnectionTable::read());
    let boot = process::boot_id().unwrap_or_default();
    for report in reports {
        let addresses = addresses(report);
        let generations: Vec<Generation> = addresses.keys().copied().collect();
        let records = history::of_generations(&report.directory, &generations);
        let starts = starts(&records, &boot);
        let mut look = Look { members: &mut members, connections: &mut connections, starts };
        let generations = addresses.into_iter().map(|(generation, addresses)| {
            let servers = report.servers.iter().filter(|server| server.generation == generation);
            let servers: Vec<Server> = match report.numbers {
                Numbers::Own => servers.copied().collect(),
                Numbers::OfArbiter => Vec::new(),
            };
            (generation, look.at(generation, &servers, &addresses))
        });
        report.generations = generations.collect();
    }
}

/// Each generation of a report, and where it has servers.
fn addresses(report: &StatusReport) -> BTreeMap<Generation, BTreeSet<&Address>> {
    let mut addresses: BTreeMap<Generation, BTreeSet<&Address>> = BTreeMap::new();
    for one in &report.addresses {
        let holders = one.holders.iter().map(|holder| holder.generation);
        let all = holders.chain(one.draining.iter().map(|draining| draining.generation));
        let all = all.chain(one.owners.iter().map(|owner| owner.generation));
        for generation in all {
            addresses.entry(generation).or_default().insert(&one.address);
        }
    }
    for one in &report.unrecorded {
        addresses.entry(one.generation).or_default().extend(&one.listens);
    }
    addresses
}

struct Look<'a> {
    members: &'a mut Members,
    connections: &'a mut ConnectionTable,
    starts: BTreeMap<Generation, &'a Record>,
}

impl Look<'_> {
    fn at(
        &mut self,
        generation: Generation,
        servers: &[Server],
        addresses: &BTreeSet<&Address>,
    ) -> GenerationReport {
        let start = self.starts.get(&generation);
        let who = start.and_then(|record| record.who.clone());
        let typed = start.map(|record| record.command.clone()).filter(|command| !command.is_empty());
        let held = self.held(generation, servers);
        let pids: Vec<u32> = held.iter().map(|(process, _)| process.pid).collect();
        let first = held.first().filter(|(process, _)| servers.iter().any(|one| one.process == *process));
        let first = first.map(|(process, _)| process.pid);
        let memory: Vec<_> = pids.iter().filter_map(|pid| process::memory(*pid).transpose()).collect();
        let has_memory = !memory.is_empty();
        let memory = memory.into_iter().collect::<Result<Vec<u64>, _>>().ok().filter(|_| has_memory);
        let ours: Vec<u32> = pids.iter().copied().filter(|pid| process::shares_network(*pid)).collect();
        let open = |address: &Address| Some((address.clone(), self.connections.open(&ours, address)?));
        let report = GenerationReport {
            processes: living(&held),
            command: first.and_then(words),
            cwd: first.and_then(process::working_directory).map(|path| path.to_string_lossy().into_owned()),
            memory: memory.map(|all| all.into_iter().sum()),
            connections: addresses.iter().copied().filter_map(open).collect(),
            who,
            stand_in: servers.iter().find_map(|server| server.stand_in),
        };
        // The number of one that has ended meanwhile may be that of a later process.
        if report.processes.len() < held.len() {
            let (processes, who, stand_in) = (report.processes, report.who, report.stand_in);
            return GenerationReport {
                processes,
                command: typed,
                who,
                stand_in,
                ..GenerationReport::default()
            };
        }
        GenerationReport { command: report.command.or(typed), ..report }
    }

    /// The servers first.
    fn held(&mut self, generation: Generation, servers: &[Server]) -> Held {
        let mut held: Held = Vec::new();
        let mut add = |found: Held| {
            for (process, pidfd) in found {
                if held.iter().all(|(known, _)| *known != process) {
                    held.push((process, pidfd));
                }
            }
        };
        for server in servers {
            add(server
                .process
                .pidfd()
                .ok()
                .flatten()
                .map(|pidfd| (server.process, pidfd))
                .into_iter()
                .collect());
        }
        for server in servers.iter().filter(|server| server.stand_in.is_some_and(|one| one.adopted)) {
            add(descendants(server.process).unwrap_or_default());
        }
        add(self.members.remove(&generation).unwrap_or_default());
        held.retain(|(_, pidfd)| is_gone(pidfd).is_ok_and(|gone| !gone));
        held
    }
}

fn living(held: &Held) -> Vec<u32> {
    let living = held.iter().filter(|(_, pidfd)| is_gone(pidfd).is_ok_and(|gone| !gone));
    living.map(|(process, _)| process.pid).collect()
}

/// The processes of the generations that have servers.
fn members<'a>(servers: impl Iterator<Item = &'a Server>) -> Members {
    let mut groups: BTreeMap<Generation, Vec<u32>> = BTreeMap::new();
    for server in servers {
        groups.entry(server.generation).or_default().extend(process::group(server.process.pid).ok());
    }
    members_of_each(&groups).unwrap_or_default()
}

fn starts<'a>(records: &'a [Record], boot: &str) -> BTreeMap<Generation, &'a Record> {
    let starts = records.iter().filter(|record| record.what == What::Start && record.boot == boot);
    starts.filter_map(|record| Some((record.generation?, record))).collect()
}

fn words(pid: u32) -> Option<Vec<String>> {
    let arguments = process::arguments(pid)?;
    Some(arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::time::{Duration, SystemTime};

    use super::super::{AddressReport, Holder, HolderState, SupervisedBy};
    use super::*;

    const GENERATION: Generation = Generation { start: 1, pid: u32::MAX };

    /// What is found of a process that serves an address.
    fn found(process: Process, address: &Address) -> GenerationReport {
        let holder = Holder {
            pid: process.pid,
            generation: GENERATION,
            state: HolderState::Serving,
            says: None,
            age: Duration::ZERO,
            supervisor: SupervisedBy::Nobody,
        };
        let mut report = StatusReport {
            directory: "/nowhere/at/all".into(),
            now: SystemTime::now(),
            arbiter: None,
            numbers: Numbers::Own,
            addresses: vec![AddressReport { holders: vec![holder], ..AddressReport::empty(address.clone()) }],
            unrecorded: Vec::new(),
            servers: vec![Server { process, generation: GENERATION, stand_in: None }],
            generations: BTreeMap::new(),
        };
        add(std::slice::from_mut(&mut report));
        report.generations.remove(&GENERATION).expect("it has an address")
    }

    #[test]
    fn of_a_server_everything_is_found_and_of_one_whose_number_another_process_has_by_now_nothing() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let at = listener.local_addr().expect("bound");
        let _client = TcpStream::connect(at).expect("it listens");
        let _accepted = listener.accept().expect("one waits");
        let address: Address = at.to_string().parse().expect("an address");
        let this = Process::current().expect("/proc is there");
        let report = found(this, &address);
        let command: Vec<String> = std::env::args().collect();
        let cwd = std::env::current_dir().expect("tests have one");
        assert_eq!((report.processes.first(), report.command), (Some(&this.pid), Some(command)));
        assert_eq!((report.cwd.as_deref(), report.memory > Some(1 << 20)), (cwd.to_str(), true));
        assert_eq!(report.connections, [(address.clone(), 1)].into());
        let earlier = Process { start: this.start + 1, ..this };
        assert_eq!(found(earlier, &address), GenerationReport::default());
    }
}
