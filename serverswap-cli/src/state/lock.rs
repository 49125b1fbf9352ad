//! The lock of a directory: the process that has it is the arbiter.
//!
//! The kernel releases it when the process ends, however it ends (flock(2)); there is
//! nothing to clean up and nobody to elect. What is written in it, if anything, is a [`Reservation`].

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};

use super::reservation::{Candidate, PidNamespace, Reservation, ReservedBy};

/// The lock, held for as long as this lives.
#[derive(Debug)]
pub struct Lock {
    file: Flock<File>,
    candidate: Candidate,
}

/// Why the lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("another arbiter has it")]
    Held,
    /// It is for processes of another pid namespace, whether or not one of them has it.
    #[error("it is reserved for another pid namespace")]
    Reserved,
    /// The file cannot be opened or locked.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Lock {
    /// Tries to take the lock, without waiting. A holder reserves it before that.
    ///
    /// # Errors
    /// [`LockError::Held`] while another process has it; [`LockError::Reserved`].
    pub fn try_take(path: &Path, candidate: Candidate) -> Result<Self, LockError> {
        let file = open(path)?;
        if !admits(&file, candidate)? {
            return Err(LockError::Reserved);
        }
        if candidate == Candidate::Holder {
            Reservation::new(ReservedBy::Hold)?.write(&file)?;
        }
        let file = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
            if errno == Errno::EWOULDBLOCK { LockError::Held } else { LockError::Io(errno.into()) }
        })?;
        let lock = Lock { file, candidate };
        if lock.is_reserved_for_others()? {
            return Err(LockError::Reserved);
        }
        // The directory may have been removed and made anew between opening and locking.
        if lock.is_at(path)? { Ok(lock) } else { Err(LockError::Held) }
    }

    /// Whether a command in this pid namespace has to leave it to others, because they see further.
    pub fn is_left_to_others(path: &Path) -> bool {
        File::open(path).and_then(|file| admits(&file, Candidate::Supervisor)).is_ok_and(|admits| !admits)
    }

    /// As what it was taken.
    pub fn candidate(&self) -> Candidate {
        self.candidate
    }

    /// Reserves it for a holder, and says who may take part besides the user of the directory.
    ///
    /// # Errors
    /// It cannot be opened or written.
    pub fn allow(path: &Path, users: &BTreeSet<u32>) -> io::Result<()> {
        let file = open(path)?;
        match Reservation::read(&file)? {
            // It has to wait.
            Some(written) if !written.admits(Candidate::Holder, &PidNamespace::own()?) => Ok(()),
            _ => Reservation::new(ReservedBy::Hold)?.write_for(users.clone(), &file),
        }
    }

    /// Who may take part besides the user of the directory.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn users(&self) -> io::Result<BTreeSet<u32>> {
        Ok(Reservation::read(&self.file)?.map(|written| written.users().clone()).unwrap_or_default())
    }

    /// Notes that this arbiter sees a supervisor in an inner pid namespace.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn reserve(&self) -> io::Result<()> {
        Reservation::new(ReservedBy::Arbiter)?.write(&self.file)
    }

    /// For whom another lock is reserved, this one is too.
    ///
    /// # Errors
    /// One of them cannot be read or written.
    pub fn reserve_like(&self, other: &Lock) -> io::Result<()> {
        match Reservation::read(&other.file)? {
            Some(reservation) => reservation.write_for(reservation.users().clone(), &self.file),
            None => Ok(()),
        }
    }

    /// Whether somebody who sees further has reserved it since it was taken.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn is_reserved_for_others(&self) -> io::Result<bool> {
        admits(&self.file, self.candidate).map(|admits| !admits)
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

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC).bits())
        .open(path)
}

fn admits(lock: &File, candidate: Candidate) -> io::Result<bool> {
    match Reservation::read(lock)? {
        Some(reservation) => Ok(reservation.admits(candidate, &PidNamespace::own()?)),
        None => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use serverswap::sys::process::{self, OUTERMOST_PID_NAMESPACE};

    use super::*;

    #[test]
    fn only_one_process_at_a_time_has_it() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("lock");
        let first = Lock::try_take(&path, Candidate::Supervisor).expect("free");
        assert!(matches!(Lock::try_take(&path, Candidate::Supervisor), Err(LockError::Held)));
        drop(first);
        Lock::try_take(&path, Candidate::Supervisor).expect("free again");
    }

    #[test]
    fn a_lock_that_is_reserved_for_another_pid_namespace_is_taken_by_a_holder_alone() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("lock");
        let of_another = r#"{"reservedBy":"hold","boot":"another","pidNamespace":7}"#;
        let is_outermost = process::pid_namespace().expect("readable") == OUTERMOST_PID_NAMESPACE;
        let lock = Lock::try_take(&path, Candidate::Supervisor).expect("free");
        fs::write(&path, of_another).expect("writable");
        assert_eq!(lock.is_reserved_for_others().expect("readable"), !is_outermost);
        drop(lock);
        let taken = Lock::try_take(&path, Candidate::Supervisor);
        assert_eq!(matches!(taken, Err(LockError::Reserved)), !is_outermost, "{taken:?}");
        drop(taken);
        let lock = Lock::try_take(&path, Candidate::Holder).expect("it goes first");
        assert!(!lock.is_reserved_for_others().expect("readable"));
        drop(lock);
        Lock::try_take(&path, Candidate::Supervisor).expect("it is reserved for this one now");
    }

    #[test]
    fn a_lock_that_was_deleted_is_not_at_its_path_whichever_process_has_the_next_one() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("lock");
        let lock = Lock::try_take(&path, Candidate::Supervisor).expect("free");
        assert!(lock.is_at(&path).expect("readable"));
        fs::remove_file(&path).expect("writable");
        assert!(!lock.is_at(&path).expect("readable"));
        let next = Lock::try_take(&path, Candidate::Supervisor).expect("another file");
        assert!(!lock.is_at(&path).expect("readable") && next.is_at(&path).expect("readable"));
    }
}
