//! Writes records without keeping anybody waiting: on a thread that is there while there is something to write.
//!
//! The history is on a disk, in the directory of logs. What cannot be written there, because the disk is full, is kept in the runtime
//! directory, and the next record that can be written takes it along, behind one that says so ([`What::Delayed`]). Where there is no
//! such directory, the runtime directory has all there is; that does not survive a boot.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serverswap::protocol::Generation;
use serverswap::sys::process;
use tokio::time::timeout;

use super::entry::KILLED;
use super::file::HistoryFile;
use super::of_generations;
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
        let line = record.line();
        self.write_lines(move |_| line);
    }

    /// Of these generations, whose supervisors are gone, those that were started and of which nobody has written how the deploy went.
    pub(crate) fn write_killed(&self, generations: Vec<Generation>) {
        if generations.is_empty() {
            return;
        }
        let new = self.record(What::Deploy);
        self.write_lines(move |directory| {
            killed(&of_generations(directory, &generations), &new).iter().flat_map(Record::line).collect()
        });
    }

    /// `lines` is called on the thread, when everything before it is written.
    fn write_lines(&self, lines: impl FnOnce(&Path) -> Vec<u8> + Send + 'static) {
        let (directory, problem) = (self.directory.clone(), Arc::clone(&self.problem));
        let delayed = self.record(What::Delayed);
        drop(self.thread.run(move || {
            let lines = lines(&directory);
            if lines.is_empty() {
                return;
            }
            let folder = log_directory::prepare().ok();
            if let Some(report) = write(folder.as_deref(), &directory, delayed, &lines) {
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

/// How the deploys have ended whose commands were killed; `new` has its time. `records` are those of their generations.
fn killed(records: &[Record], new: &Record) -> Vec<Record> {
    let mut begun: BTreeMap<Generation, Record> = BTreeMap::new();
    for record in records.iter().filter(|record| record.boot == new.boot) {
        let Some(generation) = record.generation else { continue };
        if record.what == What::Start {
            begun.insert(generation, Record { generation: Some(generation), ..new.clone() });
        } else if record.what == What::Up {
            begun.entry(generation).and_modify(|known| {
                known.addresses.clone_from(&record.addresses);
                known.pid = record.pid;
            });
        } else if record.what == What::Deploy {
            begun.remove(&generation);
        }
    }
    let killed = begun.into_values();
    killed.map(|record| Record { outcome: Some(KILLED.to_owned()), ..record }).collect()
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
    fn a_deploy_whose_command_was_killed_gets_an_outcome_once_and_another_none() {
        let generation = |start| Some(Generation { start, pid: 7 });
        let new = |what| Record::new(what, Path::new("/run/x"), "boot", SystemTime::UNIX_EPOCH);
        let record = |what, start| Record { generation: generation(start), ..new(what) };
        let addresses = [":1".parse().expect("valid")];
        let mut records = vec![
            record(What::Start, 1),
            record(What::Deploy, 1),
            record(What::Start, 2),
            Record { pid: Some(70), addresses: addresses.clone().into(), ..record(What::Up, 2) },
            record(What::Start, 3),
            Record { boot: "another".to_owned(), ..record(What::Start, 4) },
        ];
        let written = killed(&records, &new(What::Deploy));
        let outcome = Some(KILLED.to_owned());
        let up = Record { pid: Some(70), addresses: addresses.into(), ..record(What::Deploy, 2) };
        let expected =
            [up, record(What::Deploy, 3)].map(|record| Record { outcome: outcome.clone(), ..record });
        assert_eq!(written, expected);
        records.extend(written);
        assert_eq!(killed(&records, &new(What::Deploy)), []);
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
