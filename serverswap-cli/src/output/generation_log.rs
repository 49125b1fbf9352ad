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
use std::ffi::OsStr;
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
        GenerationLog::at(SystemTime::now(), log_directory, generation, directory, command)
    }

    fn at(
        now: SystemTime,
        log_directory: &Path,
        generation: Generation,
        directory: &Path,
        command: &str,
    ) -> io::Result<Self> {
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
        Some(FoundLog::new(path.with_extension(""), record))
    }

    /// The logs of `record`, whose paths begin with `stem`.
    pub(crate) fn new(stem: PathBuf, record: LogRecord) -> FoundLog {
        FoundLog { stem, record }
    }

    /// By this it is older or newer than others.
    pub(crate) fn name(&self) -> Option<&OsStr> {
        self.stem.file_name()
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::destination::OurStream;
    use super::*;

    const BOTH: LogName = LogName::Both(OurStream::Stdout);

    /// A generation of a runtime directory, whose log has one line; the log is open for as long as the file lives.
    fn logged(log_directory: &Path, directory: &str, start: u64) -> (GenerationLog, File) {
        let generation = Generation { start, pid: 77 };
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(start);
        let log = GenerationLog::at(time, log_directory, generation, Path::new(directory), "./app");
        let log = log.expect("the directory is writable");
        let mut file = log.open(BOTH).expect("opened");
        file.write_all(b"a line\n").expect("written");
        (log, file)
    }

    fn starts(log_directory: &Path) -> Vec<u64> {
        FoundLog::all(log_directory).iter().map(|found| found.record.generation.start).collect()
    }

    #[test]
    fn a_log_is_found_with_its_record() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let (mut log, file) = logged(folder.path(), "/run/a", 1);
        let address: Address = ":8080".parse().expect("an address");
        log.served(&address);
        let [found] = &FoundLog::all(folder.path())[..] else {
            panic!("there is one");
        };
        assert_eq!(found.stdout(), Some(log.path(BOTH)));
        assert_eq!((found.stderr(), &found.record.addresses), (None, &BTreeSet::from([address])));
        assert_eq!(found.record.started, "1970-01-01T00:00:01Z");
        assert!(found.is_written_to());
        drop(file);
        assert!(!found.is_written_to());
    }

    #[test]
    fn the_newest_few_of_each_directory_are_kept_and_those_still_written_to() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let (_log, still_open) = logged(folder.path(), "/run/a", 1);
        logged(folder.path(), "/run/b", 2);
        for start in 3..=14 {
            logged(folder.path(), "/run/a", start);
        }
        assert_eq!(starts(folder.path()), [1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
        drop(still_open);
        logged(folder.path(), "/run/a", 15);
        assert_eq!(starts(folder.path()), [2, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        let files = fs::read_dir(folder.path()).expect("readable").count();
        assert_eq!(files, 11 * 2, "a log goes with its record");
    }

    #[test]
    fn of_all_directories_together_a_limited_number_is_kept() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        for start in 1..=60 {
            logged(folder.path(), &format!("/run/{start}"), start);
        }
        assert_eq!(starts(folder.path()), (11..=60).collect::<Vec<u64>>());
    }

    #[test]
    fn a_log_that_was_truncated_has_no_hole() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let (log, mut file) = logged(folder.path(), "/run/a", 1);
        File::options().write(true).truncate(true).open(log.path(BOTH)).expect("truncated, as by logrotate");
        file.write_all(b"next\n").expect("written");
        assert_eq!(fs::read(log.path(BOTH)).expect("readable"), b"next\n");
    }
}
