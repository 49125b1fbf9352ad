//! One connection for many tasks, and the task that reads it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::pin;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serverswap_protocol::{Address, Generation};
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::client::{Arrived, ClientError, Desk, Inbox, Release, Told};
use crate::connection::Connection;
use crate::session::{Refusal, UseError};
use crate::sys::readable::readable;

/// What the clones of a client share; the task ends when the last one is dropped.
#[derive(Debug)]
pub(super) struct Shared {
    room: Arc<Room>,
    generation: Option<Generation>,
    reader: AbortHandle,
}

/// What the clients share with the task.
#[derive(Debug)]
struct Room {
    desk: Mutex<Desk>,
    /// Told whenever something has arrived, and when `ended` is set.
    changed: Notify,
    /// Set when the task has ended, and never cleared.
    ended: AtomicBool,
    pid: u32,
}

impl Shared {
    /// Starts the task.
    pub fn start(connection: Connection) -> io::Result<Self> {
        let readable = readable(connection.as_fd().try_clone_to_owned()?)?;
        let generation = connection.generation();
        let desk = Mutex::new(Desk::new(connection));
        let room = Arc::new(Room {
            desk,
            changed: Notify::new(),
            ended: AtomicBool::new(false),
            pid: process::id(),
        });
        let reader = tokio::spawn(Arc::clone(&room).read(readable)).abort_handle();
        Ok(Shared { room, generation, reader })
    }

    pub fn generation(&self) -> Option<Generation> {
        self.generation
    }

    /// Says a word, and takes in what follows from it at once.
    pub fn say(&self, word: impl FnOnce(&mut Connection) -> Result<(), UseError>) -> Result<(), ClientError> {
        let arrived = self.room.lock()?.say(word)?;
        self.room.wake(arrived);
        Ok(())
    }

    /// From now on the takedown of every address is handled.
    pub fn handle_every_takedown(&self) -> Result<(), ClientError> {
        self.room.lock()?.handle_every_takedown()
    }

    pub fn faults(&self) -> Vec<Refusal> {
        self.room.lock().map(|mut desk| desk.inbox.faults()).unwrap_or_default()
    }

    /// Withdraws a claim that nobody waits for any more, or gives its grant back.
    pub fn forget(&self, address: &Address) {
        let Ok(mut desk) = self.room.lock() else { return };
        // It fails if the claim was refused a moment ago, and then there is nothing to do.
        let _ = desk.release(address);
        drop(desk.inbox.answer(address));
    }

    /// Waits until `found` finds something in the inbox.
    pub async fn wait<T>(
        &self,
        mut found: impl FnMut(&mut Inbox) -> Option<Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        loop {
            let mut changed = pin!(self.room.changed.notified());
            changed.as_mut().enable();
            if let Some(result) = found(&mut self.room.lock()?.inbox) {
                return result;
            }
            if self.room.ended.load(Ordering::Acquire) {
                return Err(io::Error::other("the task that reads the connection has ended").into());
            }
            changed.await;
        }
    }
}

impl Release for Shared {
    fn release(&self, address: &Address) -> Result<Option<Told>, ClientError> {
        let told = self.room.lock()?.release(address)?;
        self.room.wake(Arrived::Something);
        Ok(told)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Room {
    fn lock(&self) -> Result<MutexGuard<'_, Desk>, UseError> {
        let parent = self.pid;
        if process::id() != parent {
            return Err(UseError::Forked { parent });
        }
        // No code under the lock leaves it half done when it panics.
        Ok(self.desk.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn wake(&self, arrived: Arrived) {
        match arrived {
            Arrived::Something => self.changed.notify_waiters(),
            Arrived::Nothing => {}
        }
    }

    /// Reads for as long as the connection can be read.
    async fn read(self: Arc<Self>, readable: AsyncFd<OwnedFd>) {
        let _end = End { room: &self };
        while let Ok(mut ready) = readable.readable().await {
            // First forget the readiness, then use it up: what arrives in between is told.
            ready.clear_ready();
            let processed = self.lock().map_err(ClientError::from).and_then(|mut desk| Ok(desk.process()?));
            match processed {
                Ok(arrived) => self.wake(arrived),
                Err(_) => break,
            }
        }
    }
}

/// Tells those who wait that nobody reads any more, however that came about.
struct End<'a> {
    room: &'a Room,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.room.ended.store(true, Ordering::Release);
        self.room.changed.notify_waiters();
    }
}
