//! One connection for many tasks, and the task that reads it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::pin;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serverswap_protocol::{Address, Generation};
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{timeout, timeout_at};

use crate::client::{Arrived, ClientError, ClientState, Inbox, Release, TakedownNotice};
use crate::connection::{Connection, FLUSH_TIMEOUT};
use crate::dispatch::CallId;
use crate::drain::{Drain, ProgressThrottle};
use crate::session::{Call, CallError, Refusal};
use crate::sys::readable::readable;

/// What the clones of a client share; the task ends when the last one is dropped.
#[derive(Debug)]
pub(super) struct SharedTask {
    inner: Arc<Inner>,
    generation: Option<Generation>,
    reader: AbortHandle,
}

/// What the clients share with the task.
#[derive(Debug)]
struct Inner {
    client: Mutex<ClientState>,
    /// Notified whenever something has arrived, and when `ended` is set.
    changed: Notify,
    /// Set when the task has ended, and never cleared.
    ended: AtomicBool,
    pid: u32,
}

impl SharedTask {
    /// Starts the task.
    pub fn start(connection: Connection) -> io::Result<Self> {
        let readable = readable(connection.as_fd().try_clone_to_owned()?)?;
        let generation = connection.generation();
        let client = Mutex::new(ClientState::new(connection));
        let inner = Arc::new(Inner {
            client,
            changed: Notify::new(),
            ended: AtomicBool::new(false),
            pid: process::id(),
        });
        let reader = tokio::spawn(Arc::clone(&inner).read(readable)).abort_handle();
        Ok(SharedTask { inner, generation, reader })
    }

    pub fn generation(&self) -> Option<Generation> {
        self.generation
    }

    /// Makes a call, and takes in what follows from it at once.
    pub fn call(&self, call: Call) -> Result<CallId, ClientError> {
        let (id, arrived) = self.inner.lock()?.call(call)?;
        self.inner.wake(arrived);
        Ok(id)
    }

    /// Calls `fail`, and waits until that was sent, or [`FLUSH_TIMEOUT`].
    pub async fn fail(&self, reason: &str) -> Result<(), ClientError> {
        self.call(Call::Fail { reason: reason.to_owned() })?;
        let flushed = self.wait_until(|client| client.is_flushed().then_some(Ok(())));
        // An arbiter that does not answer is no error of this call.
        timeout(FLUSH_TIMEOUT, flushed).await.unwrap_or(Ok(()))
    }

    /// Waits until the connections are finished, or until the deadline; how many are left.
    pub async fn finish(
        &self,
        address: &Address,
        open: &Drain,
        deadline: Instant,
    ) -> Result<usize, ClientError> {
        let closed = Arc::new(Notify::new());
        let _watch = open.watch(Arc::new({
            let closed = Arc::clone(&closed);
            move || closed.notify_one()
        }));
        let mut throttle = ProgressThrottle::new();
        loop {
            let connections = open.connections();
            if u64::try_from(connections).is_ok_and(|open| throttle.is_due(open)) {
                self.inner.lock()?.report_open(address, connections)?;
            }
            if connections == 0 {
                return Ok(0);
            }
            if timeout_at(deadline.into(), closed.notified()).await.is_err() {
                let left = open.connections();
                self.inner.lock()?.report_cut(address, left)?;
                return Ok(left);
            }
        }
    }

    /// From now on the takedown of this address is handled.
    pub fn handle_takedown(&self, address: &Address) -> Result<(), ClientError> {
        let arrived = self.inner.lock()?.handle_takedown(address)?;
        self.inner.wake(arrived);
        Ok(())
    }

    /// From now on the takedown of every address is handled.
    pub fn handle_every_takedown(&self) -> Result<(), ClientError> {
        let arrived = self.inner.lock()?.handle_every_takedown()?;
        self.inner.wake(arrived);
        Ok(())
    }

    pub fn faults(&self) -> Vec<Refusal> {
        self.inner.lock().map(|mut client| client.inbox.faults()).unwrap_or_default()
    }

    /// Withdraws a claim that nobody waits for any more, or gives its grant back.
    pub fn withdraw(&self, claim: CallId) {
        if let Ok(mut client) = self.inner.lock() {
            client.withdraw(claim);
        }
    }

    /// Waits until `found` finds something in the inbox.
    pub async fn wait<T>(
        &self,
        mut found: impl FnMut(&mut Inbox) -> Option<Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        self.wait_until(|client| found(&mut client.inbox)).await
    }

    async fn wait_until<T>(
        &self,
        mut found: impl FnMut(&mut ClientState) -> Option<Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        loop {
            let mut changed = pin!(self.inner.changed.notified());
            changed.as_mut().enable();
            if let Some(result) = found(&mut *self.inner.lock()?) {
                return result;
            }
            if self.inner.ended.load(Ordering::Acquire) {
                return Err(io::Error::other("the task that reads the connection has ended").into());
            }
            changed.await;
        }
    }
}

impl Release for SharedTask {
    fn release(&self, address: &Address) -> Result<Option<TakedownNotice>, ClientError> {
        let notice = self.inner.lock()?.release(address)?;
        self.inner.wake(Arrived::Something);
        Ok(notice)
    }
}

impl Drop for SharedTask {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Inner {
    fn lock(&self) -> Result<MutexGuard<'_, ClientState>, CallError> {
        let parent = self.pid;
        if process::id() != parent {
            return Err(CallError::Forked { parent });
        }
        // No code under the lock leaves it half done when it panics.
        Ok(self.client.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn wake(&self, arrived: Arrived) {
        match arrived {
            Arrived::Something => self.changed.notify_waiters(),
            Arrived::Nothing => {}
        }
    }

    /// Reads for as long as the connection can be read.
    async fn read(self: Arc<Self>, readable: AsyncFd<OwnedFd>) {
        let _end = NotifyOnDrop { inner: &self };
        while let Ok(mut ready) = readable.readable().await {
            // First forget the readiness, then use it up: what arrives in between sets it again.
            ready.clear_ready();
            let processed =
                self.lock().map_err(ClientError::from).and_then(|mut client| Ok(client.process()?));
            match processed {
                Ok(arrived) => self.wake(arrived),
                Err(_) => break,
            }
        }
    }
}

/// Wakes every task that waits, when the task that reads has ended, in whichever way.
struct NotifyOnDrop<'a> {
    inner: &'a Inner,
}

impl Drop for NotifyOnDrop<'_> {
    fn drop(&mut self) {
        self.inner.ended.store(true, Ordering::Release);
        self.inner.changed.notify_waiters();
    }
}
