//! Reads what is appended to a log, as it comes.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

/// How often the log is looked at where the kernel tells nothing (out of inotify instances).
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A log, read from some place on.
#[derive(Debug)]
pub(crate) struct Follow {
    file: File,
    at: u64,
    /// `None` where it cannot be had.
    changes: Option<Inotify>,
}

impl Follow {
    /// Reads from the beginning.
    ///
    /// # Errors
    /// The log cannot be opened.
    pub(crate) fn from_beginning(path: &Path) -> io::Result<Follow> {
        let file = File::open(path)?;
        Ok(Follow { file, at: 0, changes: changes(path).ok() })
    }

    /// Whether it is this file.
    pub(super) fn is(&self, other: &File) -> bool {
        let inode = |file: &File| file.metadata().map(|found| (found.dev(), found.ino())).ok();
        inode(&self.file) == inode(other)
    }

    /// How long the log is, in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.file.metadata().map_or(0, |found| found.len())
    }

    /// Up to where it was read, in bytes.
    pub(crate) fn position(&self) -> u64 {
        self.at
    }

    /// The next bytes; none at the end. A log that was truncated is read from its beginning.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.at)?;
        if count == 0 && self.length() < self.at {
            self.at = 0;
            return self.read(buffer);
        }
        self.at += u64::try_from(count).unwrap_or_default();
        Ok(count)
    }

    /// Waits until something may have been appended, the last writer may have closed it, or `stop` is readable; no
    /// longer than `at_most`.
    pub(crate) fn wait(&self, stop: Option<BorrowedFd<'_>>, at_most: Option<Duration>) {
        let changes = self.changes.as_ref().map(AsFd::as_fd);
        let at_most = if changes.is_some() { at_most } else { Some(LOOK_EVERY) };
        let timeout = at_most.map_or(PollTimeout::NONE, |time| time.try_into().unwrap_or(PollTimeout::MAX));
        let watched = changes.into_iter().chain(stop);
        let mut watched: Vec<PollFd<'_>> = watched.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        // Whatever it says, the log is looked at next.
        let _ = poll(&mut watched, timeout);
        if let Some(changes) = &self.changes {
            let _ = changes.read_events();
        }
    }
}

fn changes(path: &Path) -> nix::Result<Inotify> {
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
    inotify.add_watch(path, AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CLOSE_WRITE)?;
    Ok(inotify)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn log() -> (tempfile::NamedTempFile, Follow) {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let follow = Follow::from_beginning(file.path()).expect("it is there");
        (file, follow)
    }

    fn next(follow: &mut Follow) -> String {
        let mut buffer = [0; 64];
        let count = follow.read(&mut buffer).expect("readable");
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    }

    #[test]
    fn what_is_appended_is_read_once() {
        let (mut file, mut follow) = log();
        assert_eq!(next(&mut follow), "");
        writeln!(file, "one").expect("writable");
        follow.wait(None, None);
        assert_eq!((next(&mut follow), next(&mut follow)), ("one\n".to_owned(), String::new()));
    }

    #[test]
    fn a_log_that_was_truncated_is_read_from_its_beginning() {
        let (mut file, mut follow) = log();
        writeln!(file, "a long line").expect("writable");
        next(&mut follow);
        file.as_file().set_len(0).expect("writable");
        io::Seek::rewind(&mut file).expect("seekable");
        writeln!(file, "new").expect("writable");
        assert_eq!(next(&mut follow), "new\n");
    }
}
