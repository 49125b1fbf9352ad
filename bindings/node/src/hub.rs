//! The connection of the process, shared by its JavaScript threads.
//!
//! There is one for as long as the process lives, made by the first thread that says
//! something. The lock is held for calls that never wait, but for `fail`, and never while
//! JavaScript runs: to deliver an event is to queue it.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serverswap::{
    Address, Call, ClientInfo, Code, ConnectTimeouts, Connection, Environment, Event, Supervision,
};

use crate::deliver::Deliver;
use crate::failure::{self, Failure};
use crate::routes::{Routes, ThreadId};
use crate::watcher;

static HUB: Mutex<Option<Arc<Hub>>> = Mutex::new(None);

/// The connection, and who hears what of it.
pub struct Hub {
    shared: Mutex<Shared>,
}

struct Shared {
    connection: Connection,
    routes: Routes,
}

impl Hub {
    /// The one of this process.
    ///
    /// # Errors
    /// `invalid_environment`, or `exhausted`. The next call tries again.
    pub fn get() -> Result<Arc<Hub>, Failure> {
        let mut hub = locked(&HUB);
        match &*hub {
            Some(hub) => Ok(Arc::clone(hub)),
            None => {
                let made = Hub::connect()?;
                *hub = Some(Arc::clone(&made));
                Ok(made)
            }
        }
    }

    fn connect() -> Result<Arc<Hub>, Failure> {
        let client =
            ClientInfo { name: "serverswap-node".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
        let connection = Connection::from_env(client).map_err(failure::of_connect)?;
        let supervised = connection.is_supervised();
        let shared = Mutex::new(Shared { connection, routes: Routes::default() });
        let hub = Arc::new(Hub { shared });
        if supervised {
            watcher::start(Arc::clone(&hub)).map_err(|error| failure::of_connect(error.into()))?;
        }
        Ok(hub)
    }

    /// A JavaScript thread begins to listen.
    pub fn open(&self, deliver: Deliver) -> ThreadId {
        locked(&self.shared).routes.open(deliver)
    }

    /// A JavaScript thread has ended, and its sockets with it: what it held is given up.
    pub fn close(&self, thread: ThreadId) {
        let mut shared = locked(&self.shared);
        for address in shared.routes.close(thread) {
            // Most have been let go of before.
            let _ = shared.connection.call(Call::Released(address));
        }
        shared.deliver();
    }

    /// The process ends, and says so by ending: nothing is given up.
    pub fn forget(&self, thread: ThreadId) {
        locked(&self.shared).routes.close(thread);
    }

    /// Says something, and delivers what comes of it. What the word needs to be routed is
    /// noted before that, and only if it was said.
    ///
    /// # Errors
    /// The word is not true or not possible now.
    pub fn say<Noted>(&self, call: Call, note: impl FnOnce(&mut Routes) -> Noted) -> Result<Noted, Failure> {
        let mut shared = locked(&self.shared);
        shared.connection.call(call).map_err(failure::of_use)?;
        let noted = note(&mut shared.routes);
        shared.deliver();
        Ok(noted)
    }

    /// Says that this server gives up, and waits until that is on its way: a server that has said so
    /// often ends in the same instant. Without an arbiter that answers, at most `FLUSH_TIMEOUT`.
    ///
    /// # Errors
    /// The library was used wrongly.
    pub fn fail(&self, reason: &str) -> Result<(), Failure> {
        let mut shared = locked(&self.shared);
        shared.connection.fail_and_flush(reason.to_owned()).map_err(failure::of_use)?;
        shared.deliver();
        Ok(())
    }

    /// Does what there is to do on the connection. To be called when its descriptor is readable.
    ///
    /// # Errors
    /// It is of no use any more.
    pub fn process(&self) -> std::io::Result<()> {
        let mut shared = locked(&self.shared);
        shared.connection.process()?;
        shared.deliver();
        Ok(())
    }

    /// Drops the connection: from now on this server is one without a supervisor.
    ///
    /// # Errors
    /// `exhausted`.
    pub fn abandon(&self) -> Result<(), Failure> {
        let client = ClientInfo { name: String::new(), version: String::new() };
        let alone = Environment { supervision: Supervision::Alone, timeouts: ConnectTimeouts::default() };
        locked(&self.shared).connection = Connection::open(alone, client).map_err(failure::of_connect)?;
        Ok(())
    }

    /// Tells every thread that nothing more will be heard.
    pub fn broken(&self, reason: &str) {
        let message = format!("the connection to the supervisor is not watched any more: {reason}");
        locked(&self.shared).routes.send(Event::Error { code: Code::Internal, message });
    }

    /// What to wait for: readable when there is something to process.
    ///
    /// # Errors
    /// No descriptor to be had.
    pub fn descriptor(&self) -> std::io::Result<OwnedFd> {
        locked(&self.shared).connection.as_fd().try_clone_to_owned()
    }

    /// Says that an address was let go of, whether or not it was still held.
    pub fn release(&self, address: &Address) {
        let _ = self.say(Call::Released(address.clone()), |_| ());
    }
}

impl Shared {
    fn deliver(&mut self) {
        while let Some(event) = self.connection.next_event() {
            self.routes.send(event);
        }
    }
}

/// A panic of another thread does not spoil what is behind the lock for this one: each
/// call leaves it whole, or has not begun.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
