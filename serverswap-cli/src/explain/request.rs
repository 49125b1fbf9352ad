//! A request on a connection of its own, sent in pieces and read without waiting.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serverswap::sys::channel::connect;

use super::private_bind::Place;

/// All of a request but its last line; `Connection: close` comes with that.
pub(super) const FIRST_HALF: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n";

/// The rest of it.
pub(super) const SECOND_HALF: &[u8] = b"Connection: close\r\n\r\n";

/// On the loopback the kernel connects at once, but for a full backlog.
const CONNECTS: Duration = Duration::from_millis(200);

/// Longest beginning of an answer that is read.
const ANSWER_BYTES_MAX: usize = 4_096;

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    /// An answer of HTTP.
    Http,
    /// Something else.
    Other,
    /// Nothing, and the connection has ended.
    Ended,
}

/// A connection.
#[derive(Debug)]
pub(super) enum Request {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Request {
    /// Connects; nothing is sent yet.
    ///
    /// # Errors
    /// As of connect(2). A backlog that is full is one: nobody waits for room in it.
    pub(super) fn open(place: &Place) -> io::Result<Request> {
        match place {
            Place::Tcp(at) => {
                let stream = TcpStream::connect_timeout(at, CONNECTS)?;
                stream.set_nonblocking(true)?;
                Ok(Request::Tcp(stream))
            }
            Place::Unix(path) => Ok(Request::Unix(connect(path)?.into())),
        }
    }

    /// Sends what a socket always has room for. That the other end is closed is seen when its answer is read.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        let _ = match self {
            Request::Tcp(stream) => stream.write_all(bytes),
            Request::Unix(stream) => stream.write_all(bytes),
        };
    }

    /// What has come back, if anything has.
    pub(super) fn reply(&mut self) -> Option<Reply> {
        let mut bytes = [0; ANSWER_BYTES_MAX];
        let read = match self {
            Request::Tcp(stream) => stream.read(&mut bytes),
            Request::Unix(stream) => stream.read(&mut bytes),
        };
        match read {
            Ok(0) => Some(Reply::Ended),
            Ok(count) if bytes[..count].starts_with(b"HTTP/") => Some(Reply::Http),
            Ok(_) => Some(Reply::Other),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(_) => Some(Reply::Ended),
        }
    }
}

impl AsFd for Request {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Request::Tcp(stream) => stream.as_fd(),
            Request::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // A connection that waits for the rest of a request would keep its server from ending.
        let _ = match self {
            Request::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Request::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}
