//! Tells when a listener was shut down.
//!
//! shutdown(2) by one process ends a listener for all that share it. Connections do not wake this: only the hang-up is
//! waited for.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use serverswap::connection::transport::SharedListener;
use tokio::io::unix::AsyncFd;

use crate::sys::async_fd::{OneDescriptor, async_fd};
use crate::sys::registrations::inode;

/// Listeners that are watched.
pub(super) struct Hangups {
    epoll: AsyncFd<EpollDescriptor>,
}

struct EpollDescriptor(Epoll);

impl AsRawFd for EpollDescriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.0.as_fd().as_raw_fd()
    }
}

impl OneDescriptor for EpollDescriptor {}

impl Hangups {
    /// # Errors
    /// Out of descriptors.
    pub(super) fn new() -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Hangups { epoll: async_fd(EpollDescriptor(epoll))? })
    }

    /// One that cannot be watched is not.
    pub(super) fn watch(&self, listener: &SharedListener) {
        let listener: &OwnedFd = listener;
        let event = EpollEvent::new(EpollFlags::EPOLLET, inode(listener).unwrap_or_default());
        let _ = self.epoll.get_ref().0.add(listener, event);
    }

    /// Before it is closed here: others may have it open.
    pub(super) fn forget(&self, listener: &SharedListener) {
        let _ = self.epoll.get_ref().0.delete(listener);
    }

    /// Waits for hang-ups; the inodes of those listeners.
    pub(super) async fn next(&self) -> Vec<u64> {
        loop {
            let Ok(mut guard) = self.epoll.readable().await else { return std::future::pending().await };
            let mut events = [EpollEvent::empty(); 16];
            let found = self.epoll.get_ref().0.wait(&mut events, EpollTimeout::ZERO).unwrap_or_default();
            if found == 0 {
                guard.clear_ready();
                continue;
            }
            return events[..found].iter().map(EpollEvent::data).collect();
        }
    }
}
