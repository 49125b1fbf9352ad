//! Writes records without keeping anybody waiting: on a thread that is there while there is something to write.
//!
//! The history is on a disk, in the directory of logs. What cannot be written there, because the disk is full, is kept in the runtime
//! directory, and the next record that can be written takes it along, behind one that says so ([`What::Delayed`]). Where there is no
//! such directory, the runtime directory has all there is; that does not survive a boot.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serverswap::sys::process;
use tokio::time::timeout;

use super::file::HistoryFile;
use super::record::{Record, What};
use crate::output::log_directory;
use crate::runtime::{LookThread, lock};
use crate::ui::Report;

/// With more, the history becomes the older one of two files.
const HISTORY_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The same of what is kept in the runtime directory, which is in memory.
const KEPT_BYTES_MAX: u64 = 256 * 1024;

/// How long a command waits at its end for a disk that does not answer.
const FINISH_WAIT_MAX: Duration = Duration::from_secs(2);

/// Writes the records of one runtime directory; a clone is the same writer.
#[derive(Clone)]
pub(crate) struct HistoryWriter {
    directory: PathBuf,
    boot: String,
    thread: LookThread,
    problem: Arc<Mutex<Option<Report>>>,
}

/// The history of a user.
pub(super) fn of_user(folder: &Path) -> HistoryFile {
    HistoryFile::new(folder, HISTORY_BYTES_MAX)
}

/// What is kept in a runtime directory.
pub(super) fn kept_in(directory: &Path) -> HistoryFile {
    HistoryFile::new(directory, KEPT_BYTES_MAX)
}

impl HistoryWriter {
    pub(crate) fn new(directory: &Path) -> HistoryWriter {
        HistoryWriter {
            directory: directory.to_owned(),
            boot: process::boot_id().unwrap_or_default(),
            thread: LookThread::default(),
            problem: Arc::default(),
        }
    }

    /// A record of this moment.
    pub(crate) fn record(&self, what: What) -> Record {
        Record::new(what, &self.directory, &self.boot, SystemTime::now())
    }

    /// Writes it, in its turn.
    pub(crate) fn write(&self, record: &Record) {
        let (directory, problem, line) = (self.directory.clone(), Arc::clone(&self.problem), record.line());
        let delayed = self.record(What::Delayed);
        drop(self.thread.run(move || {
            let folder = log_directory::prepare().ok();
            if let Some(report) = write(folder.as_deref(), &directory, delayed, &line) {
                lock(&problem).get_or_insert(report);
            }
        }));
    }

    /// Waits until everything is written, for a while; what went wrong first.
    pub(crate) async fn finish(&self) -> Option<Report> {
        if timeout(FINISH_WAIT_MAX, self.thread.finish()).await.is_err() {
            let problem = format!("the disk has not answered for {} s", FINISH_WAIT_MAX.as_secs());
            return Some(Report::HistoryNotWritten { problem, kept: None });
        }
        lock(&self.problem).take()
    }
}

fn write(folder: Option<&Path>, directory: &Path, delayed: Record, line: &[u8]) -> Option<Report> {
    let kept = kept_in(directory);
    let problem = match folder.map(|folder| write_all(&of_user(folder), &kept, delayed, line)) {
        Some(Ok(())) => return None,
        Some(Err(error)) => Some(error),
        None => None,
    };
    match (kept.append(line), problem) {
        (Ok(()), None) => None,
        (Ok(()), Some(error)) => {
            Some(Report::HistoryNotWritten { problem: error.to_string(), kept: Some(kept.path()) })
        }
        (Err(error), problem) => {
            let problem = problem.unwrap_or(error).to_string();
            Some(Report::HistoryNotWritten { problem, kept: None })
        }
    }
}

fn write_all(history: &HistoryFile, kept: &HistoryFile, delayed: Record, line: &[u8]) -> io::Result<()> {
    kept.empty_into(|lines| {
        let records = lines.iter().filter(|byte| **byte == b'\n').count();
        let delayed = Record { records: u64::try_from(records).ok(), ..delayed };
        history.append(&[&delayed.line(), lines].concat())
    })?;
    history.append(line)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn text(file: &HistoryFile) -> String {
        String::from_utf8(file.read()).expect("tests write text")
    }

    #[test]
    fn what_the_disk_does_not_take_is_kept_and_follows_when_it_does() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let (disk, run) = (folder.path().join("disk"), folder.path().join("run"));
        fs::create_dir_all(disk.join("history.jsonl")).expect("nothing can be appended to a directory");
        fs::create_dir(&run).expect("made");
        let delayed = || Record::new(What::Delayed, &run, "boot", SystemTime::UNIX_EPOCH);
        let report = write(Some(&disk), &run, delayed(), b"one\n");
        let Some(Report::HistoryNotWritten { kept: Some(kept), .. }) = report else { panic!("{report:?}") };
        assert_eq!((kept, text(&kept_in(&run)).as_str()), (run.join("history.jsonl"), "one\n"));
        fs::remove_dir(disk.join("history.jsonl")).expect("empty");
        assert_eq!(write(Some(&disk), &run, delayed(), b"two\n"), None);
        let history = text(&of_user(&disk));
        let mut lines = history.lines();
        assert!(
            lines
                .next()
                .is_some_and(|line| line.contains(r#""what":"delayed""#) && line.contains(r#""records":1"#))
        );
        assert_eq!(lines.collect::<Vec<_>>(), ["one", "two"]);
        assert!(!run.join("history.jsonl").exists());
    }

    #[test]
    fn where_no_disk_can_have_it_the_runtime_directory_has_it_without_a_warning() {
        let run = tempfile::tempdir().expect("a temporary directory");
        let delayed = Record::new(What::Delayed, run.path(), "boot", SystemTime::UNIX_EPOCH);
        assert_eq!(write(None, run.path(), delayed, b"one\n"), None);
        assert_eq!(text(&kept_in(run.path())), "one\n");
    }

    #[test]
    fn where_nothing_can_be_written_the_first_reason_is_told() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let delayed = Record::new(What::Delayed, folder.path(), "boot", SystemTime::UNIX_EPOCH);
        let report = write(None, &folder.path().join("nowhere"), delayed, b"one\n");
        assert!(matches!(report, Some(Report::HistoryNotWritten { kept: None, .. })), "{report:?}");
    }
}
