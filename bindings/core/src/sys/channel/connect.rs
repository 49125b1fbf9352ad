//! The client's end of a new connection.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect as connect_socket, socket};

/// Connects to a Unix stream socket, close-on-exec and non-blocking, without ever waiting.
///
/// # Errors
/// `NotFound`: there is no such path. `ConnectionRefused`: nobody listens there.
/// `WouldBlock`: somebody listens, and the backlog is full.
pub fn connect(path: &Path) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    connect_socket(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(socket)
}
