//! What changes in a directory, by inotify(7).
//!
//! Deliberately no word on what a name means, and no look at the directory: who watches
//! looks after the watch is set, and again after each event.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

/// A watch on one directory; readable when something changed.
#[derive(Debug)]
pub struct DirectoryWatch {
    inotify: Inotify,
    /// `None` before [`DirectoryWatch::restart`].
    watched: Option<WatchDescriptor>,
    kinds: AddWatchFlags,
}

/// One change in a watched directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A name was made, or renamed to.
    Appeared(OsString),
    /// A file that was open for writing was closed: also what the end of a process does to
    /// the lock file that it held.
    Closed(OsString),
    /// A name was deleted, or renamed away.
    Disappeared(OsString),
    /// The directory itself was deleted, moved or unmounted: the watch is over. It comes
    /// late when a process has the deleted directory open.
    DirectoryGone,
    /// More changed than the kernel kept: look at everything.
    Overflow,
}

impl DirectoryWatch {
    /// Starts to watch.
    ///
    /// # Errors
    /// The path is no directory or not readable; out of inotify instances (EMFILE: 128 a user
    /// by default) or watches (ENOSPC).
    pub fn new(directory: &Path) -> io::Result<Self> {
        let all = appeared() | disappeared() | over() | AddWatchFlags::IN_CLOSE_WRITE;
        let mut watch = DirectoryWatch::idle(all)?;
        watch.restart(directory)?;
        Ok(watch)
    }

    /// A watch for what is deleted, and for nothing else: a name that is renamed over is not. It
    /// begins with [`Self::restart`]; until then it costs nothing to close.
    ///
    /// # Errors
    /// Out of inotify instances.
    pub fn for_deletions() -> io::Result<Self> {
        DirectoryWatch::idle(AddWatchFlags::IN_DELETE | over())
    }

    fn idle(kinds: AddWatchFlags) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        Ok(DirectoryWatch { inotify, watched: None, kinds: kinds | AddWatchFlags::IN_ONLYDIR })
    }

    /// Stops watching until [`Self::restart`], and forgets what changed. To drop the watch
    /// instead may take 16 ms, for the kernel waits until nobody reads it; this does not.
    pub fn pause(&mut self) {
        if let Some(watched) = self.watched.take() {
            // It fails when the watch is over already.
            let _ = self.inotify.rm_watch(watched);
        }
        let _ = self.drain();
    }

    /// Watches this directory from now on, and it alone.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn restart(&mut self, directory: &Path) -> io::Result<()> {
        self.pause();
        self.watched = Some(self.inotify.add_watch(directory, self.kinds)?);
        Ok(())
    }

    /// Every change since the last call; none if there is none. Never waits.
    ///
    /// # Errors
    /// What read(2) says.
    pub fn drain(&mut self) -> io::Result<Vec<Change>> {
        let mut changes = Vec::new();
        loop {
            match self.inotify.read_events() {
                Ok(events) => changes.extend(events.into_iter().filter_map(change)),
                Err(Errno::EAGAIN) => return Ok(changes),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn appeared() -> AddWatchFlags {
    AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO
}

fn disappeared() -> AddWatchFlags {
    AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVED_FROM
}

fn over() -> AddWatchFlags {
    AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF
}

/// `IN_IGNORED` is left out: it follows `IN_DELETE_SELF` and `IN_UNMOUNT`, which say the same.
fn change(event: InotifyEvent) -> Option<Change> {
    let has = |flags| event.mask.intersects(flags);
    if has(AddWatchFlags::IN_Q_OVERFLOW) {
        return Some(Change::Overflow);
    }
    if has(over() | AddWatchFlags::IN_UNMOUNT) {
        return Some(Change::DirectoryGone);
    }
    let name = event.name?;
    if has(appeared()) {
        Some(Change::Appeared(name))
    } else if has(disappeared()) {
        Some(Change::Disappeared(name))
    } else {
        Some(Change::Closed(name))
    }
}

impl AsFd for DirectoryWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

impl AsRawFd for DirectoryWatch {
    fn as_raw_fd(&self) -> RawFd {
        self.inotify.as_fd().as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn every_kind_of_change_is_reported_with_its_name() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut watch = DirectoryWatch::new(directory.path()).expect("watched");
        assert_eq!(watch.drain().expect("readable"), []);
        let path = |name: &str| directory.path().join(name);
        drop(File::create(path("a")).expect("writable"));
        fs::rename(path("a"), path("b")).expect("writable");
        fs::remove_file(path("b")).expect("writable");
        let expected = [
            Change::Appeared("a".into()),
            Change::Closed("a".into()),
            Change::Disappeared("a".into()),
            Change::Appeared("b".into()),
            Change::Disappeared("b".into()),
        ];
        assert_eq!(watch.drain().expect("readable"), expected);
    }

    #[test]
    fn a_directory_that_is_deleted_or_moved_is_gone() {
        let parent = tempfile::tempdir().expect("a temporary directory");
        let path = parent.path().join("run");
        let watched = || {
            fs::create_dir(&path).expect("writable");
            DirectoryWatch::new(&path).expect("watched")
        };
        let mut deleted = watched();
        fs::remove_dir(&path).expect("writable");
        assert_eq!(deleted.drain().expect("readable"), [Change::DirectoryGone]);
        let mut moved = watched();
        fs::rename(&path, parent.path().join("elsewhere")).expect("writable");
        assert_eq!(moved.drain().expect("readable"), [Change::DirectoryGone]);
    }

    #[test]
    fn a_paused_watch_reports_nothing_until_it_is_restarted() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let make = |name: &str| fs::create_dir(directory.path().join(name)).expect("writable");
        let mut watch = DirectoryWatch::new(directory.path()).expect("watched");
        make("before");
        watch.pause();
        make("meanwhile");
        assert_eq!(watch.drain().expect("readable"), []);
        watch.restart(directory.path()).expect("watched");
        make("after");
        assert_eq!(watch.drain().expect("readable"), [Change::Appeared("after".into())]);
    }

    #[test]
    fn a_watch_for_deletions_reports_nothing_else() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = |name: &str| directory.path().join(name);
        fs::write(path("a"), "old").expect("writable");
        let mut watch = DirectoryWatch::for_deletions().expect("an inotify instance");
        watch.restart(directory.path()).expect("watched");
        fs::write(path("b"), "new").expect("writable");
        fs::rename(path("b"), path("a")).expect("writable");
        fs::remove_file(path("a")).expect("writable");
        assert_eq!(watch.drain().expect("readable"), [Change::Disappeared("a".into())]);
    }

    #[test]
    fn what_is_not_a_directory_cannot_be_watched() {
        let parent = tempfile::tempdir().expect("a temporary directory");
        let missing = DirectoryWatch::new(&parent.path().join("none")).expect_err("it is missing");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
