//! A descriptor that a tokio runtime waits for.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Has the current runtime wait until the descriptor is readable.
///
/// # Errors
/// The descriptor cannot be polled.
///
/// # Panics
/// Outside of a tokio runtime with I/O enabled.
pub fn readable(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` stays open and names the same descriptor until it is dropped. The
    // `AsyncFd` owns it from here on, and this crate, the only one that can call this, never
    // asks it for the mutable reference by which it could be replaced.
    Ok(unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) }?)
}
