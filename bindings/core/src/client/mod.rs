//! The blocking client: a server that claims addresses and waits for the answers.
//!
//! It deliberately starts no thread and handles no signal. Lines of the arbiter are read
//! whenever some thread waits: in [`Client::listen`], [`Listener::accept`],
//! [`Client::takedown`] and so on. A server that serves therefore has at least one thread in
//! one of them.

mod error;
mod inbox;
mod listener;
mod shared;
mod state;
mod takedown;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serverswap_protocol::message::ClientInfo;
use serverswap_protocol::{Address, Generation, SocketMode};

pub use error::ClientError;
pub use listener::{Listener, Stream};
pub use takedown::Takedown;

use crate::connection::{ConnectError, Connection, Environment};
use crate::drain::Drain;
use crate::session::{Call, Refusal};
#[cfg(feature = "tokio")]
pub(crate) use inbox::{Inbox, TakedownNotice};
pub(crate) use listener::Socket;
use shared::SharedClient;
#[cfg(feature = "tokio")]
pub(crate) use state::{Arrived, ClientState};
pub(crate) use takedown::Release;

/// A server's connection to its supervisor. Clones share it; there is one a process.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<SharedClient>,
    ready: ReadyPolicy,
}

/// When a server counts as up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadyPolicy {
    /// When everything that it has claimed is served.
    WhenServing,
    /// When it calls [`Client::server_up`].
    WhenCalled,
}

impl ReadyPolicy {
    /// The `more` of its claims.
    pub fn more(self) -> bool {
        self == ReadyPolicy::WhenCalled
    }
}

impl Client {
    /// The client that the environment of this process asks for; without a supervisor,
    /// one that grants everything at once.
    ///
    /// # Errors
    /// A variable with a value that no supervisor sets, or no descriptor to be had.
    pub fn from_env() -> Result<Self, ConnectError> {
        Client::open(Environment::from_env()?)
    }

    /// As [`Self::from_env`], with the environment as an argument.
    ///
    /// # Errors
    /// No descriptor to be had.
    pub fn open(environment: Environment) -> Result<Self, ConnectError> {
        let shared = SharedClient::new(Connection::open(environment, info())?)?;
        Ok(Client { shared: Arc::new(shared), ready: ReadyPolicy::WhenServing })
    }

    /// For a server that claims its addresses one after the other: it counts as up when
    /// it calls [`Self::server_up`], and not before.
    #[must_use]
    pub fn with_server_up(self) -> Self {
        Client { ready: ReadyPolicy::WhenCalled, ..self }
    }

    /// Whether there is a supervisor.
    pub fn is_supervised(&self) -> bool {
        self.generation().is_some()
    }

    /// The generation that this server belongs to; `None` without a supervisor.
    pub fn generation(&self) -> Option<Generation> {
        self.shared.generation()
    }

    /// Claims an address exclusively (*bind*) and waits until it is granted: the old server
    /// has released it by then, and this one opens its own socket.
    ///
    /// # Errors
    /// [`ClientError::Refused`] says why not; the old server, if any, serves on.
    pub fn ready_for(&self, address: &Address) -> Result<(), ClientError> {
        self.claim(address, SocketMode::Bind).map(drop)
    }

    /// Claims an address by inheritance and waits for its listener. The old server accepts
    /// until this one calls [`Listener::serving`].
    ///
    /// # Errors
    /// [`ClientError::Refused`] says why not; the old server, if any, serves on.
    pub fn listen(&self, address: &Address) -> Result<Listener, ClientError> {
        let Some(descriptor) = self.claim(address, SocketMode::Inherit)? else {
            unreachable!("the session grants an inherited address with its listener only");
        };
        let socket = Socket::new(address, descriptor)?;
        let stop = self.shared.stop_of(address)?;
        Ok(Listener::new(self.clone(), address.clone(), socket, stop))
    }

    fn claim(
        &self,
        address: &Address,
        socket: SocketMode,
    ) -> Result<Option<std::os::fd::OwnedFd>, ClientError> {
        let more = self.ready.more();
        let claim = self.shared.call(Call::ReadyFor { address: address.clone(), socket, more })?;
        self.shared.wait(|inbox| inbox.answer(claim))
    }

    /// The accept loop of a granted address runs: now the old server is asked to release it.
    ///
    /// # Errors
    /// The address is not held.
    pub fn serving(&self, address: &Address) -> Result<(), ClientError> {
        self.shared.call(Call::Serving(address.clone())).map(drop)
    }

    /// This server handles takedown of the address. Implied by [`Self::takedown`],
    /// [`Self::wait_takedown`] and [`Listener::accept`]; a server that handles no takedown is
    /// ended when the address is taken.
    ///
    /// # Errors
    /// Only in a forked child.
    pub fn on_takedown(&self, address: &Address) -> Result<(), ClientError> {
        self.shared.handle_takedown(address)
    }

    /// Waits until this address is taken down.
    ///
    /// # Errors
    /// The address is not held, or another thread releases it.
    pub fn takedown(&self, address: &Address) -> Result<Takedown, ClientError> {
        self.on_takedown(address)?;
        let notice = self.shared.wait(|inbox| inbox.taken(address))?;
        Ok(Takedown::new(self.shared.clone(), notice))
    }

    /// Waits until some address that this server holds, now or later, is taken down. Each is
    /// returned once.
    ///
    /// # Errors
    /// Only in a forked child, or when the kernel refuses to wait.
    pub fn wait_takedown(&self) -> Result<Takedown, ClientError> {
        self.shared.handle_every_takedown()?;
        let notice = self.shared.wait(|inbox| inbox.next_takedown().map(Ok))?;
        Ok(Takedown::new(self.shared.clone(), notice))
    }

    /// Releases a taken address, and finishes what is open, as [`Listener::finish`] does for a
    /// listener of this library's own.
    ///
    /// # Errors
    /// Another thread has released it already.
    pub fn finish(&self, takedown: Takedown, open: &Drain) -> Result<usize, ClientError> {
        let (address, deadline) = takedown.release(open)?;
        self.shared.finish(&address, open, deadline)
    }

    /// Releases an address, or withdraws the claim that another thread waits for.
    ///
    /// # Errors
    /// The address is neither held nor claimed.
    pub fn released(&self, address: &Address) -> Result<(), ClientError> {
        self.shared.release(address).map(drop)
    }

    /// How the drain of a taken address goes: how many connections are open, and how long
    /// it is to last at least, from now on.
    ///
    /// # Errors
    /// The address was never taken.
    pub fn progress(
        &self,
        address: &Address,
        connections: Option<u64>,
        extend: Option<Duration>,
    ) -> Result<(), ClientError> {
        self.shared
            .call(Call::Progress { address: address.clone(), connections, cut: None, extend })
            .map(drop)
    }

    /// Every address that this server will ever claim is served. Of use after
    /// [`Self::with_server_up`] only.
    ///
    /// # Errors
    /// Only in a forked child.
    pub fn server_up(&self) -> Result<(), ClientError> {
        self.shared.call(Call::ServerUp).map(drop)
    }

    /// This server gives up: the deploy has failed, and nothing can be claimed any more.
    ///
    /// # Errors
    /// Only in a forked child.
    pub fn fail(&self, reason: &str) -> Result<(), ClientError> {
        self.shared.fail(reason)
    }

    /// The faults that the arbiter reported since the last call, at most the last 16. They
    /// end no holding; for logs.
    pub fn faults(&self) -> Vec<Refusal> {
        self.shared.faults()
    }
}

/// This library, in a `hello`.
pub(crate) fn info() -> ClientInfo {
    ClientInfo { name: "serverswap-rust".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
}

/// The error for a kind of socket that does not accept.
pub(crate) fn not_a_listener(address: &Address) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("`{address}` accepts no connections of this kind"))
}
