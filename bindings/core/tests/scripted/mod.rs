//! An arbiter that says what a test tells it to, and the waiting for its client. Every wait
//! ends in a failure after [`PATIENCE`].
#![allow(dead_code, reason = "each test binary uses its part")]

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serverswap::protocol::line::Decoded;
use serverswap::protocol::message::{
    ArbiterInfo, FromArbiter, FromClient, Granted, Greeting, Hello, LISTENER, Limits, Takedown,
    TakedownReason, Welcome,
};
use serverswap::sys::channel::{Channel, Fill};
use serverswap::sys::listener::open;
use serverswap::{Address, Call, ConnectTimeouts, Connection, Environment, Event, SocketMode, Supervision};
use tempfile::TempDir;

#[path = "../../../../conformance/src/sandbox/ports.rs"]
mod ports;

use ports::free_port;

/// Far longer than anything takes here.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A runtime directory.
pub struct Directory {
    temporary: TempDir,
}

impl Directory {
    pub fn new() -> Self {
        Directory { temporary: tempfile::tempdir().expect("a temporary directory") }
    }

    pub fn path(&self) -> &Path {
        self.temporary.path()
    }

    pub fn socket(&self) -> PathBuf {
        self.path().join("serverswap.sock")
    }

    /// What a supervisor tells its server.
    pub fn environment(&self) -> Environment {
        let generation = "7-9".parse().expect("valid");
        Environment {
            supervision: Supervision::Supervised {
                socket: self.socket(),
                generation,
                abstract_socket: None,
                arbiter: None,
            },
            timeouts: ConnectTimeouts::default(),
        }
    }

    /// A client that has been told where the arbiter is.
    pub fn connection(&self) -> Connection {
        Connection::open(self.environment(), client()).expect("there are descriptors")
    }

    /// Becomes the arbiter as one does: bound under a temporary name and renamed.
    pub fn arbiter(&self) -> Arbiter {
        let temporary = self.path().join("serverswap.sock.new");
        let listener = UnixListener::bind(&temporary).expect("writable");
        fs::rename(&temporary, self.socket()).expect("writable");
        Arbiter { listener }
    }
}

pub fn client() -> serverswap::ClientInfo {
    serverswap::ClientInfo { name: "test".into(), version: "1".into() }
}

/// One that is the arbiter until it is dropped.
pub struct Arbiter {
    listener: UnixListener,
}

impl Arbiter {
    /// The next client, not yet greeted.
    pub fn accept(&self) -> Link {
        wait_readable(&self.listener);
        let (stream, _) = self.listener.accept().expect("readable");
        Link { channel: Channel::new(stream.into()) }
    }
}

/// The arbiter's end of a connection.
pub struct Link {
    channel: Channel<FromClient, FromArbiter>,
}

impl Link {
    pub fn send(&mut self, message: &FromArbiter) {
        self.send_with(message, vec![]);
    }

    pub fn send_with(&mut self, message: &FromArbiter, fds: Vec<Arc<OwnedFd>>) {
        self.channel.send(message, fds);
        self.channel.flush().expect("the client is there");
    }

    pub fn greet(&mut self) {
        let arbiter = ArbiterInfo { name: "scripted".into(), version: "1".into(), pid: std::process::id() };
        let greeting = Greeting { versions: vec![1], arbiter, capabilities: [].into(), limits: Limits::V1 };
        self.send(&FromArbiter::Greeting(greeting));
    }

    pub fn welcome(&mut self, hello: &Hello) {
        let welcome = Welcome { re: hello.id, version: 1, generation: None, capabilities: [].into() };
        self.send(&FromArbiter::Welcome(welcome));
    }

    pub fn grant(&mut self, re: u64, address: &Address, listener: impl Into<OwnedFd>) {
        let granted = Granted { re, address: address.clone(), fds: vec![LISTENER.into()] };
        self.send_with(&FromArbiter::Granted(granted), vec![Arc::new(listener.into())]);
    }

    pub fn take_down(&mut self, id: u64, address: &Address) {
        let reason = TakedownReason::Replaced;
        let takedown = Takedown { id, address: address.clone(), reason, drain_ms: 30_000, stream_ms: None };
        self.send(&FromArbiter::Takedown(takedown));
    }

    /// The next line of the client.
    pub fn receive(&mut self) -> (FromClient, Vec<(String, OwnedFd)>) {
        loop {
            match self.channel.next().expect("well-formed") {
                Some(Decoded::Message { message, fds }) => return (message, fds),
                Some(Decoded::Unknown { kind, .. }) => panic!("unknown type {kind}"),
                Some(Decoded::Ignored) => panic!("an ignored line"),
                None => self.fill(),
            }
        }
    }

    fn fill(&mut self) {
        wait_readable(&self.channel);
        match self.channel.fill().expect("readable") {
            Fill::Data | Fill::WouldBlock => {}
            Fill::End => panic!("the client has hung up"),
        }
    }

    /// The next line of the client as the JSON text that it was.
    pub fn receive_text(&mut self) -> String {
        let bytes = serverswap::protocol::line::encode(&self.receive().0);
        String::from_utf8(bytes).expect("JSON is UTF-8").trim_end().to_owned()
    }

    pub fn receive_hello(&mut self) -> (Hello, Vec<(String, OwnedFd)>) {
        match self.receive() {
            (FromClient::Hello(hello), fds) => (hello, fds),
            (other, _) => panic!("not a hello: {other:?}"),
        }
    }

    /// Greets a client of another thread and welcomes it.
    pub fn negotiate(&mut self) {
        self.greet();
        let (hello, _) = self.receive_hello();
        self.welcome(&hello);
    }
}

/// A connection and the arbiter's end of it, welcomed.
pub fn link(arbiter: &Arbiter, connection: &mut Connection) -> (Link, Hello, Vec<(String, OwnedFd)>) {
    let mut link = arbiter.accept();
    link.greet();
    drive(connection);
    let (hello, fds) = link.receive_hello();
    link.welcome(&hello);
    drive(connection);
    (link, hello, fds)
}

/// Waits until the connection has work, and has it done.
pub fn drive(connection: &mut Connection) {
    wait_readable(&*connection);
    connection.process().expect("this process made it");
}

/// The next event.
pub fn event(connection: &mut Connection) -> Event {
    loop {
        match connection.next_event() {
            Some(event) => return event,
            None => drive(connection),
        }
    }
}

/// Also before an accept: the last step of a connection may come after connect(2) has returned.
pub fn wait_readable(descriptor: impl AsFd) {
    assert!(is_readable(descriptor, PATIENCE), "nothing happens");
}

pub fn is_readable(descriptor: impl AsFd, within: Duration) -> bool {
    let mut polled = [PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(within).expect("a few seconds");
    poll(&mut polled, timeout).expect("it can be polled") > 0
}

/// A listener on a free port, and its address.
pub fn listener() -> (TcpListener, SocketAddr, Address) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let at = listener.local_addr().expect("bound");
    let address = at.to_string().parse().expect("valid");
    (listener, at, address)
}

/// Opens `template` with `PORT` replaced by a port that nobody has, and says which.
pub fn open_free(template: &str) -> (OwnedFd, Address, u16) {
    let port = free_port();
    let address = address(&template.replace("PORT", &port.to_string()));
    (open(&address).expect("the port is free"), address, port)
}

/// An address that nobody has.
pub fn free_address() -> Address {
    address(&format!("127.0.0.1:{}", free_port()))
}

/// A claim by `bind`.
pub fn bind(address: Address) -> Call {
    Call::ReadyFor { address, socket: SocketMode::Bind, more: false }
}

/// A claim by `inherit`.
pub fn inherit(address: Address) -> Call {
    Call::ReadyFor { address, socket: SocketMode::Inherit, more: false }
}

pub fn address(text: &str) -> Address {
    text.parse().expect("a valid address")
}
