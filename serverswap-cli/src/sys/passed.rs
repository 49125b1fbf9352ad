//! Descriptors that this process was started with, and those that it leaves to a child.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::socket::{getsockopt, sockopt};

/// Owns a descriptor that another process has opened for this one; `None` if there is none of that number. It is
/// close-on-exec from now on, and a socket does not block: so is every listener of ours.
///
/// To be called before this process has opened anything.
pub(crate) fn take(number: RawFd) -> Option<OwnedFd> {
    // SAFETY: fcntl with F_GETFD takes numbers only, and says whether the descriptor is open.
    Errno::result(unsafe { libc::fcntl(number, libc::F_GETFD) }).ok()?;
    // SAFETY: it is open, and nobody else in this process owns it: nothing was opened here before.
    let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
    fcntl(&descriptor, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
    if getsockopt(&descriptor, sockopt::SockType).is_ok() {
        let flags = OFlag::from_bits_retain(fcntl(&descriptor, FcntlArg::F_GETFL).ok()?);
        fcntl(&descriptor, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).ok()?;
    }
    Some(descriptor)
}

/// Another process of this user may duplicate what this one has, also where only a debugger that is its ancestor could
/// (`kernel.yama.ptrace_scope`). A kernel without that limit says that it does not know the call.
pub(crate) fn let_duplicate(pid: u32) {
    // SAFETY: prctl with PR_SET_PTRACER takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_PTRACER, libc::c_ulong::from(pid)) };
}

/// The child of `command` has these descriptors, too, by the same numbers. They are to live until it was started; a child
/// that is given a session of its own is given that before.
pub(crate) fn leave_to(command: &mut Command, descriptors: &[Arc<OwnedFd>]) {
    let numbers: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let leave = move || {
        for number in &numbers {
            // SAFETY: fcntl with F_SETFD takes numbers only.
            Errno::result(unsafe { libc::fcntl(*number, libc::F_SETFD, 0) })?;
        }
        Ok(())
    };
    // SAFETY: `leave` runs in the child between fork and exec and calls fcntl only, which is async-signal-safe
    // (signal-safety(7)); it allocates nothing and takes no lock.
    unsafe { command.pre_exec(leave) };
}
