//! Which generation is meant, among those with a log and those that live.

use serverswap::protocol::{Address, Generation};

use crate::cli::Which;
use crate::output::generation_log::FoundLog;
use crate::status::StatusReport;

/// A server that has an address now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LivingServer {
    pub(super) pid: u32,
    pub(super) generation: Generation,
    pub(super) address: Address,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// The generation has a log.
    Log(FoundLog),
    /// It has none, and this server of it lives.
    NoLogOf(LivingServer),
    /// There is no such generation.
    Nothing,
}

/// A generation, with what is known of it.
struct Candidate {
    age: Age,
    found: Found,
}

/// Greater is newer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Age {
    /// Of an earlier boot: its place among all logs.
    EarlierBoot(usize),
    ThisBoot(Generation),
}

enum Found {
    Log(FoundLog),
    Server(LivingServer),
}

impl LivingServer {
    /// Every server that holds an address or drains.
    pub(super) fn all(report: &StatusReport) -> Vec<LivingServer> {
        let of =
            |address: &Address, pid, generation| LivingServer { pid, generation, address: address.clone() };
        let mut servers = Vec::new();
        for report in &report.addresses {
            let draining = report.draining.iter().map(|one| of(&report.address, one.pid, one.generation));
            servers.extend(draining);
            servers.extend(report.holders.iter().map(|one| of(&report.address, one.pid, one.generation)));
        }
        servers
    }
}

/// The newest generation that served the address, or of all, or the one before it. `logs` are oldest first, `boot` is
/// that of the servers.
pub(super) fn choose(
    logs: Vec<FoundLog>,
    servers: Vec<LivingServer>,
    boot: &str,
    address: Option<&Address>,
    which: Which,
) -> Choice {
    let is_of_this_boot = |log: &FoundLog| log.record.boot == boot;
    let is_logged = |server: &LivingServer| {
        logs.iter().any(|log| is_of_this_boot(log) && log.record.generation == server.generation)
    };
    let mut candidates: Vec<Candidate> = Vec::new();
    for server in servers.iter().filter(|server| !is_logged(server)) {
        let is_meant = address.is_none_or(|address| server.address == *address);
        let is_new = candidates.iter().all(|one| one.age != Age::ThisBoot(server.generation));
        if is_meant && is_new {
            let age = Age::ThisBoot(server.generation);
            candidates.push(Candidate { age, found: Found::Server(server.clone()) });
        }
    }
    for (place, log) in logs.into_iter().enumerate() {
        let is_this_boot = is_of_this_boot(&log);
        let serves = |address: &Address| {
            let of_it = |server: &LivingServer| server.generation == log.record.generation;
            is_this_boot && servers.iter().any(|server| of_it(server) && server.address == *address)
        };
        if address.is_none_or(|address| log.record.addresses.contains(address) || serves(address)) {
            let generation = log.record.generation;
            let age = if is_this_boot { Age::ThisBoot(generation) } else { Age::EarlierBoot(place) };
            candidates.push(Candidate { age, found: Found::Log(log) });
        }
    }
    candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.age));
    let skipped = match which {
        Which::Newest => 0,
        Which::Previous => 1,
    };
    match candidates.into_iter().nth(skipped).map(|candidate| candidate.found) {
        Some(Found::Log(log)) => Choice::Log(log),
        Some(Found::Server(server)) => Choice::NoLogOf(server),
        None => Choice::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::output::generation_log::LogRecord;

    const BOOT: &str = "this one";

    fn address(text: &str) -> Address {
        text.parse().expect("tests use valid addresses")
    }

    fn generation(start: u64) -> Generation {
        Generation { start, pid: 77 }
    }

    fn log(boot: &str, start: u64, addresses: &[&str]) -> FoundLog {
        let record = LogRecord {
            generation: generation(start),
            boot: boot.to_owned(),
            directory: "/run/swap".into(),
            command: "./app".to_owned(),
            started: "2026-11-30T12:00:00Z".to_owned(),
            addresses: addresses.iter().map(|text| address(text)).collect(),
        };
        FoundLog::new(Path::new("/var/log/serverswap").join(start.to_string()), record)
    }

    fn server(start: u64, text: &str) -> LivingServer {
        LivingServer { pid: 4711, generation: generation(start), address: address(text) }
    }

    #[test]
    fn the_newest_generation_is_shown_and_the_one_before_it() {
        let logs = || vec![log(BOOT, 1, &[":1"]), log(BOOT, 2, &[":1"]), log(BOOT, 3, &[])];
        assert_eq!(choose(logs(), vec![], BOOT, None, Which::Newest), Choice::Log(log(BOOT, 3, &[])));
        assert_eq!(choose(logs(), vec![], BOOT, None, Which::Previous), Choice::Log(log(BOOT, 2, &[":1"])));
    }

    #[test]
    fn of_an_address_only_generations_that_served_it_count() {
        let logs = || vec![log(BOOT, 1, &[":1"]), log(BOOT, 2, &[":2"]), log(BOOT, 3, &[])];
        let wanted = address(":1");
        let choice = |which| choose(logs(), vec![], BOOT, Some(&wanted), which);
        assert_eq!(choice(Which::Newest), Choice::Log(log(BOOT, 1, &[":1"])));
        assert_eq!(choice(Which::Previous), Choice::Nothing);
    }

    #[test]
    fn a_newer_server_that_prints_elsewhere_is_not_hidden_by_an_older_log() {
        let logs = || vec![log(BOOT, 1, &[":1"])];
        let servers = || vec![server(1, ":1"), server(2, ":1")];
        let wanted = address(":1");
        let choice = |which| choose(logs(), servers(), BOOT, Some(&wanted), which);
        assert_eq!(choice(Which::Newest), Choice::NoLogOf(server(2, ":1")));
        assert_eq!(choice(Which::Previous), Choice::Log(log(BOOT, 1, &[":1"])));
    }

    #[test]
    fn a_server_with_many_addresses_is_one_generation() {
        let servers = vec![server(1, ":1"), server(2, ":1"), server(2, ":2")];
        assert_eq!(choose(vec![], servers, BOOT, None, Which::Previous), Choice::NoLogOf(server(1, ":1")));
    }

    #[test]
    fn a_log_of_an_earlier_boot_is_older_whatever_its_start() {
        let logs = || vec![log("before", 9, &[":1"]), log(BOOT, 1, &[":1"])];
        assert_eq!(choose(logs(), vec![], BOOT, None, Which::Newest), Choice::Log(log(BOOT, 1, &[":1"])));
        let previous = choose(logs(), vec![], BOOT, None, Which::Previous);
        assert_eq!(previous, Choice::Log(log("before", 9, &[":1"])));
    }
}
