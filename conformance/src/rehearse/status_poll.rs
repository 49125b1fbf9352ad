//! Who serves what, as `serverswap status --json` says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serverswap_protocol::Address;
use tokio::process::Command;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::RehearseError;
use super::findings::Beside;
use crate::sandbox::{Remaining, Sandbox};

/// What was seen while one swap was under way.
#[derive(Debug, Default)]
pub(super) struct SwapLog {
    /// Until when each replaced generation may drain.
    pub deadlines: BTreeMap<String, Instant>,
    /// What of it ran at the last look at which anything did.
    pub running: BTreeMap<String, Vec<Beside>>,
}

/// From one look to the next.
const PACE: Duration = Duration::from_millis(100);

/// How the private directory is looked at.
pub(super) struct StatusPoll {
    program: String,
    directory: PathBuf,
    pace: Interval,
}

/// What one look has shown.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub(super) struct Status {
    /// Every address that somebody has to do with.
    addresses: Vec<OneAddress>,
}

/// One address.
#[derive(Debug, PartialEq, Deserialize)]
struct OneAddress {
    address: Address,
    served: bool,
    holders: Vec<Holder>,
    draining: Vec<Draining>,
}

/// A server that was granted the address.
#[derive(Debug, PartialEq, Deserialize)]
struct Holder {
    pid: u32,
    generation: String,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Draining {
    generation: String,
    #[serde(default)]
    remaining_ms: Option<u64>,
}

impl StatusPoll {
    pub(super) fn new(program: &str, directory: PathBuf) -> StatusPoll {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        StatusPoll { program: program.to_owned(), directory, pace }
    }

    /// Looks once, not sooner than a moment after the look before.
    ///
    /// # Errors
    /// `serverswap status` cannot be run, or says something that is no status.
    pub(super) async fn look(&mut self) -> Result<Status, RehearseError> {
        self.pace.tick().await;
        self.ask().await
    }

    async fn ask(&self) -> Result<Status, RehearseError> {
        let output = Command::new(&self.program)
            .args(["status", "--json"])
            .env("SERVERSWAP_DIR", &self.directory)
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|source| RehearseError::Status { program: self.program.clone(), source })?;
        serde_json::from_slice(&output.stdout).map_err(|source| RehearseError::NoStatus {
            program: self.program.clone(),
            said: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
            source,
        })
    }

    /// Looks again and again and remembers what became of each replaced server. Ends only with an error.
    pub(super) async fn follow(&mut self, sandbox: &Sandbox, log: &mut SwapLog) -> RehearseError {
        loop {
            self.pace.tick().await;
            let asked = Instant::now();
            match self.ask().await {
                Ok(status) => status.note(asked, log),
                Err(error) => return error,
            }
            log.look(&sandbox.remaining());
        }
    }
}

impl Status {
    /// The addresses, if there is one and each of them is served.
    pub(super) fn served(&self) -> Option<Vec<Address>> {
        let all = !self.addresses.is_empty() && self.addresses.iter().all(|one| one.served);
        all.then(|| self.addresses.iter().map(|one| one.address.clone()).collect())
    }

    /// The servers that hold anything, each with its generation.
    pub(super) fn serving(&self) -> impl Iterator<Item = (u32, &str)> {
        let holders = self.addresses.iter().flat_map(|one| &one.holders);
        holders.map(|holder| (holder.pid, holder.generation.as_str()))
    }

    /// The generations that hold anything.
    pub(super) fn serving_generations(&self) -> BTreeSet<&str> {
        let holders = self.addresses.iter().flat_map(|one| &one.holders);
        holders.map(|holder| holder.generation.as_str()).collect()
    }

    /// A deadline is no sooner than what remained counts from the question, and the quickest answer comes
    /// closest to it.
    fn note(&self, asked: Instant, log: &mut SwapLog) {
        for draining in self.addresses.iter().flat_map(|one| &one.draining) {
            if let Some(remaining) = draining.remaining_ms.filter(|remaining| *remaining > 0) {
                let least = asked + Duration::from_millis(remaining);
                log.deadlines
                    .entry(draining.generation.clone())
                    .and_modify(|known| *known = least.max(*known))
                    .or_insert(least);
            }
        }
    }
}

impl SwapLog {
    fn look(&mut self, remaining: &[Remaining]) {
        for generation in self.deadlines.keys() {
            let is_of_it =
                |process: &&Remaining| process.variable("SERVERSWAP_GENERATION").as_ref() == Some(generation);
            let running = remaining.iter().filter(is_of_it);
            let running =
                running.map(|process| Beside { pid: process.pid, command: process.command.clone() });
            let running: Vec<Beside> = running.collect();
            if !running.is_empty() {
                self.running.insert(generation.clone(), running);
            }
        }
    }
}
