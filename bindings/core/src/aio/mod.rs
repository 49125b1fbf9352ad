//! The client for tokio: the calls of [`crate::Client`] as `async` functions.
//!
//! It deliberately adds no rule of its own. A task on the runtime reads what the arbiter sends,
//! so that pings are answered and takedowns arrive whatever the server is doing; it ends with the
//! last [`Client`]. A call that is dropped has not happened: a claim is withdrawn.

mod listener;
mod task;

use std::sync::Arc;
use std::time::Duration;

use serverswap_protocol::{Address, Generation, SocketMode};

pub use listener::Listener;

use crate::client::{ClientError, ReadyPolicy, Release, Socket, Takedown, info};
use crate::connection::{ConnectError, Connection, Environment};
use crate::dispatch::CallId;
use crate::drain::Drain;
use crate::session::{Call, Refusal};
use task::SharedTask;

/// A server's connection to its supervisor. Clones share it; there is one a process.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<SharedTask>,
    ready: ReadyPolicy,
}

impl Client {
    /// As [`crate::Client::from_env`], inside of a tokio runtime with I/O enabled.
    ///
    /// # Errors
    /// A variable with a value that no supervisor sets, or no descriptor to be had.
    ///
    /// # Panics
    /// Outside of such a runtime.
    pub fn from_env() -> Result<Self, ConnectError> {
        Client::open(Environment::from_env()?)
    }

    /// As [`Self::from_env`], with the environment as an argument.
    ///
    /// # Errors
    /// No descriptor to be had.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O enabled.
    pub fn open(environment: Environment) -> Result<Self, ConnectError> {
        let shared = SharedTask::start(Connection::open(environment, info())?)?;
        Ok(Client { shared: Arc::new(shared), ready: ReadyPolicy::WhenServing })
    }

    /// As [`crate::Client::with_server_up`].
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

    /// As [`crate::Client::ready_for`]. Dropped before it ends, it withdraws the claim.
    ///
    /// # Errors
    /// [`ClientError::Refused`] says why not; the old server, if any, serves on.
    pub async fn ready_for(&self, address: &Address) -> Result<(), ClientError> {
        self.claim(address, SocketMode::Bind).await.map(drop)
    }

    /// As [`crate::Client::listen`]. Dropped before it ends, it withdraws the claim.
    ///
    /// # Errors
    /// [`ClientError::Refused`] says why not; the old server, if any, serves on.
    pub async fn listen(&self, address: &Address) -> Result<Listener, ClientError> {
        let Some(descriptor) = self.claim(address, SocketMode::Inherit).await? else {
            unreachable!("the session grants an inherited address with its listener only");
        };
        let socket = Socket::new(address, descriptor)?;
        Ok(Listener::new(self.clone(), address.clone(), socket))
    }

    async fn claim(
        &self,
        address: &Address,
        socket: SocketMode,
    ) -> Result<Option<std::os::fd::OwnedFd>, ClientError> {
        let more = self.ready.more();
        let id = self.shared.call(Call::ReadyFor { address: address.clone(), socket, more })?;
        let mut claim = AwaitedClaim { shared: &self.shared, id, standing: Standing::Waits };
        let answer = self.shared.wait(|inbox| inbox.answer(id)).await;
        claim.standing = Standing::Answered;
        answer
    }

    /// As [`crate::Client::serving`].
    ///
    /// # Errors
    /// The address is not held.
    pub fn serving(&self, address: &Address) -> Result<(), ClientError> {
        self.shared.call(Call::Serving(address.clone())).map(drop)
    }

    /// As [`crate::Client::on_takedown`].
    ///
    /// # Errors
    /// Only in a forked child.
    pub fn on_takedown(&self, address: &Address) -> Result<(), ClientError> {
        self.shared.handle_takedown(address)
    }

    /// As [`crate::Client::takedown`].
    ///
    /// # Errors
    /// The address is not held, or another task releases it.
    pub async fn takedown(&self, address: &Address) -> Result<Takedown, ClientError> {
        self.on_takedown(address)?;
        let notice = self.shared.wait(|inbox| inbox.taken(address)).await?;
        Ok(Takedown::new(self.shared.clone(), notice))
    }

    /// As [`crate::Client::wait_takedown`].
    ///
    /// # Errors
    /// Only when the runtime is shutting down.
    pub async fn wait_takedown(&self) -> Result<Takedown, ClientError> {
        self.shared.handle_every_takedown()?;
        let notice = self.shared.wait(|inbox| inbox.next_takedown().map(Ok)).await?;
        Ok(Takedown::new(self.shared.clone(), notice))
    }

    /// As [`crate::Client::finish`].
    ///
    /// # Errors
    /// Another task has released it already.
    pub async fn finish(&self, takedown: Takedown, open: &Drain) -> Result<usize, ClientError> {
        let (address, deadline) = takedown.release(open)?;
        self.shared.finish(&address, open, deadline).await
    }

    /// As [`crate::Client::released`].
    ///
    /// # Errors
    /// The address is neither held nor claimed.
    pub fn released(&self, address: &Address) -> Result<(), ClientError> {
        self.shared.release(address).map(drop)
    }

    /// As [`crate::Client::progress`].
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

    /// As [`crate::Client::server_up`].
    ///
    /// # Errors
    /// Only in a forked child.
    pub fn server_up(&self) -> Result<(), ClientError> {
        self.shared.call(Call::ServerUp).map(drop)
    }

    /// As [`crate::Client::fail`].
    ///
    /// # Errors
    /// Only in a forked child.
    pub async fn fail(&self, reason: &str) -> Result<(), ClientError> {
        self.shared.fail(reason).await
    }

    /// As [`crate::Client::faults`].
    pub fn faults(&self) -> Vec<Refusal> {
        self.shared.faults()
    }
}

/// A claim that a future waits for.
struct AwaitedClaim<'a> {
    shared: &'a SharedTask,
    id: CallId,
    standing: Standing,
}

enum Standing {
    Waits,
    Answered,
}

impl Drop for AwaitedClaim<'_> {
    /// A future that is dropped while its claim waits withdraws it.
    fn drop(&mut self) {
        match self.standing {
            Standing::Waits => self.shared.withdraw(self.id),
            Standing::Answered => {}
        }
    }
}
