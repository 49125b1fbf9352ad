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
use std::time::Instant;

use nix::sys::eventfd::{EfdFlags, EventFd};
use serverswap_protocol::{Address, Generation};

use super::error::ClientError;
use super::inbox::{Inbox, TakedownNotice};
use super::state::{Arrived, ClientState};
use super::takedown::Release;
use crate::connection::{Connection, FLUSH_TIMEOUT};
use crate::dispatch::CallId;
use crate::drain::{Drain, ProgressThrottle};
use crate::session::{Call, CallError, Refusal};
use crate::sys::wait::wait_readable;

/// What the clones of a client share.
#[derive(Debug)]
pub(super) struct SharedClient {
    state: Mutex<SharedState>,
    /// A duplicate of the connection's descriptor, to be polled without the lock.
    readable: OwnedFd,
    generation: Option<Generation>,
    /// The process that it belongs to: another has a copy of a lock that no thread of its own unlocks.
    pid: u32,
}

#[derive(Debug)]
struct SharedState {
    client: ClientState,
    /// The wake-ups of the threads that wait.
    waiting: Vec<Arc<EventFd>>,
    /// For each listener, what becomes readable when its address is taken down.
    stops: BTreeMap<Address, Arc<EventFd>>,
}

impl SharedClient {
    pub fn new(connection: Connection) -> io::Result<Self> {
        let readable = connection.as_fd().try_clone_to_owned()?;
        let generation = connection.generation();
        let state =
            SharedState { client: ClientState::new(connection), waiting: Vec::new(), stops: BTreeMap::new() };
        Ok(SharedClient { state: Mutex::new(state), readable, generation, pid: process::id() })
    }

    pub fn generation(&self) -> Option<Generation> {
        self.generation
    }

    /// What is readable when [`Self::process`] has work.
    pub fn readable(&self) -> BorrowedFd<'_> {
        self.readable.as_fd()
    }

    /// Makes a call, and takes in what follows from it at once.
    pub fn call(&self, call: Call) -> Result<CallId, ClientError> {
        let mut state = self.lock()?;
        let (id, arrived) = state.client.call(call)?;
        state.wake(arrived);
        Ok(id)
    }

    /// Calls `fail`, and waits until that was sent, or [`FLUSH_TIMEOUT`].
    pub fn fail(&self, reason: &str) -> Result<(), ClientError> {
        self.call(Call::Fail { reason: reason.to_owned() })?;
        let until = Instant::now() + FLUSH_TIMEOUT;
        // An arbiter that does not answer is no error of this call.
        self.wait_until(Some(until), |client| {
            (client.is_flushed() || Instant::now() >= until).then_some(Ok(()))
        })
    }

    /// Waits until the connections are finished, or until the deadline; how many are left.
    pub fn finish(&self, address: &Address, open: &Drain, deadline: Instant) -> Result<usize, ClientError> {
        let closed = Arc::new(wake_up()?);
        let _watch = open.watch(Arc::new({
            let closed = Arc::clone(&closed);
            move || signal(&closed)
        }));
        let mut throttle = ProgressThrottle::new();
        loop {
            let connections = open.connections();
            if u64::try_from(connections).is_ok_and(|open| throttle.is_due(open)) {
                self.lock()?.client.report_open(address, connections)?;
            }
            if connections == 0 {
                return Ok(0);
            }
            if Instant::now() >= deadline {
                self.lock()?.client.report_cut(address, connections)?;
                return Ok(connections);
            }
            wait_readable(&[self.readable(), closed.as_fd()], Some(deadline))?;
            let _ = closed.read();
            self.process()?;
        }
    }

    /// From now on the takedown of this address is handled.
    pub fn handle_takedown(&self, address: &Address) -> Result<(), ClientError> {
        let mut state = self.lock()?;
        let arrived = state.client.handle_takedown(address)?;
        state.wake(arrived);
        Ok(())
    }

    /// From now on the takedown of every address is handled.
    pub fn handle_every_takedown(&self) -> Result<(), ClientError> {
        let mut state = self.lock()?;
        let arrived = state.client.handle_every_takedown()?;
        state.wake(arrived);
        Ok(())
    }

    /// What becomes readable, for good, when the address is taken down or released.
    pub fn stop_of(&self, address: &Address) -> Result<Arc<EventFd>, ClientError> {
        let mut state = self.lock()?;
        let stop = Arc::new(wake_up()?);
        state.stops.insert(address.clone(), Arc::clone(&stop));
        state.wake(Arrived::Something);
        Ok(stop)
    }

    pub fn faults(&self) -> Vec<Refusal> {
        self.lock().map(|mut state| state.client.inbox.faults()).unwrap_or_default()
    }

    /// Takes in what has arrived.
    pub fn process(&self) -> Result<(), ClientError> {
        let mut state = self.lock()?;
        let arrived = state.client.process()?;
        state.wake(arrived);
        Ok(())
    }

    /// Waits until `found` finds something in the inbox.
    pub fn wait<T>(
        &self,
        mut found: impl FnMut(&mut Inbox) -> Option<Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        self.wait_until(None, |client| found(&mut client.inbox))
    }

    /// As [`Self::wait`]; `found` is asked at the deadline, too.
    fn wait_until<T>(
        &self,
        deadline: Option<Instant>,
        mut found: impl FnMut(&mut ClientState) -> Option<Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        let wake_up = Arc::new(wake_up()?);
        self.lock()?.waiting.push(Arc::clone(&wake_up));
        let result = loop {
            if let Some(result) = found(&mut self.lock()?.client) {
                break result;
            }
            // Nothing to read means that it was the connection that woke us, or the deadline.
            if let Err(error) = wait_readable(&[self.readable(), wake_up.as_fd()], deadline) {
                break Err(error.into());
            }
            let _ = wake_up.read();
            if let Err(error) = self.process() {
                break Err(error);
            }
        };
        self.lock()?.waiting.retain(|waiting| !Arc::ptr_eq(waiting, &wake_up));
        result
    }

    fn lock(&self) -> Result<MutexGuard<'_, SharedState>, CallError> {
        let parent = self.pid;
        if process::id() != parent {
            return Err(CallError::Forked { parent });
        }
        // No code under the lock leaves it half done when it panics.
        Ok(self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Release for SharedClient {
    fn release(&self, address: &Address) -> Result<Option<TakedownNotice>, ClientError> {
        let mut state = self.lock()?;
        let notice = state.client.release(address)?;
        if let Some(stop) = state.stops.remove(address) {
            signal(&stop);
        }
        state.wake(Arrived::Something);
        Ok(notice)
    }
}

impl SharedState {
    /// Wakes every thread that may wait for what has arrived.
    fn wake(&self, arrived: Arrived) {
        if arrived == Arrived::Something {
            let taken = self.client.inbox.all_taken();
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
