//! pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2), which neither std nor nix has.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

/// A close-on-exec descriptor of the process that has this pid now; also of a zombie.
///
/// # Errors
/// ESRCH if there is none, EMFILE and the like.
pub fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| Errno::ESRCH)?;
    // SAFETY: pidfd_open takes two integers and touches no memory of ours.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    Ok(owned(fd))
}

/// Sends a signal to the process, or fails with ESRCH: never to another one.
///
/// # Errors
/// ESRCH when it is gone and reaped, EPERM when it is another user's.
pub fn pidfd_send_signal(pidfd: impl AsFd, signal: Signal) -> io::Result<()> {
    Ok(send(&pidfd, signal as libc::c_int)?)
}

/// The same for a signal that may have no name: real-time signals have none.
///
/// # Errors
/// As [`pidfd_send_signal`], and EINVAL for a number that is no signal.
pub fn pidfd_send_signal_number(pidfd: impl AsFd, signal: u32) -> io::Result<()> {
    Ok(send(&pidfd, libc::c_int::try_from(signal).map_err(|_| Errno::EINVAL)?)?)
}

fn send(pidfd: &impl AsFd, signal: libc::c_int) -> nix::Result<()> {
    let fd = pidfd.as_fd().as_raw_fd();
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a null siginfo is allowed and means what kill(2) would send; nothing else is a pointer.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, no_info, 0) };
    Errno::result(sent).map(drop)
}

/// Whether we may signal the process; one that is gone counts as one that we may.
///
/// # Errors
/// Not a pidfd.
pub fn may_signal(pidfd: impl AsFd) -> io::Result<bool> {
    // 0 is no signal: only the permission is checked (kill(2)).
    match send(&pidfd, 0) {
        Ok(()) | Err(Errno::ESRCH) => Ok(true),
        Err(Errno::EPERM) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A close-on-exec duplicate of descriptor `number` of the process.
///
/// # Errors
/// EBADF if it has no such descriptor, ESRCH if it is gone, EPERM if the kernel does not
/// let us (other user, not dumpable, `ptrace_scope`).
pub fn pidfd_getfd(pidfd: impl AsFd, number: RawFd) -> io::Result<OwnedFd> {
    let pidfd = pidfd.as_fd().as_raw_fd();
    // SAFETY: pidfd_getfd takes three integers and touches no memory of ours.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd, number, 0) })?;
    Ok(owned(fd))
}

/// Whether every thread of the process has exited: a zombie is gone.
///
/// # Errors
/// Not a pidfd.
pub fn is_gone(pidfd: impl AsFd) -> io::Result<bool> {
    let mut polled = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    loop {
        match poll(&mut polled, PollTimeout::ZERO) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn owned(fd: libc::c_long) -> OwnedFd {
    let fd = RawFd::try_from(fd).expect("the kernel returns descriptors that fit an int");
    // SAFETY: the kernel has just made this descriptor for us and nobody else knows it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}
