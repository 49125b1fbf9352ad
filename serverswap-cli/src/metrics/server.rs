//! Answers GET with the metrics, at an address of the user's choice. One request after the other, each with a deadline: it is asked every
//! few seconds, and whoever asks and says nothing keeps the next one waiting for no longer than that.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

/// Longest request, in bytes.
const REQUEST_BYTES_MAX: usize = 8 * 1024;

/// How long a request, and its answer, may take.
const REQUEST_WAIT_MAX: Duration = Duration::from_secs(2);

/// What a metric is asked for with.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Where is listened.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection whose reads and writes have a deadline.
trait Connection: Read + Write {
    fn wait_at_most(&self, time: Duration) -> io::Result<()>;
}

impl Connection for TcpStream {
    fn wait_at_most(&self, time: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(time)).and_then(|()| self.set_write_timeout(Some(time)))
    }
}

impl Connection for UnixStream {
    fn wait_at_most(&self, time: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(time)).and_then(|()| self.set_write_timeout(Some(time)))
    }
}

impl Listener {
    /// # Errors
    /// As of fcntl(2).
    pub(super) fn tcp(socket: OwnedFd) -> io::Result<Listener> {
        let listener = TcpListener::from(socket);
        listener.set_nonblocking(false)?;
        Ok(Listener::Tcp(listener))
    }

    /// # Errors
    /// As of fcntl(2).
    pub(super) fn unix(socket: OwnedFd) -> io::Result<Listener> {
        let listener = UnixListener::from(socket);
        listener.set_nonblocking(false)?;
        Ok(Listener::Unix(listener))
    }

    /// For ever.
    ///
    /// # Errors
    /// Nothing can be accepted any more.
    pub(super) fn serve(&self, metrics: impl Fn() -> Result<String, String>) -> io::Error {
        loop {
            let served = match self {
                Listener::Tcp(listener) => listener.accept().map(|(stream, _)| answer(stream, &metrics)),
                Listener::Unix(listener) => listener.accept().map(|(stream, _)| answer(stream, &metrics)),
            };
            match served {
                // One that has gone away in the middle concerns nobody else.
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => return error,
            }
        }
    }
}

fn answer(mut connection: impl Connection, metrics: impl Fn() -> Result<String, String>) -> io::Result<()> {
    let request = request(&mut connection)?;
    connection.wait_at_most(REQUEST_WAIT_MAX)?;
    connection.write_all(response(&request, metrics).as_bytes())
}

/// Up to its empty line.
fn request(connection: &mut impl Connection) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + REQUEST_WAIT_MAX;
    let (mut request, mut buffer) = (Vec::new(), [0; 1024]);
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < REQUEST_BYTES_MAX {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        connection.wait_at_most(left)?;
        match connection.read(&mut buffer)? {
            0 => break,
            read => request.extend_from_slice(&buffer[..read]),
        }
    }
    Ok(request)
}

/// The whole answer to a request.
fn response(request: &[u8], metrics: impl Fn() -> Result<String, String>) -> String {
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    let (status, kind, body) = match (method, path) {
        ("GET" | "HEAD", "/" | "/metrics") => match metrics() {
            Ok(metrics) => ("200 OK", CONTENT_TYPE, metrics),
            Err(problem) => ("500 Internal Server Error", "text/plain", problem + "\n"),
        },
        ("GET" | "HEAD", _) => ("404 Not Found", "text/plain", "the metrics are at /metrics\n".to_owned()),
        _ => ("405 Method Not Allowed", "text/plain", "GET /metrics\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    if method == "HEAD" { head } else { head + &body }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(request: &str) -> String {
        response(request.as_bytes(), || Ok("# EOF\n".to_owned()))
    }

    #[test]
    fn the_metrics_are_got_whatever_follows_the_path() {
        for target in ["/metrics", "/", "/metrics?x=1"] {
            let answer = asked(&format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
            assert!(
                answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n# EOF\n"),
                "{answer}"
            );
        }
        assert!(asked("HEAD / HTTP/1.1\r\n\r\n").ends_with("Connection: close\r\n\r\n"));
    }

    #[test]
    fn anything_else_is_refused() {
        assert!(asked("GET /favicon.ico HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
        assert!(asked("POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405"));
        assert!(asked("\u{0}").starts_with("HTTP/1.1 405"));
        let answer = response(b"GET / HTTP/1.1\r\n\r\n", || Err("no /proc".to_owned()));
        assert!(answer.starts_with("HTTP/1.1 500") && answer.ends_with("no /proc\n"), "{answer}");
    }

    #[test]
    fn one_who_asks_in_pieces_is_answered() {
        let (mut client, server) = UnixStream::pair().expect("a pair");
        let server = std::thread::spawn(move || answer(server, || Ok("# EOF\n".to_owned())));
        client.write_all(b"GET / HT").expect("sent");
        client.write_all(b"TP/1.1\r\n\r\n").expect("sent");
        let mut text = String::new();
        client.read_to_string(&mut text).expect("answered");
        assert!(text.ends_with("# EOF\n"), "{text}");
        server.join().expect("it does not panic").expect("it has answered");
    }
}
