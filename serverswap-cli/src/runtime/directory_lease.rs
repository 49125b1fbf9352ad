//! The arbiter's hold on its directory: the lock and the control socket, and what is done when
//! somebody deletes them.
//!
//! A cleaner of `/tmp`, or a hand, ends no server: the directory is made anew, with a lock, a socket
//! and the state that is known. If another supervisor was faster and has the lock that is there
//! now, that one is the arbiter; this one closes everything, and its clients find the other one at
//! the path.
//!
//! The lock is looked at before each write of the state. A supervisor that stays also watches, since
//! it may have nothing to write for days; one that leaves does not.

use std::io;

use serverswap::sys::watch::DirectoryWatch;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

use super::arbiter::ArbiterInput;
use super::control_socket::ControlSocket;
use crate::state::{Directory, Lock, LockError};
use crate::sys::async_fd::async_fd;

/// The control socket, the lock, and perhaps a watch on both; closed in this order.
pub(super) struct DirectoryLease {
    directory: Directory,
    inbox: mpsc::Sender<ArbiterInput>,
    socket: ControlSocket,
    lock: Lock,
    watch: Option<AsyncFd<DirectoryWatch>>,
}

/// What a look at the directory found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeaseState {
    /// It is as it was.
    Held,
    /// It was gone, and is there again.
    Reacquired,
    /// Another arbiter has it.
    Lost,
}

impl DirectoryLease {
    /// Opens the control socket, and begins to watch, if there is something to watch with.
    ///
    /// # Errors
    /// The socket cannot be bound.
    pub(super) fn acquire(
        directory: Directory,
        lock: Lock,
        watch: Option<DirectoryWatch>,
        inbox: mpsc::Sender<ArbiterInput>,
    ) -> io::Result<Self> {
        let socket = ControlSocket::bind(&directory, &lock.users()?, inbox.clone())?;
        // Where it cannot be watched, a deletion is noticed with the next write.
        let watch = watch.and_then(|mut watch| watch.restart(directory.path()).map(|()| watch).ok());
        let watch = watch.and_then(|watch| async_fd(watch).ok());
        Ok(DirectoryLease { directory, inbox, socket, lock, watch })
    }

    /// Whether the directory is still this arbiter's own. What is missing is made anew.
    ///
    /// # Errors
    /// The directory cannot be made or looked at, or is not to be trusted any more.
    pub(super) fn renew(&mut self) -> io::Result<LeaseState> {
        if self.lock.is_at(&self.directory.lock())? && self.socket.is_in_place() {
            return Ok(LeaseState::Held);
        }
        let directory = Directory::prepare(self.directory.path()).map_err(io::Error::other)?;
        if !self.lock.is_at(&directory.lock())? {
            match Lock::try_take(&directory.lock(), self.lock.candidate()) {
                Ok(lock) => {
                    lock.reserve_like(&self.lock)?;
                    self.lock = lock;
                }
                Err(LockError::Held | LockError::Reserved) => return Ok(LeaseState::Lost),
                Err(LockError::Io(error)) => return Err(error),
            }
        }
        self.socket = ControlSocket::bind(&directory, &self.lock.users()?, self.inbox.clone())?;
        if let Some(watch) = &mut self.watch {
            // Where it cannot be watched any more, a deletion is noticed with the next write.
            let _ = watch.get_mut().restart(directory.path());
        }
        Ok(LeaseState::Reacquired)
    }

    /// Reserves the lock for those who see as far as this process, since others are there who do not. Where it cannot be
    /// written, one of them may be the next arbiter.
    pub(super) fn reserve(&self) {
        let _ = self.lock.reserve();
    }

    /// Whether a holder lets this user take part.
    pub(super) fn allows(&self, user: u32) -> bool {
        self.lock.users().is_ok_and(|users| users.contains(&user))
    }

    /// Whether the lock was reserved meanwhile for those who see further.
    pub(super) fn is_reserved_for_others(&self) -> bool {
        self.lock.is_reserved_for_others().unwrap_or(false)
    }

    /// Waits until something in the directory is deleted; for ever if it is not watched.
    pub(super) async fn deletion(&mut self) {
        let Some(watch) = &mut self.watch else {
            return std::future::pending().await;
        };
        if let Ok(mut guard) = watch.readable_mut().await {
            guard.clear_ready();
            // What was deleted does not matter, but what is there now.
            let _ = guard.get_inner_mut().drain();
        }
    }
}
