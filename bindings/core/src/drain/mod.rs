//! Open connections: counting them, how long and how loudly they are finished, and when those that live on are told goodbye.
//!
//! It deliberately closes nothing: whoever serves a connection knows when it is finished.

mod pace;
mod policy;

pub use pace::{Pace, event_stream_retry, goodbye_order, silent_after};
pub use policy::{Cleanup, DRAIN_TIMEOUT_DEFAULT, DrainPolicy, ProgressThrottle};

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many connections are open, and how long they may be finished. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    count: Arc<Count>,
    policy: DrainPolicy,
}

#[derive(Debug, Default)]
struct Count {
    state: Mutex<OpenConnections>,
    closed: Condvar,
}

#[derive(Default)]
struct OpenConnections {
    open: usize,
    /// Called when a connection is finished.
    watchers: Vec<DrainWatcher>,
}

/// Wakes whoever waits elsewhere for connections to be finished.
type DrainWatcher = Arc<dyn Fn() + Send + Sync>;

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

    /// As [`Self::new`], for a server that wants to drain no longer than this.
    pub fn with_timeout(timeout: Duration) -> Self {
        let policy = DrainPolicy { timeout: Some(timeout), ..DrainPolicy::default() };
        Drain { policy, ..Drain::default() }
    }

    /// One more is open, until what is returned is dropped.
    #[must_use = "the connection counts as open until this is dropped"]
    pub fn open(&self) -> Open {
        self.count.lock().open += 1;
        Open { count: Arc::clone(&self.count) }
    }

    /// How many are open now.
    pub fn connections(&self) -> usize {
        self.count.lock().open
    }

    /// Waits until none is open, or until the deadline; `None` waits without one. Returns how
    /// many are left.
    pub fn wait(&self, deadline: Option<Instant>) -> usize {
        let mut state = self.count.lock();
        while state.open > 0 {
            state = match deadline {
                None => self.count.closed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    let waited = self.count.closed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        state.open
    }

    /// When connections that are still open are to be cut: by the policy, after a takedown that
    /// arrived at that time, or without one.
    pub(crate) fn deadline(&self, takedown: Option<(Instant, Duration)>) -> Instant {
        let now = Instant::now();
        match takedown {
            Some((arrived, drain)) => {
                let since = now.saturating_duration_since(arrived);
                arrived + self.policy.deadline(Some((Duration::ZERO, drain)), since)
            }
            None => now + self.policy.deadline(None, Duration::ZERO),
        }
    }

    /// Calls `watcher` whenever a connection is finished, until what is returned is dropped.
    pub(crate) fn watch(&self, watcher: DrainWatcher) -> Watch<'_> {
        self.count.lock().watchers.push(Arc::clone(&watcher));
        Watch { count: &self.count, watcher }
    }
}

/// A watcher that is registered.
pub(crate) struct Watch<'a> {
    count: &'a Count,
    watcher: DrainWatcher,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.count.lock().watchers.retain(|watcher| !Arc::ptr_eq(watcher, &self.watcher));
    }
}

impl Count {
    fn lock(&self) -> MutexGuard<'_, OpenConnections> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for OpenConnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("open", &self.open).finish_non_exhaustive()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut state = self.count.lock();
        state.open -= 1;
        state.watchers.iter().for_each(|watcher| watcher());
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
    fn a_drain_ends_at_its_deadline_and_returns_what_is_left() {
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
