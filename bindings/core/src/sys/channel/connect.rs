//! The client's end of a new connection.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect as connect_socket, socket};

/// Connects to a Unix stream socket, close-on-exec and non-blocking, without ever waiting.
///
/// # Errors
/// `NotFound`: there is no such path. `ConnectionRefused`: nobody listens there.
/// `WouldBlock`: somebody listens, and the backlog is full.
pub fn connect(path: &Path) -> io::Result<OwnedFd> {
    connect_to(&UnixAddr::new(path)?)
}

/// As [`connect`], to a name in the abstract namespace (unix(7)).
///
/// # Errors
/// As [`connect`]; `ConnectionRefused` also if there is no such name.
pub fn connect_to_abstract(name: &OsStr) -> io::Result<OwnedFd> {
    connect_to(&UnixAddr::new_abstract(name.as_bytes())?)
}

fn connect_to(address: &UnixAddr) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    connect_socket(socket.as_raw_fd(), address)?;
    Ok(socket)
}
