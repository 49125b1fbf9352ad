//! Who has a file open, by flock(2): the lock belongs to the open file description, so every process that
//! inherits the descriptor has it, and the kernel releases it with the last of them.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use nix::fcntl::{Flock, FlockArg};

/// Locks what `file` describes for all its duplicates, also those in other processes.
///
/// # Errors
/// A file system without locks.
pub(crate) fn lock_shared(file: &File) -> io::Result<()> {
    // SAFETY: flock takes a descriptor, which is open for as long as `file` is borrowed, and no memory.
    let locked = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_SH) };
    if locked == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Whether a process has locked it by another description.
pub(crate) fn is_locked(file: File) -> bool {
    Flock::lock(file, FlockArg::LockExclusiveNonblock).is_err()
}
