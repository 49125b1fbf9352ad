//! A server in this process that does exactly what a test wants with every connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType};
use serverswap_load::Target;
use tempfile::TempDir;

/// A listening server; dropping it ends it and closes its listener.
pub struct Server {
    target: Target,
    connections: Arc<AtomicU64>,
    ending: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
    _directory: Option<TempDir>,
}

/// A connection as the server sees it.
pub struct Connection {
    reader: BufReader<Socket>,
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Server {
    /// A server on a free port of the loopback.
    pub fn tcp(serve: impl Fn(&mut Connection) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let target = Target::Tcp(listener.local_addr().expect("it is bound"));
        Server::start(Listener::Tcp(listener), target, None, serve)
    }

    /// A server on a Unix socket in a directory of its own.
    pub fn unix(serve: impl Fn(&mut Connection) + Send + Sync + 'static) -> Server {
        let directory = TempDir::new().expect("a directory");
        let path = directory.path().join("app.sock");
        let listener = UnixListener::bind(&path).expect("a new path");
        Server::start(Listener::Unix(listener), Target::Unix(path), Some(directory), serve)
    }

    /// Where it listens.
    pub fn target(&self) -> Target {
        self.target.clone()
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Acquire)
    }

    fn start(
        listener: Listener,
        target: Target,
        directory: Option<TempDir>,
        serve: impl Fn(&mut Connection) + Send + Sync + 'static,
    ) -> Server {
        let (connections, ending) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, end) = (Arc::clone(&connections), Arc::clone(&ending));
        let accepting = std::thread::spawn(move || {
            while let Ok(socket) = listener.accept() {
                if end.load(Ordering::Acquire) {
                    break;
                }
                count.fetch_add(1, Ordering::AcqRel);
                serve(&mut Connection { reader: BufReader::new(socket) });
            }
        });
        Server { target, connections, ending, accepting: Some(accepting), _directory: directory }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Release);
        // Wakes the accept; the connection itself is of no interest.
        let _ = match &self.target {
            Target::Tcp(socket) => TcpStream::connect(socket).map(drop),
            Target::Unix(path) => UnixStream::connect(path).map(drop),
        };
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

impl Connection {
    /// Reads the head of one request; `false` when the client is gone.
    pub fn request(&mut self) -> bool {
        let mut line = String::new();
        loop {
            line.clear();
            match self.reader.read_line(&mut line) {
                Ok(0) | Err(_) => return false,
                Ok(_) if line == "\r\n" => return true,
                Ok(_) => {}
            }
        }
    }

    /// Writes as it is; a client that is gone is no error here.
    pub fn say(&mut self, text: &str) {
        let _ = self.reader.get_mut().write_all(text.as_bytes());
    }

    /// Closes with a reset instead of an orderly end.
    pub fn reset(&mut self) {
        rustix::net::sockopt::set_socket_linger(self.reader.get_ref(), Some(Duration::ZERO))
            .expect("a socket");
    }
}

impl Listener {
    fn accept(&self) -> io::Result<Socket> {
        match self {
            Listener::Tcp(listener) => listener.accept().map(|(stream, _)| Socket::Tcp(stream)),
            Listener::Unix(listener) => listener.accept().map(|(stream, _)| Socket::Unix(stream)),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Tcp(stream) => stream.as_fd(),
            Socket::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.read(buffer),
            Socket::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(stream) => stream.write(bytes),
            Socket::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A port that refuses, and that nobody else can take as long as the descriptor lives.
pub fn bound_without_listening() -> (OwnedFd, Target) {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    let address = rustix::net::getsockname(&socket).expect("it is bound");
    let address = SocketAddr::try_from(address).expect("an IP address");
    (socket, Target::Tcp(address))
}
