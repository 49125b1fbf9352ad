//! The arbiter's place in its directory: the lock and the door, and what is done when somebody
//! deletes them.
//!
//! A cleaner of `/tmp`, or a hand, ends nobody: the directory is made anew, with a lock, a door and
//! the state that is known. If another supervisor was faster and has the lock that is there now, that one
//! is the arbiter; this one lets go of everything, and its clients find the other one at the path.
//!
//! The lock is looked at before each write of the state. A supervisor that stays also watches, since
//! it may have nothing to write for days; one that leaves does not, for closing a watch can
//! take the kernel 16 ms. The watch is closed last, whoever closes it, so that the door is shut and the lock free
//! within half a millisecond of a kill.

use std::io;
use std::os::fd::OwnedFd;

use serverswap::sys::watch::DirectoryWatch;

use super::door::Door;
use super::poller::{Poller, Token};
use crate::state::{Directory, Lock, LockError};

/// The door, the lock, and perhaps a watch on both; let go of in this order.
pub(super) struct Place {
    directory: Directory,
    door: Door,
    lock: Lock,
    watch: Option<DirectoryWatch>,
}

/// What has become of the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is as it was.
    Kept,
    /// It was gone, and is there again.
    Regained,
    /// Another arbiter has it.
    Lost,
}

impl Place {
    /// Opens the door. `watch_at` is a descriptor that was opened before the lock, for the watch to take its
    /// number; without it nothing is watched.
    ///
    /// # Errors
    /// The socket cannot be bound.
    pub(super) fn take(
        directory: Directory,
        lock: Lock,
        watch_at: Option<OwnedFd>,
        poller: &Poller,
    ) -> io::Result<Self> {
        let door = Door::open(&directory)?;
        door.attend(poller)?;
        // Where it cannot be watched, a deletion is noticed with the next write.
        let watch = watch_at.and_then(|at| DirectoryWatch::for_deletions(directory.path(), at).ok());
        let watch = watch.filter(|watch| poller.add(watch, Token::Directory).is_ok());
        Ok(Place { directory, door, lock, watch })
    }

    pub(super) fn door(&mut self) -> &mut Door {
        &mut self.door
    }

    /// Whether accepting is to be tried again later.
    pub(super) fn is_shut(&self) -> bool {
        self.door.is_shut()
    }

    /// Whether the directory is still this arbiter's own. What is missing is made anew.
    ///
    /// # Errors
    /// The directory cannot be made or looked at, or is not to be trusted any more.
    pub(super) fn hold(&mut self, poller: &Poller) -> io::Result<Standing> {
        if self.lock.is_at(&self.directory.lock())? && self.door.is_in_place() {
            return Ok(Standing::Kept);
        }
        let directory = Directory::prepare(self.directory.path()).map_err(io::Error::other)?;
        if !self.lock.is_at(&directory.lock())? {
            match Lock::try_take(&directory.lock()) {
                Ok(lock) => self.lock = lock,
                Err(LockError::Held) => return Ok(Standing::Lost),
                Err(LockError::Io(error)) => return Err(error),
            }
        }
        let door = Door::open(&directory)?;
        std::mem::replace(&mut self.door, door).close(poller);
        self.door.attend(poller)?;
        if let Some(watch) = &mut self.watch {
            // Where it cannot be watched any more, a deletion is noticed with the next write.
            let _ = watch.restart(directory.path());
        }
        Ok(Standing::Regained)
    }

    /// Forgets which deletions have been told: what matters is what is there now.
    pub(super) fn forget_deletions(&mut self) {
        if let Some(watch) = &mut self.watch {
            // A watch that cannot be read tells nothing more.
            let _ = watch.drain();
        }
    }
}
