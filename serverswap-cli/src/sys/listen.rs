//! listen(2) with any backlog, and the backlog that a listener has.

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;

/// Makes it a listener, or changes the backlog of one; the kernel lowers it to `net.core.somaxconn`. Why not nix's: it
/// refuses a backlog above the C library's `SOMAXCONN`.
///
/// # Errors
/// EADDRINUSE, EINVAL and the like.
pub(crate) fn listen(socket: &impl AsFd, backlog: u32) -> nix::Result<()> {
    // SAFETY: listen takes two integers, and the descriptor is open for as long as it is borrowed.
    Errno::result(unsafe { libc::listen(socket.as_fd().as_raw_fd(), backlog.cast_signed()) }).map(drop)
}

/// The backlog of a TCP listener. Of others the kernel does not tell it.
pub(crate) fn backlog(listener: &impl AsFd) -> Option<u32> {
    let mut info = std::mem::MaybeUninit::<libc::tcp_info>::zeroed();
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to `info`, which lives through the call.
    let asked = unsafe {
        libc::getsockopt(
            listener.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    // SAFETY: the structure consists of integers, and was zeroed before the kernel wrote to it.
    let info = Errno::result(asked).map(|_| unsafe { info.assume_init() }).ok()?;
    // Of a listener this field is its limit (the kernel's `tcp_get_info`).
    Some(info.tcpi_sacked)
}
