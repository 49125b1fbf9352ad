//! poll(2).

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Waits until one of them is readable, or until the deadline; for each, whether it is readable.
///
/// # Errors
/// What poll(2) says, but for an interruption.
pub fn wait_readable(descriptors: &[BorrowedFd<'_>], deadline: Option<Instant>) -> io::Result<Vec<bool>> {
    let mut polled: Vec<PollFd<'_>> =
        descriptors.iter().map(|descriptor| PollFd::new(*descriptor, PollFlags::POLLIN)).collect();
    loop {
        match poll(&mut polled, timeout(deadline)) {
            Ok(_) => return Ok(polled.iter().map(|one| one.any().unwrap_or(true)).collect()),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Rounded up to a whole millisecond, so that no wait ends before the deadline.
fn timeout(deadline: Option<Instant>) -> PollTimeout {
    let Some(deadline) = deadline else { return PollTimeout::NONE };
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => PollTimeout::ZERO,
        left => PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX),
    }
}
