//! The one place of this crate with `unsafe`: waiting for a descriptor with tokio.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::unix::AsyncFd;

/// Registers a descriptor with the runtime.
pub(crate) fn register(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` owns a valid descriptor, and nothing replaces or closes it while the
    // `AsyncFd` owns it.
    Ok(unsafe { AsyncFd::register(fd)? })
}
