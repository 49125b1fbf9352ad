//! The process that reads the notify descriptor of one server's filter: a child of the supervisor that outlives it.
//!
//! Why a process of its own: where nobody has the descriptor any more, every bind and listen of the server fails
//! with ENOSYS, also those of getifaddrs(3) or of a reload, and a call that somebody has received and not answered waits
//! for ever. A supervisor may leave or be killed at any moment. So this process receives the calls and passes them on; the
//! supervisor answers them by its own duplicate of the descriptor. When the supervisor is gone, the kernel does every
//! call as without us, also those that were under way. It ends with the last process that has the filter.
//!
//! Deliberately nothing is decided here. It looks into no process: that takes an ancestor, where Yama restricts ptrace(2).

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, send, socketpair};

use crate::sys::seccomp::{Notification, continue_call, is_waiting, receive};
use crate::sys::session;

/// The first argument of the program that is to be a reader. Its stdin is the notify descriptor, its stdout the socket
/// to the supervisor.
const ENTRY: &str = "--intercept-reader";

/// After so many calls that were passed on, those that are answered are forgotten.
const UNDER_WAY_MAX: usize = 64;

/// Whether the arguments of this process ask for it.
pub(crate) fn is_requested() -> bool {
    std::env::args_os().nth(1).is_some_and(|first| first == ENTRY)
}

/// Reads until the last process that has the filter is gone; returns the exit status.
pub(crate) fn run() -> u8 {
    let descriptors = (io::stdin().as_fd().try_clone_to_owned(), io::stdout().as_fd().try_clone_to_owned());
    let (Ok(notify), Ok(supervisor)) = descriptors else { return crate::ui::UNABLE };
    read(&notify, supervisor);
    0
}

/// A pair of sockets: for the supervisor, which never blocks, and for the reader.
///
/// # Errors
/// Out of descriptors.
pub(super) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let (supervisor, reader) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
    Ok((supervisor, reader))
}

/// Starts the process. It is a child, has no environment, and belongs to no generation.
///
/// # Errors
/// Out of processes.
pub(super) fn start(notify: OwnedFd, socket: OwnedFd) -> io::Result<()> {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("serverswap").arg(ENTRY).env_clear().current_dir("/");
    command.stdin(Stdio::from(notify)).stdout(Stdio::from(socket)).stderr(Stdio::null());
    session::own_session(&mut command);
    command.spawn().map(drop)
}

/// The next call that was passed on; `None` if there is none yet.
///
/// # Errors
/// UnexpectedEof when the reader has ended.
pub(super) fn next(socket: &OwnedFd) -> io::Result<Option<Notification>> {
    let mut bytes = [0; Notification::BYTES];
    match recv(socket.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT) {
        Ok(length) if length == bytes.len() => Ok(Some(Notification::from_bytes(&bytes))),
        Ok(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Has the reader remove this link when the last process of the server is gone.
///
/// # Errors
/// The reader has ended.
pub(super) fn remove_in_the_end(socket: &OwnedFd, link: &Path) -> io::Result<()> {
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
    send(socket.as_raw_fd(), link.as_os_str().as_bytes(), flags)?;
    Ok(())
}

/// As [`run`], with these descriptors.
pub(super) fn read(notify: &OwnedFd, supervisor: OwnedFd) {
    let mut supervisor = Some(supervisor);
    let mut under_way = BTreeSet::new();
    let mut links = BTreeSet::new();
    loop {
        let Polled { calls, has_link, supervisor_gone } = wait(notify, supervisor.as_ref());
        if has_link {
            // Those that were sent before the supervisor went, too.
            links.extend(std::iter::from_fn(|| supervisor.as_ref().and_then(link)));
        }
        if supervisor_gone {
            supervisor = None;
            std::mem::take(&mut under_way).into_iter().for_each(|id| continue_call(notify, id));
        }
        match calls {
            Calls::None => {}
            Calls::Gone => return links.iter().for_each(|link| drop(fs::remove_file(link))),
            Calls::Wait => {
                // Of a caller that was killed meanwhile there is nothing to receive.
                let Ok(call) = receive(notify) else { continue };
                if under_way.len() >= UNDER_WAY_MAX {
                    under_way.retain(|id| is_waiting(notify, *id));
                }
                under_way.insert(call.id());
                let passed_on = supervisor.as_ref().is_some_and(|socket| pass_on(socket, &call));
                if !passed_on {
                    under_way.remove(&call.id());
                    continue_call(notify, call.id());
                }
            }
        }
    }
}

/// Waits where the supervisor is stopped and does not read.
fn pass_on(supervisor: &OwnedFd, call: &Notification) -> bool {
    loop {
        match send(supervisor.as_raw_fd(), call.as_bytes(), MsgFlags::MSG_NOSIGNAL) {
            Ok(_) => return true,
            Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
}

fn link(supervisor: &OwnedFd) -> Option<PathBuf> {
    let mut bytes = [0; libc::PATH_MAX as usize];
    let length = recv(supervisor.as_raw_fd(), &mut bytes, MsgFlags::MSG_DONTWAIT).ok()?;
    (length > 0).then(|| PathBuf::from(OsStr::from_bytes(&bytes[..length])))
}

struct Polled {
    calls: Calls,
    has_link: bool,
    supervisor_gone: bool,
}

enum Calls {
    None,
    Wait,
    /// No process has the filter any more.
    Gone,
}

fn wait(notify: &OwnedFd, supervisor: Option<&OwnedFd>) -> Polled {
    let mut polled = vec![PollFd::new(notify.as_fd(), PollFlags::POLLIN)];
    polled.extend(supervisor.map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)));
    while poll(&mut polled, PollTimeout::NONE) == Err(Errno::EINTR) {}
    let has = |index: usize, flags: PollFlags| {
        let found = polled.get(index).and_then(|polled| polled.revents());
        found.is_some_and(|found| found.intersects(flags))
    };
    let gone = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
    let calls = match (has(0, PollFlags::POLLIN), has(0, gone)) {
        (true, _) => Calls::Wait,
        (false, true) => Calls::Gone,
        (false, false) => Calls::None,
    };
    Polled { calls, has_link: has(1, PollFlags::POLLIN), supervisor_gone: has(1, gone) }
}
