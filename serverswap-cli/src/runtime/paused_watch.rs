//! The watch on the runtime directory, which is needed only while there is no connection.
//!
//! It is made when it is first needed and kept from then on, paused: closing an inotify
//! descriptor can take the kernel 16 ms, and making one is not needed where the first look
//! finds an arbiter.

use std::io;
use std::path::Path;

use serverswap::sys::watch::{Change, DirectoryWatch};
use tokio::io::unix::AsyncFd;

use crate::sys::async_fd::async_fd;

/// Whether the directory is being watched.
#[derive(Default)]
pub(super) enum PausedWatch {
    /// It never was.
    #[default]
    Unneeded,
    /// It was.
    Paused(AsyncFd<DirectoryWatch>),
    /// It is.
    Watching(AsyncFd<DirectoryWatch>),
}

impl PausedWatch {
    /// Watches from now on, by the path, which may lead to another directory by now.
    ///
    /// # Errors
    /// It cannot be watched; then it is not.
    pub(super) fn watch(&mut self, directory: &Path) -> io::Result<()> {
        match std::mem::take(self) {
            PausedWatch::Unneeded => {
                *self = PausedWatch::Watching(DirectoryWatch::new(directory).and_then(async_fd)?);
                Ok(())
            }
            PausedWatch::Paused(mut watch) | PausedWatch::Watching(mut watch) => {
                let restarted = watch.get_mut().restart(directory);
                *self = match restarted {
                    Ok(()) => PausedWatch::Watching(watch),
                    Err(_) => PausedWatch::Paused(watch),
                };
                restarted
            }
        }
    }

    pub(super) fn pause(&mut self) {
        *self = match std::mem::take(self) {
            PausedWatch::Watching(mut watch) => {
                watch.get_mut().pause();
                PausedWatch::Paused(watch)
            }
            other @ (PausedWatch::Unneeded | PausedWatch::Paused(_)) => other,
        };
    }

    /// What has changed since the last call.
    pub(super) fn changes(&mut self) -> Vec<Change> {
        match self {
            PausedWatch::Unneeded | PausedWatch::Paused(_) => Vec::new(),
            PausedWatch::Watching(watch) => {
                watch.get_mut().drain().unwrap_or_else(|_| vec![Change::DirectoryGone])
            }
        }
    }

    /// Waits for a change; for ever if nothing is watched.
    pub(super) async fn changed(&self) {
        match self {
            PausedWatch::Unneeded | PausedWatch::Paused(_) => std::future::pending().await,
            PausedWatch::Watching(watch) => {
                if let Ok(mut guard) = watch.readable().await {
                    guard.clear_ready();
                }
            }
        }
    }
}
