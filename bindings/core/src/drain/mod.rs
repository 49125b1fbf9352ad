//! Open connections: counting them, and how long and how loudly they are finished.
//!
//! It deliberately closes nothing: whoever serves a connection knows when it is finished.

mod policy;

pub use policy::{Cleanup, DRAIN_TIMEOUT_DEFAULT, DrainPolicy, ProgressThrottle};

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// How many connections are open. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    count: Arc<Count>,
}

#[derive(Debug, Default)]
struct Count {
    open: Mutex<usize>,
    closed: Condvar,
}

/// One open connection; it is finished when this is dropped.
#[derive(Debug)]
pub struct Open {
    count: Arc<Count>,
}

impl Drain {
    /// Nothing is open.
    pub fn new() -> Self {
        Drain::default()
    }

    /// One more is open, until what is returned is dropped.
    #[must_use = "the connection counts as open until this is dropped"]
    pub fn open(&self) -> Open {
        *self.count.lock() += 1;
        Open { count: Arc::clone(&self.count) }
    }

    /// How many are open now.
    pub fn connections(&self) -> usize {
        *self.count.lock()
    }

    /// Waits until none is open, or until the deadline; `None` waits without one. Returns how
    /// many are left.
    pub fn wait(&self, deadline: Option<Instant>) -> usize {
        let mut open = self.count.lock();
        while *open > 0 {
            open = match deadline {
                None => self.count.closed.wait(open).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    let waited = self.count.closed.wait_timeout(open, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        *open
    }
}

impl Count {
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        *self.count.lock() -= 1;
        self.count.closed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_drain_waits_until_the_last_connection_is_finished() {
        let drain = Drain::new();
        let connections = [drain.open(), drain.open()];
        let server = thread::spawn(move || drop(connections));
        assert_eq!(drain.wait(None), 0);
        server.join().expect("it only drops");
    }

    #[test]
    fn a_drain_ends_at_its_deadline_and_tells_what_is_left() {
        let drain = Drain::new();
        let _silent = drain.open();
        assert_eq!(drain.wait(Some(Instant::now())), 1);
    }

    #[test]
    fn a_server_thread_that_panics_finishes_its_connection() {
        let drain = Drain::new();
        let connection = drain.open();
        let server = thread::spawn(move || {
            let _open = connection;
            panic!("as a handler may");
        });
        assert!(server.join().is_err());
        assert_eq!(drain.connections(), 0);
    }
}
