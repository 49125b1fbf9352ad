//! Writes to a descriptor that other processes share: `O_NONBLOCK` may be set or not, and is never
//! changed.

use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Writes everything, and waits for room where there is none.
///
/// # Errors
/// What write(2) says: EPIPE, EIO after a terminal was closed, ENOSPC.
pub(crate) fn write_all(output: &impl AsFd, mut bytes: &[u8]) -> nix::Result<()> {
    while !bytes.is_empty() {
        match nix::unistd::write(output, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => wait_for_room(output),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn wait_for_room(output: &impl AsFd) {
    let mut waited_for = [PollFd::new(output.as_fd(), PollFlags::POLLOUT)];
    // The next write returns the same error.
    let _ = poll(&mut waited_for, PollTimeout::NONE);
}
