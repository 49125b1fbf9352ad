//! Registrations in the epoll instances of another process: read, and made in its place.
//!
//! An entry belongs to a file and to the number that the descriptor had. A process whose socket is exchanged under the
//! same number loses its entries, and can make none for a socket that it believes registered. So we make them for it, on a
//! thread that has descriptors of its own and the listener under that number.

use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::{fs, io, thread};

use nix::errno::Errno;
use nix::sys::stat::fstat;

use super::caller::Caller;

/// One socket in one epoll instance.
#[derive(Debug)]
pub(crate) struct Registration {
    epoll: OwnedFd,
    number: RawFd,
    events: u32,
    data: u64,
}

/// Where the caller has registered this socket. What may not be looked into has none.
pub(crate) fn registrations(caller: &Caller, socket: &impl AsFd) -> Vec<Registration> {
    let Some(inode) = inode(socket) else { return Vec::new() };
    let folder = format!("/proc/{}/fd", caller.thread());
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_epoll = |entry: &fs::DirEntry| {
        fs::read_link(entry.path()).is_ok_and(|link| link.as_os_str() == "anon_inode:[eventpoll]")
    };
    let numbers =
        entries.flatten().filter(is_epoll).filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.flat_map(|number| registrations_in(caller, number, inode).unwrap_or_default()).collect()
}

/// Registers `listener` in the same way as what was read.
///
/// # Errors
/// Out of threads or descriptors; EEXIST if it is registered already.
pub(crate) fn register(registration: &Registration, listener: &impl AsFd) -> io::Result<()> {
    let (epoll, listener) = (registration.epoll.as_raw_fd(), listener.as_fd().as_raw_fd());
    let Registration { number, events, data, .. } = *registration;
    thread::scope(|scope| scope.spawn(move || register_here(epoll, listener, number, events, data)).join())
        .unwrap_or(Err(Errno::EAGAIN))
        .map_err(io::Error::from)
}

/// On a thread that ends with it: `number` may be that of any descriptor of ours.
fn register_here(epoll: RawFd, listener: RawFd, number: RawFd, events: u32, data: u64) -> nix::Result<()> {
    let mut event = libc::epoll_event { events, u64: data };
    // SAFETY: unshare(CLONE_FILES) gives this thread a table of descriptors of its own, so what is exchanged below is
    // nobody else's; the others take numbers, and a structure that lives through the call.
    unsafe {
        Errno::result(libc::unshare(libc::CLONE_FILES))?;
        // Above `number`, which is overwritten.
        let epoll = Errno::result(libc::fcntl(epoll, libc::F_DUPFD_CLOEXEC, number + 1))?;
        if listener != number {
            Errno::result(libc::dup3(listener, number, libc::O_CLOEXEC))?;
        }
        Errno::result(libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, number, &raw mut event)).map(drop)
    }
}

fn registrations_in(caller: &Caller, epoll: RawFd, inode: u64) -> io::Result<Vec<Registration>> {
    let text = fs::read_to_string(format!("/proc/{}/fdinfo/{epoll}", caller.thread()))?;
    let entries = text.lines().filter_map(entry).filter(|entry| entry.inode == inode);
    entries
        .map(|Entry { number, events, data, .. }| {
            Ok(Registration { epoll: caller.duplicate(epoll)?, number, events, data })
        })
        .collect()
}

struct Entry {
    number: RawFd,
    events: u32,
    data: u64,
    inode: u64,
}

/// `tfd:        5 events:       19 data:                5  pos:0 ino:2a3 sdev:8`, all but the first hexadecimal (proc_pid_fdinfo(5)).
fn entry(line: &str) -> Option<Entry> {
    let spaced = line.replace(':', ": ");
    let words: Vec<&str> = spaced.split_ascii_whitespace().collect();
    let after = |name: &str| words.iter().skip_while(|word| **word != name).nth(1).copied();
    let hexadecimal = |name: &str| u64::from_str_radix(after(name)?, 16).ok();
    Some(Entry {
        number: after("tfd:")?.parse().ok()?,
        events: u32::try_from(hexadecimal("events:")?).ok()?,
        data: hexadecimal("data:")?,
        inode: hexadecimal("ino:")?,
    })
}

/// The number of a socket, which two descriptors of the same socket share.
pub(crate) fn inode(socket: &impl AsFd) -> Option<u64> {
    fstat(socket).ok().map(|found| found.st_ino)
}
