//! The connection of the process to its arbiter, shared by its JavaScript threads.
//!
//! There is one for as long as the process lives, made at the first call of the first thread. The
//! lock is held for calls that never wait, except for `fail`, and never while JavaScript runs: to
//! deliver an event is to queue it.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serverswap::{ClientInfo, Code, Connection, Delivery, Dispatcher, Event, Recipient};

use crate::error::{Error, coded};
use crate::io_thread;
use crate::js_event::{EventFunction, Message};

/// The number of a JavaScript thread, never used again.
pub type ThreadId = u32;

static CONNECTION: Mutex<Option<Arc<ProcessConnection>>> = Mutex::new(None);

/// The connection, and the functions that its events are delivered to.
pub struct ProcessConnection {
    state: Mutex<EventDelivery>,
}

struct EventDelivery {
    dispatcher: Dispatcher<ThreadId>,
    threads: HashMap<ThreadId, EventFunction>,
    last_thread: ThreadId,
}

impl ProcessConnection {
    /// The one of this process.
    ///
    /// # Errors
    /// `invalid_environment`, or `exhausted`. The next call tries again.
    pub fn get() -> Result<Arc<Self>, Error> {
        let mut connection = locked(&CONNECTION);
        if let Some(connection) = &*connection {
            return Ok(Arc::clone(connection));
        }
        let made = ProcessConnection::connect()?;
        *connection = Some(Arc::clone(&made));
        Ok(made)
    }

    fn connect() -> Result<Arc<Self>, Error> {
        let client =
            ClientInfo { name: "serverswap-node".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
        let connection = Connection::from_env(client).map_err(coded)?;
        let is_supervised = connection.is_supervised();
        let descriptor = connection.as_fd().try_clone_to_owned();
        let state = EventDelivery {
            dispatcher: Dispatcher::new(connection),
            threads: HashMap::new(),
            last_thread: 0,
        };
        let connection = Arc::new(ProcessConnection { state: Mutex::new(state) });
        if is_supervised {
            let started = descriptor.and_then(|fd: OwnedFd| io_thread::start(Arc::clone(&connection), fd));
            started.map_err(|error| coded(serverswap::ConnectError::from(error)))?;
        }
        Ok(connection)
    }

    /// Registers the function of a JavaScript thread.
    pub fn add_thread(&self, function: EventFunction) -> ThreadId {
        let mut state = locked(&self.state);
        state.last_thread += 1;
        let thread = state.last_thread;
        state.threads.insert(thread, function);
        thread
    }

    /// Nothing is delivered to the thread from now on.
    pub fn remove_thread(&self, thread: ThreadId) {
        locked(&self.state).threads.remove(&thread);
    }

    /// Does something with the connection, and queues the events that result from it.
    pub fn with<T>(&self, act: impl FnOnce(&mut Dispatcher<ThreadId>) -> T) -> T {
        let mut state = locked(&self.state);
        let result = act(&mut state.dispatcher);
        while let Some(delivery) = state.dispatcher.next_delivery() {
            state.deliver(delivery);
        }
        result
    }

    /// Reports to every thread that nothing more will be received.
    pub fn report_broken(&self, reason: &str) {
        let message = format!("serverswap no longer reads the connection to its supervisor: {reason}");
        let event = Event::Error { code: Code::Internal, message };
        locked(&self.state).deliver(Delivery { to: Recipient::Everybody, event });
    }
}

impl EventDelivery {
    fn deliver(&self, delivery: Delivery<ThreadId>) {
        let owner = match &delivery.to {
            Recipient::Claimant { owner, .. } | Recipient::Handlers { owner, .. } => Some(*owner),
            Recipient::Everybody => None,
        };
        let message = Message::new(delivery);
        match owner {
            Some(owner) => {
                if let Some(function) = self.threads.get(&owner) {
                    function.send(message);
                }
            }
            None => {
                for function in self.threads.values() {
                    function.send(message.without_listener());
                }
            }
        }
    }
}

/// A panic of another thread does not spoil what is behind the lock for this one: each
/// call leaves it whole, or has not begun.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
