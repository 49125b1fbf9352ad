//! The backlog that a listener has.

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;

/// The backlog of a TCP listener. Of others the kernel does not tell it.
pub(crate) fn backlog(listener: &impl AsFd) -> Option<u32> {
    // Of a listener this field is its limit (the kernel's `tcp_get_info`).
    tcp_info(listener).map(|info| info.tcpi_sacked)
}

/// How many connections wait in the backlog of a TCP listener. Of others the kernel does not tell it.
pub(crate) fn waiting(listener: &impl AsFd) -> Option<u32> {
    // As above.
    tcp_info(listener).map(|info| info.tcpi_unacked)
}

fn tcp_info(socket: &impl AsFd) -> Option<libc::tcp_info> {
    let mut info = std::mem::MaybeUninit::<libc::tcp_info>::zeroed();
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to `info`, which lives through the call.
    let asked = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    // SAFETY: the structure consists of integers, and was zeroed before the kernel wrote to it.
    Errno::result(asked).ok().map(|_| unsafe { info.assume_init() })
}
