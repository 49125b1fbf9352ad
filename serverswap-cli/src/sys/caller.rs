//! A thread that waits in a system call: its descriptors, its memory.

use std::ffi::OsString;
use std::fs;
use std::io::{self, IoSliceMut};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;
use serverswap::sys::process::{pidfd_getfd, pidfd_open};

/// It has a number only for as long as it waits: what was read of it counts if it still waits afterwards.
#[derive(Debug)]
pub(crate) struct Caller {
    thread: u32,
    pidfd: OwnedFd,
}

impl Caller {
    /// The thread with this number.
    ///
    /// # Errors
    /// ESRCH if it is gone, EMFILE and the like.
    pub(crate) fn of(thread: u32) -> io::Result<Self> {
        let pidfd = match thread_pidfd(thread) {
            // Before Linux 6.9 there are pidfds of processes only. The threads of one share their descriptors.
            Err(Errno::EINVAL) => pidfd_open(process_of(thread)?)?,
            pidfd => pidfd?,
        };
        Ok(Caller { thread, pidfd })
    }

    /// Its number, under which `/proc` knows it.
    pub(crate) fn thread(&self) -> u32 {
        self.thread
    }

    /// A duplicate of one of its descriptors.
    ///
    /// # Errors
    /// EBADF if it has no such descriptor, EPERM if the kernel does not let us (ptrace(2), access mode).
    pub(crate) fn duplicate(&self, number: RawFd) -> io::Result<OwnedFd> {
        pidfd_getfd(&self.pidfd, number)
    }

    /// Whether a descriptor of it is closed by exec(2).
    ///
    /// # Errors
    /// As of open(2).
    pub(crate) fn is_close_on_exec(&self, number: RawFd) -> io::Result<bool> {
        let info = fs::read_to_string(format!("/proc/{}/fdinfo/{number}", self.thread))?;
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok());
        Ok(flags.is_some_and(|flags| flags & OFlag::O_CLOEXEC.bits() != 0))
    }

    /// Fills `into` with what is at this address of its memory.
    ///
    /// # Errors
    /// EFAULT if it is not all there, EPERM if the kernel does not let us.
    pub(crate) fn read_memory(&self, address: u64, into: &mut [u8]) -> io::Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.thread).map_err(|_| Errno::ESRCH)?);
        let base = usize::try_from(address).map_err(|_| Errno::EFAULT)?;
        let len = into.len();
        let read = process_vm_readv(pid, &mut [IoSliceMut::new(into)], &[RemoteIoVec { base, len }])?;
        if read == len { Ok(()) } else { Err(Errno::EFAULT.into()) }
    }

    /// The path at this address of its memory, which ends with a zero.
    ///
    /// # Errors
    /// As [`Self::read_memory`].
    pub(crate) fn read_path(&self, address: u64) -> io::Result<PathBuf> {
        let mut path = Vec::new();
        while path.len() < PATH_BYTES_MAX {
            // The next page may not be there.
            let at = address.saturating_add(path.len() as u64);
            let mut part = vec![0; PAGE_BYTES - at as usize % PAGE_BYTES];
            self.read_memory(at, &mut part)?;
            let end = part.iter().position(|byte| *byte == 0);
            path.extend_from_slice(&part[..end.unwrap_or(part.len())]);
            if end.is_some() {
                return Ok(PathBuf::from(OsString::from_vec(path)));
            }
        }
        Err(Errno::EFAULT.into())
    }
}

/// No page is smaller.
const PAGE_BYTES: usize = 4_096;

/// Longest path, with the zero behind it.
const PATH_BYTES_MAX: usize = libc::PATH_MAX as usize;

/// `PIDFD_THREAD` of the kernel's `linux/pidfd.h`.
const OF_A_THREAD: libc::c_int = libc::O_EXCL;

fn thread_pidfd(thread: u32) -> nix::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two integers and touches no memory of ours.
    let made = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, thread, OF_A_THREAD) })?;
    // SAFETY: the kernel has just made this descriptor for us and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(made as RawFd) })
}

fn process_of(thread: u32) -> io::Result<u32> {
    let status = fs::read_to_string(format!("/proc/{thread}/status"))?;
    let number = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
    number.and_then(|number| number.trim().parse().ok()).ok_or_else(|| Errno::ESRCH.into())
}
