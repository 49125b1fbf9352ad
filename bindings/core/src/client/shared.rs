//! One connection for many threads, without a thread of its own.
//!
//! Rules: a thread that waits polls the connection's descriptor and a wake-up of its own;
//! whichever thread finds it readable processes it for all, and wakes the others if
//! something came of it. Nobody polls with the lock held.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use serverswap_protocol::{Address, Generation};

use super::desk::{Arrived, Desk};
use super::error::ClientError;
use super::inbox::{Inbox, Told};
use super::takedown::Release;
use crate::connection::Connection;
use crate::session::{Refusal, UseError};

/// What the clones of a client share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// A duplicate of the connection's descriptor, to be polled without the lock.
    readable: OwnedFd,
    generation: Option<Generation>,
    /// The process that it belongs to: another has a copy of a lock that nobody unlocks.
    pid: u32,
}

#[derive(Debug)]
struct State {
    desk: Desk,
    /// The wake-ups of the threads that wait.
    waiting: Vec<Arc<EventFd>>,
    /// For each listener, what becomes readable when its address is taken down.
    stops: BTreeMap<Address, Arc<EventFd>>,
}

impl Shared {
    pub fn new(connection: Connection) -> io::Result<Self> {
        let readable = connection.as_fd().try_clone_to_owned()?;
        let generation = connection.generation();
        let state = State { desk: Desk::new(connection), waiting: Vec::new(), stops: BTreeMap::new() };
        Ok(Shared { state: Mutex::new(state), readable, generation, pid: process::id() })
    }

    pub fn generation(&self) -> Option<Generation> {
        self.generation
    }

    /// What is readable when [`Self::process`] has work.
    pub fn readable(&self) -> BorrowedFd<'_> {
        self.readable.as_fd()
    }

    /// Says a word, and takes in what follows from it at once.
    pub fn say(&self, word: impl FnOnce(&mut Connection) -> Result<(), UseError>) -> Result<(), ClientError> {
        let mut state = self.lock()?;
        let arrived = state.desk.say(word)?;
        state.wake(arrived);
        Ok(())
    }

    /// From now on the takedown of every address is handled.
    pub fn handle_every_takedown(&self) -> Result<(), ClientError> {
        self.lock()?.desk.handle_every_takedown()
    }

    /// What becomes readable, for good, when the address is taken down or let go of.
    pub fn stop_of(&self, address: &Address) -> Result<Arc<EventFd>, ClientError> {
        let mut state = self.lock()?;
        let stop = Arc::new(wake_up()?);
        state.stops.insert(address.clone(), Arc::clone(&stop));
        state.wake(Arrived::Something);
        Ok(stop)
    }

    pub fn faults(&self) -> Vec<Refusal> {
        self.lock().map(|mut state| state.desk.inbox.faults()).unwrap_or_default()
    }

    /// Takes in what has arrived.
    pub fn process(&self) -> Result<(), ClientError> {
        let mut state = self.lock()?;
        let arrived = state.desk.process()?;
        state.wake(arrived);
        Ok(())
    }

    /// Waits until `found` finds something in the inbox.
    pub fn wait<T>(
        &self,
        mut found: impl FnMut(&mut Inbox) -> Option<Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        let mine = Arc::new(wake_up()?);
        self.lock()?.waiting.push(Arc::clone(&mine));
        let result = loop {
            if let Some(result) = found(&mut self.lock()?.desk.inbox) {
                break result;
            }
            // Nothing to read means that it was the connection that woke us.
            if let Err(error) = wait_for(&[self.readable(), mine.as_fd()]) {
                break Err(error.into());
            }
            let _ = mine.read();
            if let Err(error) = self.process() {
                break Err(error);
            }
        };
        self.lock()?.waiting.retain(|waiting| !Arc::ptr_eq(waiting, &mine));
        result
    }

    fn lock(&self) -> Result<MutexGuard<'_, State>, UseError> {
        let parent = self.pid;
        if process::id() != parent {
            return Err(UseError::Forked { parent });
        }
        // No code under the lock leaves it half done when it panics.
        Ok(self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Release for Shared {
    fn release(&self, address: &Address) -> Result<Option<Told>, ClientError> {
        let mut state = self.lock()?;
        let told = state.desk.release(address)?;
        if let Some(stop) = state.stops.remove(address) {
            signal(&stop);
        }
        state.wake(Arrived::Something);
        Ok(told)
    }
}

impl State {
    /// Wakes whoever may wait for what has arrived.
    fn wake(&self, arrived: Arrived) {
        if arrived == Arrived::Something {
            let taken = self.desk.inbox.all_taken();
            taken.filter_map(|address| self.stops.get(address)).for_each(|stop| signal(stop));
            self.waiting.iter().for_each(|waiting| signal(waiting));
        }
    }
}

fn wake_up() -> io::Result<EventFd> {
    let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
    Ok(EventFd::from_value_and_flags(0, flags)?)
}

fn signal(wake_up: &EventFd) {
    // It fails only when it is full of signals, and then it is readable.
    let _ = wake_up.write(1);
}

/// Waits without a limit until one of them is readable; for each, whether it is.
pub(super) fn wait_for(descriptors: &[BorrowedFd<'_>]) -> io::Result<Vec<bool>> {
    let mut polled: Vec<PollFd<'_>> =
        descriptors.iter().map(|descriptor| PollFd::new(*descriptor, PollFlags::POLLIN)).collect();
    loop {
        match poll(&mut polled, PollTimeout::NONE) {
            Ok(_) => return Ok(polled.iter().map(|one| one.any().unwrap_or(true)).collect()),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
