//! What `serverswap history` shows: the records of a deploy together are one entry. Pure.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use serde::Serialize;
use serverswap::protocol::{Address, Generation};

use super::command::again;
use super::record::{Record, What};
use super::who::Who;
use crate::supervisor::ServerExit;

/// The reason of the record of a server that has crashed while there was no arbiter.
pub(super) const FOUND_GONE: &str = "found_gone";

/// The outcome of a deploy whose command was killed, as the arbiter writes it.
pub(super) const KILLED: &str = "killed";

/// One thing that happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    /// When it began.
    pub(super) at: String,
    /// A few words.
    pub(super) happened: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exit: Option<ServerExit>,
    pub(super) addresses: BTreeSet<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) generation: Option<Generation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pid: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) replaced: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) serving_ms: Option<u64>,
    /// How many connections were cut.
    pub(super) cut: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) who: Option<Who>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) command: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cwd: Option<String>,
    /// What to type to run this version again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) again: Option<String>,
    #[serde(skip)]
    pub(super) stage: Stage,
}

/// How far a deploy has come, as far as it was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its server came up, now or then.
    Up,
    /// Not that anybody has written.
    Begun,
    /// It is none, or it has failed.
    #[default]
    Over,
}

/// What was read, oldest first. `lives` says whether a generation's supervisor does, `usual` is the runtime directory of a command
/// without `--dir`.
pub(super) fn entries(
    records: &[Record],
    usual: &Path,
    lives: impl Fn(&str, Generation) -> bool,
) -> Vec<Entry> {
    let stopped: BTreeSet<(&str, Generation)> = records.iter().flat_map(stopped).collect();
    let mut entries: Vec<Entry> = Vec::new();
    let mut deploys: HashMap<(&str, Generation), usize> = HashMap::new();
    let mut open = BTreeSet::new();
    for record in records {
        let of = record.generation.map(|generation| (record.boot.as_str(), generation));
        let known = of.and_then(|of| deploys.get(&of)).copied();
        match (&record.what, of) {
            (What::Start | What::Up | What::Deploy, Some(of)) => {
                let index = known.unwrap_or_else(|| {
                    entries.push(Entry { at: record.at.clone(), stage: Stage::Begun, ..Entry::default() });
                    open.insert(entries.len() - 1);
                    deploys.insert(of, entries.len() - 1);
                    entries.len() - 1
                });
                entries[index].add(record, usual);
                if record.what == What::Deploy {
                    open.remove(&index);
                }
            }
            (What::End, Some(of)) if is_told_otherwise(record, stopped.contains(&of)) => {}
            (What::Arbiter | What::Following | What::Event, _) => {}
            (
                What::Restart
                | What::End
                | What::Crash
                | What::Stop
                | What::Delayed
                | What::Other(_)
                | What::Start
                | What::Up
                | What::Deploy,
                _,
            ) => entries.push(Entry::of(record, known.map(|index| &entries[index]))),
        }
    }
    for (of, index) in deploys {
        if open.contains(&index) {
            let entry = &mut entries[index];
            entry.happened = match (entry.stage, lives(of.0, of.1)) {
                (Stage::Up, true) => "up",
                (Stage::Begun | Stage::Over, true) => "under way",
                (Stage::Up, false) => "up; its command was killed",
                (Stage::Begun | Stage::Over, false) => "its command was killed",
            }
            .to_owned();
        }
    }
    entries.sort_by(|one, other| one.at.cmp(&other.at));
    entries
}

/// What of them concerns an address: also a deploy that never came so far as to claim one, of a command that has served it.
pub(super) fn only(mut entries: Vec<Entry>, address: &Address) -> Vec<Entry> {
    let served = entries.iter().filter(|entry| entry.addresses.contains(address));
    let commands: BTreeSet<Vec<String>> = served.map(|entry| entry.command.clone()).collect();
    entries.retain(|entry| {
        entry.addresses.contains(address)
            || (entry.addresses.is_empty() && !entry.command.is_empty() && commands.contains(&entry.command))
    });
    entries
}

/// Of each service the versions before the one that came up last, newest first, each once; a service is what has the same addresses.
pub(super) fn older(entries: &[Entry]) -> Vec<&Entry> {
    let mut seen: HashMap<&BTreeSet<Address>, Vec<&str>> = HashMap::new();
    let mut older = Vec::new();
    for entry in entries.iter().rev().filter(|entry| entry.stage == Stage::Up) {
        let Some(again) = entry.again.as_deref() else { continue };
        let seen = seen.entry(&entry.addresses).or_default();
        if seen.contains(&again) {
            continue;
        }
        if !seen.is_empty() {
            older.push(entry);
        }
        seen.push(again);
    }
    older
}

fn stopped(record: &Record) -> impl Iterator<Item = (&str, Generation)> {
    record.generations.iter().map(|generation| (record.boot.as_str(), *generation))
}

/// The end of a generation that another entry tells: the deploy that has replaced it, or the command that has stopped it.
fn is_told_otherwise(end: &Record, is_stopped: bool) -> bool {
    match end.outcome.as_deref() {
        Some("replaced") => true,
        Some("stopped") => is_stopped,
        Some(_) | None => false,
    }
}

impl Entry {
    fn add(&mut self, record: &Record, usual: &Path) {
        self.addresses.extend(record.addresses.iter().cloned());
        self.generation = record.generation;
        self.pid = record.pid.or(self.pid);
        if record.what == What::Start {
            self.who = record.who.clone();
            self.command = record.command.clone();
            self.cwd = record.cwd.clone();
            self.again = again(record, usual);
        }
        if record.what == What::Up {
            self.stage = Stage::Up;
        }
        if record.what == What::Deploy {
            self.conclude(record);
        }
    }

    fn conclude(&mut self, record: &Record) {
        let outcome = record.outcome.as_deref().unwrap_or("not known");
        let was_up = outcome == KILLED && self.stage == Stage::Up;
        let came_up =
            was_up || matches!(outcome, "done" | "left" | "done_in_part" | "replaced" | "ended" | "stopped");
        self.stage = if came_up { Stage::Up } else { Stage::Over };
        self.happened = match outcome {
            "done" | "left" if record.replaced.is_empty() => "started".to_owned(),
            "done" | "left" => "swapped".to_owned(),
            "done_in_part" => "up in part".to_owned(),
            KILLED if was_up => "up; its command was killed".to_owned(),
            KILLED => "its command was killed".to_owned(),
            other => other.replace('_', " "),
        };
        self.fill(record);
    }

    fn fill(&mut self, record: &Record) {
        self.reason = record.reason.clone();
        self.status = record.status;
        self.exit = record.exit;
        self.duration_ms = record.duration_ms;
        self.serving_ms = record.serving_ms;
        self.replaced = record.replaced.clone();
        self.cut = record.cut();
    }

    /// What is no deploy; `deploy` is that of its generation.
    fn of(record: &Record, deploy: Option<&Entry>) -> Entry {
        let happened = match &record.what {
            What::Restart if record.reason.as_deref() == Some("newer_generation_failed") => {
                "started again".to_owned()
            }
            What::Restart => "restarted".to_owned(),
            What::Crash if record.reason.as_deref() == Some(FOUND_GONE) => {
                "gone unasked, seen later".to_owned()
            }
            What::Crash => "gone unasked".to_owned(),
            What::Stop => "stopped".to_owned(),
            What::Delayed => {
                format!("{} written late", crate::ui::grammar::count(record.records.unwrap_or(0), "record"))
            }
            What::End => record.outcome.as_deref().unwrap_or("ended").replace('_', " "),
            What::Other(kind) => kind.clone(),
            What::Start | What::Up | What::Deploy | What::Arbiter | What::Following | What::Event => {
                "of an unknown generation".to_owned()
            }
        };
        let mut entry = Entry {
            at: record.at.clone(),
            happened,
            addresses: record.addresses.clone(),
            generation: record.generation,
            pid: record.pid,
            who: record.who.clone(),
            ..Entry::default()
        };
        entry.fill(record);
        if let Some(deploy) = deploy {
            entry.command = deploy.command.clone();
            entry.cwd = deploy.cwd.clone();
            if entry.addresses.is_empty() {
                entry.addresses = deploy.addresses.clone();
            }
        }
        entry
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    const USUAL: &str = "/run/x";

    fn record(second: u64, what: What, start: u64) -> Record {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        let new = Record::new(what, Path::new(USUAL), "boot", now);
        Record { generation: Some(Generation { start, pid: 7 }), ..new }
    }

    fn started(second: u64, generation: u64, release: &str) -> Record {
        Record {
            command: vec!["./app".to_owned()],
            typed: vec!["serverswap".to_owned(), "./app".to_owned()],
            typed_in: Some(release.to_owned()),
            ..record(second, What::Start, generation)
        }
    }

    fn over(second: u64, generation: u64, outcome: &str, replaced: &[u32], addresses: &[&str]) -> Record {
        Record {
            outcome: Some(outcome.to_owned()),
            replaced: replaced.to_vec(),
            addresses: addresses.iter().map(|text| text.parse().expect("valid")).collect(),
            ..record(second, What::Deploy, generation)
        }
    }

    fn told(records: &[Record]) -> Vec<String> {
        let entries = entries(records, Path::new(USUAL), |_, generation| generation.start == 100);
        entries.into_iter().map(|entry| entry.happened).collect()
    }

    #[test]
    fn the_records_of_a_deploy_are_one_entry_at_its_beginning() {
        let records = [
            started(1, 1, "/1"),
            record(2, What::Up, 1),
            started(3, 2, "/2"),
            over(4, 1, "done", &[], &[":1"]),
        ];
        let entries = entries(&records, Path::new(USUAL), |_, _| true);
        assert_eq!(entries.len(), 2);
        assert_eq!(
            (entries[0].at.as_str(), entries[0].happened.as_str()),
            ("1970-01-01T00:00:01.000Z", "started")
        );
        assert_eq!(entries[0].again.as_deref(), Some("cd /1 && serverswap ./app"));
    }

    #[test]
    fn a_deploy_is_a_start_or_a_swap_or_what_has_become_of_it() {
        let outcome =
            |outcome, replaced: &[u32]| told(&[started(1, 1, "/1"), over(2, 1, outcome, replaced, &[":1"])]);
        assert_eq!(outcome("done", &[]), ["started"]);
        assert_eq!(outcome("done", &[6]), ["swapped"]);
        assert_eq!(outcome("rolled_back", &[]), ["rolled back"]);
    }

    #[test]
    fn of_a_command_that_was_killed_it_is_said_how_far_it_had_come() {
        assert_eq!(told(&[started(1, 1, "/1")]), ["its command was killed"]);
        assert_eq!(told(&[started(1, 1, "/1"), record(2, What::Up, 1)]), ["up; its command was killed"]);
        assert_eq!(told(&[started(1, 100, "/1")]), ["under way"]);
        let killed = || over(3, 1, KILLED, &[], &[]);
        assert_eq!(told(&[started(1, 1, "/1"), killed()]), ["its command was killed"]);
        assert_eq!(
            told(&[started(1, 1, "/1"), record(2, What::Up, 1), killed()]),
            ["up; its command was killed"]
        );
    }

    #[test]
    fn an_end_is_told_once() {
        let end = |outcome: &str| Record { outcome: Some(outcome.to_owned()), ..record(5, What::End, 1) };
        let stop = Record { generations: vec![Generation { start: 1, pid: 7 }], ..record(4, What::Stop, 9) };
        let stop = Record { generation: None, ..stop };
        assert_eq!(told(&[stop.clone(), end("stopped")]), ["stopped"]);
        assert_eq!(told(&[end("stopped")]), ["stopped"]);
        assert_eq!(told(&[end("replaced")]), [""; 0]);
        assert_eq!(told(&[stop, end("failed")]), ["stopped", "failed"]);
    }

    #[test]
    fn the_same_generation_of_another_boot_is_another() {
        let later = Record { boot: "next".to_owned(), ..over(9, 1, "done", &[], &[":1"]) };
        assert_eq!(told(&[started(1, 1, "/1"), over(2, 1, "done", &[], &[":1"]), later]).len(), 2);
    }

    #[test]
    fn of_an_address_a_deploy_that_never_claimed_it_is_shown_too_and_another_service_is_not() {
        let other = Record { command: vec!["./other".to_owned()], ..started(5, 3, "/3") };
        let records = [
            started(1, 1, "/1"),
            over(2, 1, "done", &[], &[":1"]),
            started(3, 2, "/2"),
            over(4, 2, "failed", &[], &[]),
            other,
            over(6, 3, "failed", &[], &[]),
        ];
        let entries = entries(&records, Path::new(USUAL), |_, _| false);
        let shown = only(entries, &":1".parse().expect("valid"));
        assert_eq!(
            shown.iter().map(|entry| entry.happened.as_str()).collect::<Vec<_>>(),
            ["started", "failed"]
        );
    }

    #[test]
    fn an_older_version_is_one_that_came_up_and_differs_from_the_last() {
        let mut records = Vec::new();
        for (generation, release, outcome) in [
            (1, "/1", "done"),
            (2, "/1", "done"),
            (3, "/bad", "failed"),
            (4, "/2", "done"),
            (5, "/2", "done"),
        ] {
            records.push(started(generation * 2, generation, release));
            records.push(over(generation * 2 + 1, generation, outcome, &[], &[":1"]));
        }
        let entries = entries(&records, Path::new(USUAL), |_, _| false);
        let older: Vec<_> = older(&entries).into_iter().filter_map(|entry| entry.again.as_deref()).collect();
        assert_eq!(older, ["cd /1 && serverswap ./app"]);
    }

    #[test]
    fn what_a_later_version_has_written_is_told_in_its_own_word() {
        assert_eq!(told(&[record(1, What::Other("moved".to_owned()), 1)]), ["moved"]);
    }
}
