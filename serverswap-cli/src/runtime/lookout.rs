//! Watches the runtime directory while there is no connection.
//!
//! It is made when it is first needed and kept from then on, paused: closing an inotify
//! descriptor can take the kernel 16 ms, and making one is not needed where the first look
//! finds an arbiter.

use std::path::Path;

use serverswap::sys::watch::DirectoryWatch;
use tokio::io::unix::AsyncFd;

use crate::sys::async_fd::async_fd;

/// Whether the directory is being watched.
#[derive(Default)]
pub(super) enum Lookout {
    /// It never was.
    #[default]
    Unneeded,
    /// It was.
    Paused(AsyncFd<DirectoryWatch>),
    /// It is.
    Watching(AsyncFd<DirectoryWatch>),
}

impl Lookout {
    /// Watches from now on. Where that is impossible the timer alone has to do.
    pub(super) fn watch(&mut self, directory: &Path) {
        *self = match std::mem::take(self) {
            Lookout::Unneeded => match DirectoryWatch::new(directory).and_then(async_fd) {
                Ok(watch) => Lookout::Watching(watch),
                Err(_) => Lookout::Unneeded,
            },
            Lookout::Paused(mut watch) => match watch.get_mut().restart(directory) {
                Ok(()) => Lookout::Watching(watch),
                Err(_) => Lookout::Paused(watch),
            },
            watching @ Lookout::Watching(_) => watching,
        };
    }

    /// Before a look: only what changes after it is to wake us.
    pub(super) fn forget_changes(&mut self) {
        if let Lookout::Watching(watch) = self {
            let _ = watch.get_mut().drain();
        }
    }

    pub(super) fn pause(&mut self) {
        *self = match std::mem::take(self) {
            Lookout::Watching(mut watch) => {
                watch.get_mut().pause();
                Lookout::Paused(watch)
            }
            other @ (Lookout::Unneeded | Lookout::Paused(_)) => other,
        };
    }

    pub(super) fn is_watching(&self) -> bool {
        matches!(self, Lookout::Watching(_))
    }

    /// Waits for a change; for ever if nothing is watched.
    pub(super) async fn changed(&self) {
        match self {
            Lookout::Unneeded | Lookout::Paused(_) => std::future::pending().await,
            Lookout::Watching(watch) => {
                if let Ok(mut guard) = watch.readable().await {
                    guard.clear_ready();
                }
            }
        }
    }
}
