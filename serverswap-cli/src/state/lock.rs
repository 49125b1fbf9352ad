//! The lock of a directory: the process that has it is the arbiter.
//!
//! The kernel releases it when the process ends, however it ends (flock(2)); there is
//! nothing to clean up and nobody to elect.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};

/// The lock, held for as long as this lives.
#[derive(Debug)]
pub struct Lock {
    file: Flock<File>,
}

/// Why the lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("another arbiter has it")]
    Held,
    /// The file cannot be opened or locked.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Lock {
    /// Tries to take the lock, without waiting.
    ///
    /// # Errors
    /// [`LockError::Held`] while another process has it.
    pub fn try_take(path: &Path) -> Result<Self, LockError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC).bits())
            .open(path)?;
        let file = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
            if errno == Errno::EWOULDBLOCK { LockError::Held } else { LockError::Io(errno.into()) }
        })?;
        let lock = Lock { file };
        // The directory may have been removed and made anew between opening and locking.
        if lock.is_at(path)? { Ok(lock) } else { Err(LockError::Held) }
    }

    /// Whether this is the lock that is found at the path now. If it was deleted, another process
    /// can have the one that is there instead.
    ///
    /// # Errors
    /// The path cannot be looked at.
    pub fn is_at(&self, path: &Path) -> io::Result<bool> {
        let ours = self.file.metadata()?;
        match fs::metadata(path) {
            Ok(named) => Ok((ours.dev(), ours.ino()) == (named.dev(), named.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_process_at_a_time_has_it() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("lock");
        let first = Lock::try_take(&path).expect("free");
        assert!(matches!(Lock::try_take(&path), Err(LockError::Held)));
        drop(first);
        Lock::try_take(&path).expect("free again");
    }

    #[test]
    fn a_lock_that_was_deleted_is_not_at_its_path_whichever_process_has_the_next_one() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("lock");
        let lock = Lock::try_take(&path).expect("free");
        assert!(lock.is_at(&path).expect("readable"));
        fs::remove_file(&path).expect("writable");
        assert!(!lock.is_at(&path).expect("readable"));
        let next = Lock::try_take(&path).expect("another file");
        assert!(!lock.is_at(&path).expect("readable") && next.is_at(&path).expect("readable"));
    }
}
