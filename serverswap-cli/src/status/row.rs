//! One row for people: the servers of one generation at one address. Pure.

use std::time::{Duration, SystemTime};

use serverswap::protocol::{Address, Generation};

use super::{
    AddressReport, DrainingServer, Ending, Holder, HolderState, Owner, StatusReport, SupervisedBy,
    UnrecordedProcess,
};
use crate::cli::for_shell;
use crate::ui::duration::text;
use crate::ui::grammar::printable;

/// Most process ids that are named; the others are counted.
const PIDS_MAX: usize = 3;

/// What is not known.
pub(super) const UNKNOWN: &str = "-";

/// Everything that is shown of it, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) address: String,
    pub(super) state: String,
    pub(super) tone: Tone,
    /// `None` if no server is there.
    pub(super) generation: Option<Generation>,
    /// `4711 4712 +2`: the last are processes that are not named.
    pub(super) pids: String,
    pub(super) since: Option<SystemTime>,
    pub(super) age: Duration,
    pub(super) connections: Option<u64>,
    pub(super) memory: String,
    pub(super) supervisor: String,
    pub(super) who: String,
    pub(super) command: String,
    pub(super) cwd: Option<String>,
}

/// Whether all is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// It serves.
    Good,
    /// It is about to change.
    Passing,
    /// Nobody serves.
    Bad,
}

/// Those of a report, of each address in turn.
pub(super) fn rows(report: &StatusReport) -> Vec<Row> {
    let named = report.addresses.iter().flat_map(|address| of_address(report, address));
    named.chain(report.unrecorded.iter().flat_map(|process| unrecorded(report, process))).collect()
}

fn of_address(report: &StatusReport, address: &AddressReport) -> Vec<Row> {
    let at = Place { report, address: &address.address };
    let mut rows = Vec::new();
    let mut seen: Vec<(Generation, HolderState)> = Vec::new();
    for first in &address.holders {
        let key = (first.generation, first.state);
        if !seen.contains(&key) {
            seen.push(key);
            let all: Vec<&Holder> =
                address.holders.iter().filter(|one| (one.generation, one.state) == key).collect();
            rows.push(at.holders(first, &all));
        }
    }
    let is_represented = |owner: &Owner| {
        let mut generations = address.holders.iter().map(|one| one.generation);
        let mut draining = address.draining.iter().map(|one| one.generation);
        generations.any(|one| one == owner.generation) || draining.any(|one| one == owner.generation)
    };
    rows.extend(address.owners.iter().filter(|owner| !is_represented(owner)).map(|owner| at.owner(owner)));
    if rows.is_empty() && address.owners.is_empty() {
        rows.push(at.nobody());
    }
    let mut seen: Vec<Generation> = Vec::new();
    for first in &address.draining {
        if !seen.contains(&first.generation) {
            seen.push(first.generation);
            let all = address.draining.iter().filter(|one| one.generation == first.generation);
            rows.push(at.draining(first, &all.collect::<Vec<_>>()));
        }
    }
    rows
}

fn unrecorded(report: &StatusReport, process: &UnrecordedProcess) -> Vec<Row> {
    let row = |address: Option<&Address>, state: &str, tone| {
        let text = address.map_or_else(|| UNKNOWN.to_owned(), ToString::to_string);
        let row = Row {
            state: state.to_owned(),
            tone,
            pids: pids(&[process.pid], report, process.generation),
            ..empty(printable(&text))
        };
        detailed(row, report, process.generation, address)
    };
    match process.listens.as_slice() {
        [] => vec![row(None, "not known what it serves", Tone::Passing)],
        listens => listens.iter().map(|address| row(Some(address), "listening", Tone::Good)).collect(),
    }
}

/// Where a row is.
struct Place<'a> {
    report: &'a StatusReport,
    address: &'a Address,
}

impl Place<'_> {
    fn holders(&self, first: &Holder, all: &[&Holder]) -> Row {
        let (state, tone) = match first.state {
            HolderState::Granted => ("starting", Tone::Passing),
            HolderState::Probation => ("on probation", Tone::Passing),
            HolderState::Serving => ("serving", Tone::Good),
        };
        let says = first.says.as_ref().map(|words| format!(" ({})", printable(words))).unwrap_or_default();
        let age = all.iter().map(|one| one.age).max().unwrap_or(first.age);
        let pids: Vec<u32> = all.iter().map(|one| one.pid).collect();
        let row = Row { state: format!("{state}{says}"), tone, ..self.server(age, &pids, first.generation) };
        Row { supervisor: supervisor(first.supervisor), ..row }
    }

    fn draining(&self, first: &DrainingServer, all: &[&DrainingServer]) -> Row {
        let age = all.iter().map(|one| one.age).max().unwrap_or(first.age);
        let pids: Vec<u32> = all.iter().map(|one| one.pid).collect();
        let row = self.server(age, &pids, first.generation);
        let reported = all.iter().filter_map(|one| one.connections).reduce(|one, other| one + other);
        let last = all.iter().max_by_key(|one| one.remaining).unwrap_or(&first);
        let end = match (last.ending, last.remaining) {
            (Ending::Term, Some(left)) => format!(", TERM in {}", text(left)),
            (Ending::Kill { after }, _) => format!(", KILL in {}", text(after)),
            (Ending::None, _) => ", serves another address".to_owned(),
            (Ending::Term, None) => String::new(),
        };
        Row {
            state: format!("draining{end}"),
            tone: Tone::Passing,
            connections: reported.or(row.connections),
            supervisor: supervisor(first.supervisor),
            ..row
        }
    }

    fn owner(&self, owner: &Owner) -> Row {
        let row = Row {
            state: "restarting".to_owned(),
            tone: Tone::Bad,
            supervisor: supervisor(SupervisedBy::Pid(owner.pid)),
            ..empty(self.text())
        };
        detailed(row, self.report, owner.generation, None)
    }

    fn nobody(&self) -> Row {
        Row { state: "not served".to_owned(), tone: Tone::Bad, ..empty(self.text()) }
    }

    fn server(&self, age: Duration, all: &[u32], generation: Generation) -> Row {
        let since = self.report.now.checked_sub(age);
        let pids = pids(all, self.report, generation);
        let row = Row { since, age, pids, ..empty(self.text()) };
        detailed(row, self.report, generation, Some(self.address))
    }

    fn text(&self) -> String {
        printable(&self.address.to_string())
    }
}

fn empty(address: String) -> Row {
    let unknown = || UNKNOWN.to_owned();
    Row {
        address,
        state: String::new(),
        tone: Tone::Good,
        generation: None,
        pids: unknown(),
        since: None,
        age: Duration::ZERO,
        connections: None,
        memory: unknown(),
        supervisor: "none".to_owned(),
        who: unknown(),
        command: unknown(),
        cwd: None,
    }
}

fn detailed(row: Row, report: &StatusReport, generation: Generation, address: Option<&Address>) -> Row {
    let Some(details) = report.generations.get(&generation) else { return row };
    let words = |command: &Vec<String>| {
        let words: Vec<_> = command.iter().map(Into::into).collect();
        // A title that a program has written over its arguments is one text.
        let text = match command.as_slice() {
            [title] => title.clone(),
            _ => for_shell(&words),
        };
        printable(text.trim_end())
    };
    Row {
        generation: Some(generation),
        connections: address.and_then(|address| report.connections(generation, address)),
        memory: details.memory.map_or_else(|| UNKNOWN.to_owned(), memory),
        who: details.who.as_ref().map_or_else(|| UNKNOWN.to_owned(), |who| printable(&who.text())),
        command: details.command.as_ref().map_or_else(|| UNKNOWN.to_owned(), words),
        cwd: details.cwd.as_ref().map(|cwd| printable(cwd)),
        ..row
    }
}

fn pids(servers: &[u32], report: &StatusReport, generation: Generation) -> String {
    let all = report.generations.get(&generation).map_or(0, |details| details.processes.len());
    let shown = servers.len().min(PIDS_MAX);
    let named: Vec<String> = servers[..shown].iter().map(ToString::to_string).collect();
    match all.max(servers.len()) - shown {
        0 => named.join(" "),
        more => format!("{} +{more}", named.join(" ")),
    }
}

fn supervisor(supervisor: SupervisedBy) -> String {
    supervisor.pid().map_or_else(|| "none".to_owned(), |pid| pid.to_string())
}

/// `3.4 MiB`, `84 MiB`, `1.2 GiB`.
fn memory(bytes: u64) -> String {
    let (unit, name) = if bytes < 1 << 30 { (1 << 20, "MiB") } else { (1 << 30, "GiB") };
    let tenths = bytes.saturating_mul(10) / unit;
    match (tenths / 10, tenths % 10) {
        (whole @ 0..10, tenth) => format!("{whole}.{tenth} {name}"),
        (whole, _) => format!("{whole} {name}"),
    }
}
