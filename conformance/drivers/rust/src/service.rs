//! Accepting on what was granted: through `std::net`, as any server does.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv6Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serverswap::{Address, protocol::Endpoint};

/// Most bytes that `accept` reads.
const ECHO_BYTES_MAX: usize = 64;

/// How long a user may take to say something.
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// A listener and who waits for its connections.
#[derive(Debug)]
pub(crate) struct Service {
    listener: Listener,
    /// The `op`s of `accept`, each for one connection.
    pub echoes: Vec<String>,
    /// Whether `serve` was said and `stop` was not.
    pub serves: bool,
    /// Those that answer.
    working: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A user's connection.
trait User: Read + Write + Send {}

impl User for TcpStream {}
impl User for UnixStream {}

impl Service {
    /// On the listener that was granted, or on one of its own for an address taken by `bind`.
    pub fn new(address: &Address, granted: Option<OwnedFd>) -> io::Result<Service> {
        let listener = match (address, granted) {
            (Address::Tcp(_), Some(granted)) => Listener::Tcp(granted.into()),
            (Address::Unix(_), Some(granted)) => Listener::Unix(granted.into()),
            (Address::Tcp(endpoint), None) => Listener::Tcp(bound(endpoint)?),
            (Address::Unix(path), None) => Listener::Unix(UnixListener::bind(path)?),
            (Address::Udp(_) | Address::Name(_), _) => {
                return Err(io::Error::other("connections are accepted on TCP and Unix sockets only"));
            }
        };
        Ok(Service { listener, echoes: Vec::new(), serves: false, working: Vec::new() })
    }

    /// Whether connections are waited for.
    pub fn accepts(&self) -> bool {
        self.serves || !self.echoes.is_empty()
    }

    /// Takes one connection, if there is one; the `op` that it answers.
    pub fn accept(&mut self) -> io::Result<Option<String>> {
        let Some(mut user) = self.listener.accept()? else { return Ok(None) };
        if self.echoes.is_empty() {
            self.working.push(thread::spawn(move || answer(user)));
            return Ok(None);
        }
        let mut bytes = [0; ECHO_BYTES_MAX];
        // A user who goes without a word was accepted all the same.
        let _ = user.read(&mut bytes).and_then(|length| user.write_all(&bytes[..length]));
        Ok(Some(self.echoes.remove(0)))
    }

    /// Accepts nothing more, and waits for what is open.
    pub fn stop(self) {
        drop(self.listener);
        for worker in self.working {
            // A panic of one answer ends that answer only.
            let _ = worker.join();
        }
    }
}

impl AsFd for Service {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.listener {
            Listener::Tcp(listener) => listener.as_fd(),
            Listener::Unix(listener) => listener.as_fd(),
        }
    }
}

impl Listener {
    /// `None` if the server of another generation was faster.
    fn accept(&self) -> io::Result<Option<Box<dyn User>>> {
        let accepted: io::Result<Box<dyn User>> = match self {
            Listener::Tcp(listener) => listener.accept().and_then(|(stream, _)| {
                stream.set_read_timeout(Some(USER_TIMEOUT))?;
                Ok(Box::new(stream) as Box<dyn User>)
            }),
            Listener::Unix(listener) => listener.accept().and_then(|(stream, _)| {
                stream.set_read_timeout(Some(USER_TIMEOUT))?;
                Ok(Box::new(stream) as Box<dyn User>)
            }),
        };
        match accepted {
            Ok(user) => Ok(Some(user)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn bound(endpoint: &Endpoint) -> io::Result<TcpListener> {
    let listener = match endpoint {
        Endpoint::Any { port } => TcpListener::bind((Ipv6Addr::UNSPECIFIED, *port))?,
        Endpoint::Ip(address) => TcpListener::bind(address)?,
    };
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Answers one HTTP/1.1 request.
fn answer(user: Box<dyn User>) {
    let mut user = BufReader::new(user);
    let mut line = String::new();
    loop {
        line.clear();
        match user.read_line(&mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) if line.trim_end().is_empty() => break,
            Ok(_) => {}
        }
    }
    let body = crate::commands::CLIENT;
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\nServer-Pid: {}\r\n\r\n{body}",
        body.len(),
        process::id()
    );
    // Who has gone does not want it any more.
    let _ = user.get_mut().write_all(head.as_bytes());
}
