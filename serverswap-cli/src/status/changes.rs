//! Waits until what `serverswap status` shows may have changed: something was written to a runtime directory, or a process has ended.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use serverswap::sys::process::Process;

use super::{Numbers, StatusReport, SupervisedBy};
use crate::sys::terminal::TerminalSignals;

/// A folder in which something appears whose name begins so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) folder: PathBuf,
    pub(super) prefix: OsString,
}

/// What is waited for; made before the look whose result it guards.
pub(super) struct Changes {
    inotify: Inotify,
    watched: Vec<(WatchDescriptor, OsString)>,
    processes: Vec<OwnedFd>,
    /// A process that was shown has ended before it could be watched.
    have_come: bool,
}

/// Why a wait is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Woken {
    /// Something has changed.
    Changed,
    /// The time is over.
    Ticked,
    /// A signal has come.
    Signalled,
    /// Nobody reads stdout any more.
    Unread,
}

impl Changes {
    /// Of these directories, whether they exist or not, and these places.
    ///
    /// # Errors
    /// Out of descriptors or inotify instances.
    pub(super) fn watch(directories: &[PathBuf], places: Vec<Place>) -> io::Result<Changes> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        let mut watched = Vec::new();
        for place in directories.iter().filter_map(|path| place_of(path)).chain(places) {
            let flags = AddWatchFlags::IN_MODIFY
                | AddWatchFlags::IN_CREATE
                | AddWatchFlags::IN_DELETE
                | AddWatchFlags::IN_MOVE
                | AddWatchFlags::IN_DELETE_SELF
                | AddWatchFlags::IN_MOVE_SELF
                | AddWatchFlags::IN_ATTRIB;
            if let Ok(descriptor) = inotify.add_watch(&place.folder, flags) {
                watched.push((descriptor, place.prefix));
            }
        }
        Ok(Changes { inotify, watched, processes: Vec::new(), have_come: false })
    }

    /// Also of the processes that are shown.
    pub(super) fn add_processes(&mut self, report: &StatusReport) {
        if report.numbers == Numbers::OfArbiter {
            return;
        }
        let servers = report.servers.iter().map(|server| server.process.pidfd());
        let held = |pid| Process::hold(pid).map(|held| held.map(|(_, pidfd)| pidfd));
        for pidfd in servers.chain(supervisors(report).into_iter().map(held)) {
            match pidfd {
                Ok(Some(pidfd)) => self.processes.push(pidfd),
                Ok(None) => self.have_come = true,
                // Out of descriptors: what is written to the directory is seen all the same.
                Err(_) => {}
            }
        }
    }

    /// Waits, for `limit` at most.
    ///
    /// # Errors
    /// Not of poll(2) in practice.
    pub(super) fn wait(
        &self,
        signals: &TerminalSignals,
        stdout: &impl AsFd,
        limit: Option<Duration>,
    ) -> io::Result<Woken> {
        if self.have_come {
            return Ok(Woken::Changed);
        }
        loop {
            let mut waited = vec![
                PollFd::new(signals.as_fd(), PollFlags::POLLIN),
                PollFd::new(stdout.as_fd(), PollFlags::empty()),
                PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN),
            ];
            let processes = self.processes.iter().map(|pidfd| PollFd::new(pidfd.as_fd(), PollFlags::POLLIN));
            waited.extend(processes);
            let limit = limit
                .map_or(PollTimeout::NONE, |limit| PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX));
            match poll(&mut waited, limit) {
                Ok(0) => return Ok(Woken::Ticked),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            let has = |index: usize| waited[index].any().unwrap_or(false);
            if has(0) {
                return Ok(Woken::Signalled);
            }
            if has(1) {
                return Ok(Woken::Unread);
            }
            if (3..waited.len()).any(has) || (has(2) && self.concern()) {
                return Ok(Woken::Changed);
            }
        }
    }

    /// Whether what has happened in the folders does.
    fn concern(&self) -> bool {
        // One that cannot be read may concern us.
        let Ok(events) = self.inotify.read_events() else { return true };
        events.iter().any(|event| {
            let name = event.name.as_deref().map_or(&[][..], OsStr::as_encoded_bytes);
            let prefix = self.watched.iter().filter(|(descriptor, _)| *descriptor == event.wd);
            event.name.is_none() || prefix.into_iter().any(|(_, prefix)| name.starts_with(prefix.as_bytes()))
        })
    }
}

/// The directory, or else where the next part of its path will appear.
fn place_of(path: &Path) -> Option<Place> {
    if path.is_dir() {
        return Some(Place { folder: path.to_owned(), prefix: OsString::new() });
    }
    let missing = path.ancestors().find(|one| one.parent().is_some_and(Path::is_dir))?;
    Some(Place { folder: missing.parent()?.to_owned(), prefix: missing.file_name()?.to_owned() })
}

fn supervisors(report: &StatusReport) -> Vec<u32> {
    let mut supervisors: Vec<u32> =
        report.addresses.iter().flat_map(|one| &one.owners).map(|one| one.pid).collect();
    let holders = report.addresses.iter().flat_map(|one| &one.holders).map(|one| one.supervisor);
    let draining = report.addresses.iter().flat_map(|one| &one.draining).map(|one| one.supervisor);
    supervisors.extend(holders.chain(draining).filter_map(SupervisedBy::pid));
    supervisors.extend(report.arbiter);
    supervisors.sort_unstable();
    supervisors.dedup();
    supervisors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_directory_that_is_not_there_the_next_part_of_its_path_is_waited_for() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = place_of(&folder.path().join("run/serverswap")).expect("it has a parent");
        assert_eq!(place, Place { folder: folder.path().to_owned(), prefix: "run".into() });
        let place = place_of(folder.path()).expect("it is there");
        assert_eq!(place, Place { folder: folder.path().to_owned(), prefix: "".into() });
    }

    #[test]
    fn only_what_is_written_to_the_directory_or_makes_it_is_a_change() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let signals = TerminalSignals::new().expect("a descriptor");
        let path = folder.path().join("run");
        let null = std::fs::File::open("/dev/null").expect("there");
        let woken = |changes: &Changes| changes.wait(&signals, &null, Some(Duration::ZERO)).expect("polled");
        let before = Changes::watch(std::slice::from_ref(&path), Vec::new()).expect("descriptors");
        std::fs::write(folder.path().join("other"), "").expect("written");
        assert_eq!(woken(&before), Woken::Ticked);
        std::fs::create_dir(&path).expect("made");
        assert_eq!(woken(&before), Woken::Changed);
        let within = Changes::watch(std::slice::from_ref(&path), Vec::new()).expect("descriptors");
        assert_eq!(woken(&within), Woken::Ticked);
        std::fs::write(path.join("state.json"), "").expect("written");
        assert_eq!(woken(&within), Woken::Changed);
    }
}
