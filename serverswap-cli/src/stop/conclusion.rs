//! How a stop ended, for people and for programs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serverswap::protocol::{Address, Generation};
use serverswap::sys::listener::SocketOwner;

use super::Running;
use super::core::StoppedGeneration;
use crate::history::{Record, Who};
use crate::status::NOT_SERVED;
use crate::ui::duration::{millis, text};
use crate::ui::{CutShort, Summary, grammar, result_json};

/// The exit status if it is not said which of several is meant.
const USAGE: u8 = 2;

/// Most addresses, and most processes, that are named in a sentence.
const NAMED_MAX: usize = 4;

/// Everything that was meant has ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stopped {
    pub(crate) generations: BTreeMap<Generation, StoppedGeneration>,
    pub(crate) cut_short: Vec<CutShort>,
    /// What was started after the stop and has one of the addresses.
    pub(crate) later: Vec<Running>,
    pub(crate) duration: Duration,
}

/// Nothing was touched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotStopped {
    /// Nothing runs in the directory.
    Nothing(PathBuf),
    /// No server of the directory has the address; perhaps somebody else has.
    NotHeld { directory: PathBuf, address: Address, owner: Option<SocketOwner> },
    /// There are several.
    Several { directory: PathBuf, services: Vec<Vec<Running>> },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StoppedJson<'a> {
    stopped: Vec<GenerationJson<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    cut_short: &'a [CutShort],
    duration_ms: u64,
}

#[derive(Serialize)]
struct GenerationJson<'a> {
    generation: Generation,
    addresses: &'a BTreeSet<Address>,
    pids: &'a BTreeSet<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supervisor: Option<u32>,
}

impl Stopped {
    /// The line on stderr.
    pub(crate) fn summary(&self) -> Summary {
        let addresses: BTreeSet<&Address> =
            self.generations.values().flat_map(|one| &one.addresses).collect();
        let pids = self.generations.values().flat_map(StoppedGeneration::processes).collect();
        let later = self.later.iter().map(|one| {
            let addresses = one.addresses.iter().collect();
            format!("; {} was started later and goes on", named(&addresses, &processes(one)))
        });
        Summary::Success(format!(
            "stopped {} in {}{}{}",
            named(&addresses, &pids),
            text(self.duration),
            CutShort::all(&self.cut_short),
            later.collect::<String>()
        ))
    }

    /// For the history; `new` has its time.
    pub(crate) fn record(&self, who: Who, new: Record) -> Record {
        let pids = self.generations.values().flat_map(|one| one.servers.iter().copied());
        Record {
            generations: self.generations.keys().copied().collect(),
            addresses: self.generations.values().flat_map(|one| one.addresses.iter().cloned()).collect(),
            pid: pids.max(),
            who: Some(who),
            outcome: Some("stopped".to_owned()),
            status: Some(0),
            duration_ms: Some(millis(self.duration)),
            cut_short: self.cut_short.clone(),
            ..new
        }
    }

    /// The object of `--json`.
    pub(crate) fn json(&self, summary: &Summary) -> String {
        let details = StoppedJson {
            stopped: self.generations.iter().map(|(generation, one)| json(*generation, one)).collect(),
            cut_short: &self.cut_short,
            duration_ms: millis(self.duration),
        };
        result_json("stopped", "asked", 0, summary, Some(details))
    }
}

impl NotStopped {
    pub(crate) fn status(&self) -> u8 {
        match self {
            NotStopped::Nothing(_) | NotStopped::NotHeld { .. } => NOT_SERVED,
            NotStopped::Several { .. } => USAGE,
        }
    }

    /// The two lines on stderr.
    pub(crate) fn summary(&self) -> Summary {
        let (what, hint) = match self {
            NotStopped::Nothing(directory) => {
                let elsewhere = "`serverswap status --dir PATH` shows what runs in another directory";
                (format!("nothing runs in `{}`", directory.display()), elsewhere.to_owned())
            }
            NotStopped::NotHeld { directory, address, owner } => not_held(directory, address, owner.as_ref()),
            NotStopped::Several { directory, services } => {
                let services: Vec<String> = services.iter().map(|service| service_named(service)).collect();
                let what = format!("several run in `{}`: {}", directory.display(), grammar::list(&services));
                (
                    what,
                    "say which: `serverswap stop ADDRESS`, or all of them: `serverswap stop --all`"
                        .to_owned(),
                )
            }
        };
        Summary::Failure { error: format!("{what}; nothing was stopped"), hint }
    }

    /// The object of `--json`.
    pub(crate) fn json(&self, summary: &Summary) -> String {
        let reason = match self {
            NotStopped::Nothing(_) => "nothing_runs",
            NotStopped::NotHeld { owner: None, .. } => "not_held",
            NotStopped::NotHeld { owner: Some(_), .. } => "held_by_another",
            NotStopped::Several { .. } => "several",
        };
        result_json("not_stopped", reason, self.status(), summary, None::<()>)
    }
}

impl StoppedGeneration {
    /// Its servers, or what was to start them.
    fn processes(&self) -> BTreeSet<u32> {
        if self.servers.is_empty() { self.supervisor.into_iter().collect() } else { self.servers.clone() }
    }
}

fn json(generation: Generation, one: &StoppedGeneration) -> GenerationJson<'_> {
    let StoppedGeneration { supervisor, servers, addresses } = one;
    GenerationJson { generation, addresses, pids: servers, supervisor: *supervisor }
}

fn not_held(directory: &Path, address: &Address, owner: Option<&SocketOwner>) -> (String, String) {
    let Some(owner) = owner else {
        let what = format!("no server of `{}` has {address}", directory.display());
        return (what, "`serverswap status` shows which server has what".to_owned());
    };
    match &owner.started_by {
        None => (
            format!("{address} is held by {owner}, which serverswap did not start"),
            format!("stop it in the way in which it was started, or with `kill {}`", owner.pid),
        ),
        Some(by) if by.directory == directory => (
            format!("{owner} listens on {address} and has not claimed it"),
            "`serverswap status` shows what it has claimed".to_owned(),
        ),
        Some(by) => (
            format!("{address} is held by {owner}, which was started in another runtime directory"),
            format!("`serverswap stop --dir {} {address}`", by.directory.display()),
        ),
    }
}

fn service_named(service: &[Running]) -> String {
    let addresses: BTreeSet<&Address> = service.iter().flat_map(|one| &one.addresses).collect();
    named(&addresses, &service.iter().flat_map(processes).collect())
}

/// Its servers, or what is to start them.
fn processes(one: &Running) -> BTreeSet<u32> {
    let servers: BTreeSet<u32> = one.servers.iter().map(|server| server.pid).collect();
    if servers.is_empty() {
        one.supervisor.iter().map(|supervisor| supervisor.pid).collect()
    } else {
        servers
    }
}

/// `:8080 (pid 7)`; `a server without an address (pid 7)`.
fn named(addresses: &BTreeSet<&Address>, pids: &BTreeSet<u32>) -> String {
    let addresses: Vec<_> = addresses.iter().collect();
    let what = match addresses.len() {
        0 => "a server without an address".to_owned(),
        1..=NAMED_MAX => grammar::list(&addresses),
        many => format!("{many} addresses"),
    };
    let pids: Vec<_> = pids.iter().collect();
    match pids.len() {
        0 => what,
        1..=NAMED_MAX => format!("{what} (pid {})", grammar::list(&pids)),
        many => format!("{what} ({many} processes)"),
    }
}
