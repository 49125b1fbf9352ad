//! The log of one generation, and the record that says whose it is. Both are in the directory of logs:
//!
//! | file              | content                                                   |
//! | ----------------- | --------------------------------------------------------- |
//! | `STEM.json`       | the [`LogRecord`], written before the logs are made        |
//! | `STEM.log`        | both streams                                              |
//! | `STEM.stdout.log` | stdout alone, where the two are shown in different places |
//! | `STEM.stderr.log` | stderr alone                                              |
//!
//! STEM is the time of the start and the pid of the supervisor, so that names are ordered by age. A log is opened for
//! appending: whoever truncates it, as logrotate's `copytruncate` does, leaves no hole. Every process that
//! writes to it has locked it ([`file_lock`]): a log that is still written to is never deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serverswap::protocol::{Address, Generation};
use serverswap::sys::process;

use super::destination::LogName;
use crate::sys::file_lock;

/// Most generations of one runtime directory whose logs are kept; those still written to are kept besides.
const KEPT_OF_A_DIRECTORY: usize = 10;

/// Most generations whose logs are kept, of every runtime directory together.
const KEPT: usize = 50;

/// What a log is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogRecord {
    /// The generation.
    pub(crate) generation: Generation,
    /// The boot that its start is counted from.
    pub(crate) boot: String,
    /// Its runtime directory.
    pub(crate) directory: PathBuf,
    /// What was started, for people.
    pub(crate) command: String,
    /// When, as RFC 3339.
    pub(crate) started: String,
    /// The addresses that it served.
    pub(crate) addresses: BTreeSet<Address>,
}

/// The logs of this generation.
#[derive(Debug)]
pub(super) struct GenerationLog {
    stem: PathBuf,
    record: LogRecord,
}

/// The logs of a generation, found in the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundLog {
    /// The path without an ending.
    stem: PathBuf,
    /// Whose it is.
    pub(crate) record: LogRecord,
}

impl GenerationLog {
    /// Writes the record of a generation that starts now, and deletes what is no longer kept.
    ///
    /// # Errors
    /// The record cannot be written.
    pub(super) fn new(
        log_directory: &Path,
        generation: Generation,
        directory: &Path,
        command: &str,
    ) -> io::Result<Self> {
        let now = SystemTime::now();
        let record = LogRecord {
            generation,
            boot: process::boot_id()?,
            directory: directory.to_owned(),
            command: command.to_owned(),
            started: humantime::format_rfc3339_seconds(now).to_string(),
            addresses: BTreeSet::new(),
        };
        let log = GenerationLog { stem: log_directory.join(stem(now, generation)), record };
        log.write_record()?;
        delete_old(log_directory);
        Ok(log)
    }

    /// Where a log is.
    pub(super) fn path(&self, name: LogName) -> PathBuf {
        with_ending(&self.stem, ending(name))
    }

    /// Opens a log for a server that is about to start.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(super) fn open(&self, name: LogName) -> io::Result<File> {
        let file = File::options()
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(self.path(name))?;
        // Without it the log is deleted earlier, and nothing else is different.
        let _ = file_lock::lock_shared(&file);
        Ok(file)
    }

    /// Records that the generation serves an address. Without it the log is found by its generation only.
    pub(super) fn served(&mut self, address: &Address) {
        if self.record.addresses.insert(address.clone()) {
            let _ = self.write_record();
        }
    }

    fn write_record(&self) -> io::Result<()> {
        let (path, unfinished) = (with_ending(&self.stem, "json"), with_ending(&self.stem, "json.new"));
        let mut file =
            File::options().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(&serde_json::to_vec(&self.record)?)?;
        fs::rename(unfinished, path)
    }
}

impl FoundLog {
    /// Every log in a directory, oldest first; none if it cannot be read.
    pub(crate) fn all(log_directory: &Path) -> Vec<FoundLog> {
        let names = fs::read_dir(log_directory).into_iter().flatten().flatten().map(|entry| entry.path());
        let records = names.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
        let mut found: Vec<FoundLog> = records.filter_map(|path| FoundLog::read(&path)).collect();
        found.sort_by(|one, other| one.stem.cmp(&other.stem));
        found
    }

    fn read(path: &Path) -> Option<FoundLog> {
        let record = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        Some(FoundLog { stem: path.with_extension(""), record })
    }

    /// The one of both streams or of stdout alone, if there is one.
    pub(crate) fn stdout(&self) -> Option<PathBuf> {
        self.existing("log").or_else(|| self.existing("stdout.log"))
    }

    /// The one of stderr alone, if there is one.
    pub(crate) fn stderr(&self) -> Option<PathBuf> {
        self.existing("stderr.log")
    }

    /// Whether a process still has one of them open for writing.
    pub(crate) fn is_written_to(&self) -> bool {
        let logs = self.stdout().into_iter().chain(self.stderr());
        logs.filter_map(|path| File::open(path).ok()).any(file_lock::is_locked)
    }

    fn existing(&self, ending: &str) -> Option<PathBuf> {
        let path = with_ending(&self.stem, ending);
        path.exists().then_some(path)
    }

    fn delete(&self) {
        // The record last, so that nothing is left of which nobody knows.
        for ending in ["log", "stdout.log", "stderr.log", "json"] {
            let _ = fs::remove_file(with_ending(&self.stem, ending));
        }
    }
}

fn delete_old(log_directory: &Path) {
    let mut kept: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for (newer, found) in FoundLog::all(log_directory).into_iter().rev().enumerate() {
        let of_its_directory = kept.entry(found.record.directory.clone()).or_default();
        *of_its_directory += 1;
        if (*of_its_directory > KEPT_OF_A_DIRECTORY || newer >= KEPT) && !found.is_written_to() {
            found.delete();
        }
    }
}

fn ending(name: LogName) -> &'static str {
    match name {
        LogName::Both(_) => "log",
        LogName::Stdout(_) => "stdout.log",
        LogName::Stderr => "stderr.log",
    }
}

fn with_ending(stem: &Path, ending: &str) -> PathBuf {
    let mut path = stem.as_os_str().to_owned();
    path.push(".");
    path.push(ending);
    PathBuf::from(path)
}

/// `20261130T120000_331Z-4711`: sorted by name is sorted by time.
fn stem(time: SystemTime, generation: Generation) -> String {
    let time = humantime::format_rfc3339_millis(time).to_string().replace(['-', ':'], "");
    format!("{}-{}", time.replace('.', "_"), generation.pid)
}
