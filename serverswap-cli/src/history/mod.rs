//! What was done here: every start, swap, failure, restart, stop and crash, with who did it. `serverswap history` shows it.
//!
//! Who knows something writes it: a supervisor of its generation ([`DeployHistory`]), `serverswap stop` of what it has stopped, the
//! arbiter of a server that has no supervisor. A record is one JSON object on a line; the file is beside the logs. Nothing is decided by
//! it, and nobody waits for it.

mod arbiter;
mod command;
mod deploy;
mod entry;
mod file;
mod record;
mod table;
mod who;
mod writer;

use std::collections::HashSet;
use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serverswap::protocol::Generation;
use serverswap::sys::process::{self, Process};

use self::entry::{Entry, entries};
use self::record::Line;
use self::writer::{kept_in, of_user};
use crate::cli;
use crate::output::log_directory;
use crate::runtime_directory;
use crate::ui::{Conclusion, Console, Report, ResultFormat, Summary, json_line};

pub(crate) use self::arbiter::ArbiterHistory;
pub(crate) use self::deploy::DeployHistory;
pub(crate) use self::record::{Record, What};
pub(crate) use self::who::Who;
pub(crate) use self::writer::HistoryWriter;

/// The exit status if there is nothing to show.
const NOTHING: u8 = 3;

/// What was read of a runtime directory.
pub(crate) struct Found {
    /// Oldest first.
    pub(crate) records: Vec<Record>,
    /// Each as it was written, without its line feed.
    lines: Vec<Vec<u8>>,
    /// Lines of a later version that cannot be read.
    newer: u64,
    /// Lines that were cut off.
    unreadable: u64,
}

impl Found {
    /// Each record, and its line.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (&Record, &[u8])> {
        self.records.iter().zip(self.lines.iter().map(Vec::as_slice))
    }
}

/// Whether something was written since it was looked at.
pub(crate) struct HistoryWatch {
    files: Vec<PathBuf>,
    seen: Option<Vec<Option<(u64, u64)>>>,
}

impl HistoryWatch {
    pub(crate) fn new(directory: &Path) -> HistoryWatch {
        let folders = log_directory::candidates_of(directory).into_iter().map(|folder| of_user(&folder));
        let files = folders.chain([kept_in(directory)]).map(|file| file.path()).collect();
        HistoryWatch { files, seen: None }
    }

    /// Looks; the first time there is always something.
    pub(crate) fn has_changed(&mut self) -> bool {
        let look = |path: &PathBuf| std::fs::metadata(path).ok().map(|found| (found.ino(), found.len()));
        let now = Some(self.files.iter().map(look).collect());
        let changed = self.seen != now;
        self.seen = now;
        changed
    }
}

#[derive(Serialize)]
struct HistoryJson<'a> {
    directory: &'a str,
    entries: &'a [Entry],
    newer: u64,
    unreadable: u64,
}

/// Prints it and returns the exit status.
pub fn show(history: &cli::History) -> u8 {
    let console = Console::plain(history.result);
    let directory = runtime_directory::find(history.dir.as_deref());
    let found = read(&directory);
    let entries = entries(&found.records, &runtime_directory::find(None), lives);
    let mut entries = match &history.address {
        Some(address) => entry::only(entries, address),
        None => entries,
    };
    let older = table::older(&entry::older(&entries));
    let left_out = entries.len().saturating_sub(history.limit.unwrap_or(usize::MAX));
    entries.drain(..left_out);
    if found.newer > 0 || found.unreadable > 0 {
        console.report(&Report::HistoryUnreadable { newer: found.newer, cut_off: found.unreadable });
    }
    let conclusion = match history.result {
        ResultFormat::Json => {
            let text = directory.to_string_lossy();
            let Found { newer, unreadable, .. } = found;
            let status = if entries.is_empty() { NOTHING } else { 0 };
            let object = HistoryJson { directory: &text, entries: &entries, newer, unreadable };
            Conclusion::result(status, json_line(&object))
        }
        ResultFormat::None if entries.is_empty() => console.failed(&nothing(&directory, history), NOTHING),
        ResultFormat::None => Conclusion::result(0, table::render(&entries, width()) + &older),
    };
    console.finish(conclusion)
}

/// What was written of a runtime directory, wherever that is.
pub(crate) fn read(directory: &Path) -> Found {
    read_if(directory, |_| true)
}

/// The same of a few generations: other lines are not looked into.
pub(crate) fn of_generations(directory: &Path, generations: &[Generation]) -> Vec<Record> {
    let named: Vec<String> = generations.iter().map(ToString::to_string).collect();
    read_if(directory, |line| named.iter().any(|generation| line.contains(generation))).records
}

fn read_if(directory: &Path, is_meant: impl Fn(&str) -> bool) -> Found {
    let folders = log_directory::candidates_of(directory).into_iter();
    let texts = folders.map(|folder| of_user(&folder).read()).chain([kept_in(directory).read()]);
    let (mut written, mut newer, mut unreadable) = (Vec::new(), 0, 0);
    // What was passed on by a process that was killed then is there twice.
    let mut seen = HashSet::new();
    for text in texts {
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        for line in lines.filter(|line| is_meant(&String::from_utf8_lossy(line))) {
            match Line::read(line) {
                Line::Record(record) if Path::new(&record.directory) == directory => {
                    if seen.insert(line.to_owned()) {
                        written.push((*record, line.to_owned()));
                    }
                }
                Line::Record(_) => {}
                Line::Newer => newer += 1,
                Line::Unreadable => unreadable += 1,
            }
        }
    }
    written.sort_by(|(one, _), (other, _)| one.at.cmp(&other.at));
    let (records, lines) = written.into_iter().unzip();
    Found { records, lines, newer, unreadable }
}

/// Whether the supervisor of a generation does.
fn lives(boot: &str, generation: Generation) -> bool {
    let is_of_this_boot = process::boot_id().is_ok_and(|this| this == boot);
    let supervisor = Process::of(generation.pid);
    is_of_this_boot && supervisor.is_ok_and(|process| process::is_supervisor_of(process, generation))
}

fn nothing(directory: &Path, history: &cli::History) -> Summary {
    let of = history.address.as_ref().map(|address| format!(" of {address}")).unwrap_or_default();
    Summary::Failure {
        error: format!("there is no history{of} in `{}`", directory.display()),
        hint: "`serverswap history --dir PATH` shows that of another directory; `serverswap status` what serves now"
            .to_owned(),
    }
}

/// Of the terminal, if stdout is one.
fn width() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0))
}
