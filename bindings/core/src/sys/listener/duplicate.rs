//! Duplicates a listener of a process that does not send it to us.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::{fs, io};

use nix::errno::Errno;
use serverswap_protocol::Address;

use super::identify::{address_of, is_listener_of};
use crate::sys::process::{Process, is_gone, is_no_process, pidfd_getfd};

/// A duplicate of the process's listener of this address, by pidfd_getfd(2); `None` when it
/// has none, or is gone. `pidfd` is that process's.
///
/// # Errors
/// `PermissionDenied`: the kernel does not let us look (another user, a program with file
/// capabilities, `kernel.yama.ptrace_scope`), so that the process may well have it.
/// EMFILE and the like: we are out of descriptors.
pub fn duplicate(process: Process, pidfd: impl AsFd, address: &Address) -> io::Result<Option<OwnedFd>> {
    let found = find(process, &pidfd, address);
    // Of a process that has just ended the kernel says "no such process" or "not permitted".
    if found.is_err() && is_gone(&pidfd)? { Ok(None) } else { found }
}

/// The addresses whose listeners the process has, each once. `pidfd` is that process's.
///
/// # Errors
/// As [`duplicate`].
pub fn addresses_of(process: Process, pidfd: impl AsFd) -> io::Result<BTreeSet<Address>> {
    let mut found = BTreeSet::new();
    let looked = find_in_sockets(process, &pidfd, |socket| {
        found.extend(address_of(&socket));
        None::<OwnedFd>
    });
    match looked {
        Err(error) if !is_gone(&pidfd)? => Err(error),
        Ok(_) | Err(_) => Ok(found),
    }
}

fn find(process: Process, pidfd: &impl AsFd, address: &Address) -> io::Result<Option<OwnedFd>> {
    find_in_sockets(process, pidfd, |socket| is_listener_of(&socket, address).then_some(socket))
}

/// A duplicate of each socket of the process is looked at, one at a time, until something is found. `pidfd` is that
/// process's.
///
/// # Errors
/// As [`duplicate`].
pub fn find_in_sockets<T>(
    process: Process,
    pidfd: &impl AsFd,
    mut find: impl FnMut(OwnedFd) -> Option<T>,
) -> io::Result<Option<T>> {
    for number in sockets_of(process.pid)? {
        match pidfd_getfd(pidfd, number) {
            Ok(socket) => {
                if let Some(found) = find(socket) {
                    return Ok(Some(found));
                }
            }
            Err(error) if error.raw_os_error() == Some(Errno::EBADF as i32) => {} // closed meanwhile
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn sockets_of(pid: u32) -> io::Result<Vec<RawFd>> {
    let mut sockets = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let entry = entry?;
        let number = entry.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok());
        match fs::read_link(entry.path()) {
            Ok(link) if is_socket(&link) => sockets.extend(number),
            Ok(_) => {}
            Err(error) if is_no_process(&error) => {} // closed meanwhile
            Err(error) => return Err(error),
        }
    }
    Ok(sockets)
}

fn is_socket(link: &Path) -> bool {
    link.as_os_str().as_bytes().starts_with(b"socket:[")
}
