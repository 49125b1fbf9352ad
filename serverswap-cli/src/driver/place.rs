//! The arbiter's place in its directory: the lock and the door, and what is done when somebody
//! deletes them.
//!
//! A cleaner of `/tmp`, or a hand, ends nobody: the directory is made anew, with a lock, a door and
//! the state that is known. If another supervisor was faster and has the lock that is there now, that one
//! is the arbiter; this one lets go of everything, and its clients find the other one at the path.
//!
//! The lock is looked at before each write of the state. A supervisor that stays also watches, since
//! it may have nothing to write for days; one that leaves does not, for closing a watch can
//! take the kernel 16 ms.

use std::io;

use serverswap::protocol::message::Form;
use serverswap::sys::watch::DirectoryWatch;

use super::door::Door;
use super::poller::{Poller, Token};
use crate::state::{Directory, Lock, LockError};

/// The lock, the door, and perhaps a watch on both.
pub(super) struct Place {
    directory: Directory,
    form: Form,
    lock: Lock,
    door: Door,
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
    /// Opens the door.
    ///
    /// # Errors
    /// The socket cannot be bound.
    pub(super) fn take(directory: Directory, lock: Lock, form: Form, poller: &Poller) -> io::Result<Self> {
        let door = Door::open(&directory)?;
        door.attend(poller)?;
        let mut place = Place { directory, form, lock, door, watch: None };
        place.watch(poller);
        Ok(place)
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
        self.watch(poller);
        Ok(Standing::Regained)
    }

    /// Forgets which deletions have been told: what matters is what is there now.
    pub(super) fn forget_deletions(&mut self) {
        if let Some(watch) = &mut self.watch {
            // A watch that cannot be read tells nothing more.
            let _ = watch.drain();
        }
    }

    /// Where it cannot be watched, a deletion is noticed with the next write.
    fn watch(&mut self, poller: &Poller) {
        match self.form {
            Form::Leave => return,
            Form::Stay => {}
        }
        if let Some(watch) = self.watch.take() {
            poller.remove(&watch, Token::Directory);
        }
        let watch = DirectoryWatch::for_deletions(self.directory.path());
        self.watch = watch.ok().filter(|watch| poller.add(watch, Token::Directory).is_ok());
    }
}
