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

/// What of an answer is the same each time and says which server it is from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Gist(String);

impl Gist {
    /// Of HTTP the first line and some fields: the time, a cookie or a page with a counter differs each time. Of what is not HTTP,
    /// everything that has come.
    pub(super) fn of(bytes: &[u8]) -> Gist {
        let text = String::from_utf8_lossy(bytes);
        if !text.starts_with("HTTP/") {
            return Gist(text.into_owned());
        }
        let mut lines = text.lines().take_while(|line| !line.is_empty());
        let first = lines.next().unwrap_or_default().to_owned();
        let stays = |line: &&str| {
            let name = line.split(':').next().unwrap_or_default();
            SAME_FIELDS.iter().any(|field| name.eq_ignore_ascii_case(field))
        };
        let mut fields: Vec<&str> = lines.filter(stays).collect();
        fields.sort_unstable();
        Gist([first.as_str()].into_iter().chain(fields).collect::<Vec<_>>().join("\n"))
    }
}

/// The fields of an answer by which two servers of one program are told apart.
const SAME_FIELDS: [&str; 4] = ["Content-Length", "Content-Type", "Location", "Server"];

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
        self.answer().map(|(reply, _)| reply)
    }

    /// The same, with what tells it from the answers of other servers.
    pub(super) fn answer(&mut self) -> Option<(Reply, Gist)> {
        let mut bytes = [0; ANSWER_BYTES_MAX];
        let read = match self {
            Request::Tcp(stream) => stream.read(&mut bytes),
            Request::Unix(stream) => stream.read(&mut bytes),
        };
        let (reply, count) = match read {
            Ok(0) => (Reply::Ended, 0),
            Ok(count) if bytes[..count].starts_with(b"HTTP/") => (Reply::Http, count),
            Ok(count) => (Reply::Other, count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(_) => (Reply::Ended, 0),
        };
        Some((reply, Gist::of(&bytes[..count])))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gist_of_an_answer_is_the_same_each_time_and_another_one_of_another_server() {
        let gist = |date: &str, length: u32| {
            let text =
                format!("HTTP/1.1 200 OK\r\nDate: {date}\r\ncontent-length: {length}\r\n\r\nContent-Type: x");
            Gist::of(text.as_bytes())
        };
        assert_eq!(gist("today", 2), gist("tomorrow", 2));
        assert_ne!(gist("today", 2), gist("today", 3));
        assert_ne!(Gist::of(b"-ERR a"), Gist::of(b"-ERR b"));
    }
}
