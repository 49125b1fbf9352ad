//! A load that runs on a thread of its own, and the handle to it.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;

use super::request::RequestKind;
use super::shared::{Shared, Signals};
use super::slot::{self, Slot};
use super::tally::{Answerer, Phase, Tally};
use super::target::Target;

/// What a load does, and its limits.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the requests go.
    pub target: Target,
    /// What a request is.
    pub request: RequestKind,
    /// The clients.
    pub slots: Vec<Slot>,
    /// How long one request may take to connect, and again to be answered.
    pub request_timeout: Duration,
    /// No more requests than this.
    pub requests_max: u64,
    /// No request is begun after this.
    pub duration_max: Duration,
    /// The beginning of the timeline in the tally. Loads of which one is made have the same; without, there is none.
    pub timeline_since: Option<Instant>,
}

impl Plan {
    /// These clients against `target`: at most ten million requests in ten minutes, five
    /// seconds each.
    pub fn new(target: Target, slots: Vec<Slot>) -> Plan {
        Plan {
            target,
            request: RequestKind::http("/"),
            slots,
            request_timeout: Duration::from_secs(5),
            requests_max: 10_000_000,
            duration_max: Duration::from_secs(600),
            timeline_since: None,
        }
    }
}

/// Why a load does not give what was waited for.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its thread could not be started.
    #[error("the load could not be started")]
    Start(#[source] io::Error),
    /// Its limits were reached first.
    #[error("the load ended at its limit")]
    Ended,
    /// It did not happen in time.
    #[error("{what} within {} s", limit.as_secs())]
    TooLate {
        /// What did not happen, as a clause.
        what: String,
        /// The limit.
        limit: Duration,
    },
}

/// A running load. Dropping it stops it.
pub struct Load {
    signals: Arc<Signals>,
    ok: watch::Receiver<u64>,
    seen: mpsc::UnboundedReceiver<Answerer>,
    answerers: Vec<Answerer>,
    thread: Option<JoinHandle<Tally>>,
}

impl Load {
    /// Starts the clients of `plan`.
    ///
    /// # Errors
    /// [`LoadError::Start`] if the machine gives no thread or no epoll instance.
    pub fn start(plan: Plan) -> Result<Load, LoadError> {
        let signals = Arc::new(Signals::new());
        let (ok_sender, ok) = watch::channel(0);
        let (seen_sender, seen) = mpsc::unbounded_channel();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(LoadError::Start)?;
        let theirs = Arc::clone(&signals);
        let run = move || {
            let shared = Rc::new(Shared::new(plan, theirs, ok_sender, seen_sender));
            let slots = LocalSet::new();
            for slot in &shared.plan.slots {
                slots.spawn_local(slot::run(*slot, Rc::clone(&shared)));
            }
            runtime.block_on(slots);
            shared.finish()
        };
        let thread =
            std::thread::Builder::new().name("load".to_owned()).spawn(run).map_err(LoadError::Start)?;
        Ok(Load { signals, ok, seen, answerers: Vec::new(), thread: Some(thread) })
    }

    /// From now on requests count for this phase.
    pub fn enter(&self, phase: Phase) {
        self.signals.enter(phase);
    }

    /// Good answers so far.
    pub fn ok(&self) -> u64 {
        *self.ok.borrow()
    }

    /// Waits until `count` more requests have succeeded.
    ///
    /// # Errors
    /// [`LoadError::TooLate`] after `limit`, [`LoadError::Ended`] if the load is over before.
    pub async fn more_answers(&mut self, count: u64, limit: Duration) -> Result<(), LoadError> {
        let goal = self.ok() + count;
        let reached = tokio::time::timeout(limit, self.ok.wait_for(|ok| *ok >= goal)).await;
        match reached {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(LoadError::Ended),
            Err(_) => {
                Err(LoadError::TooLate { what: format!("fewer than {count} requests succeeded"), limit })
            }
        }
    }

    /// When the first answer of this version came; waits for it.
    ///
    /// # Errors
    /// [`LoadError::TooLate`] after `limit`, [`LoadError::Ended`] if the load is over before.
    pub async fn answered_by(&mut self, version: &str, limit: Duration) -> Result<Instant, LoadError> {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            let known = self.answerers.iter().find(|one| one.version.as_deref() == Some(version));
            if let Some(known) = known {
                return Ok(known.first);
            }
            match tokio::time::timeout_at(deadline, self.seen.recv()).await {
                Ok(Some(answerer)) => self.answerers.push(answerer),
                Ok(None) => return Err(LoadError::Ended),
                Err(_) => {
                    return Err(LoadError::TooLate {
                        what: format!("version {version} did not answer"),
                        limit,
                    });
                }
            }
        }
    }

    /// Lets the requests under way finish and returns what was seen.
    pub fn stop(mut self) -> Tally {
        self.end().unwrap_or_default()
    }

    fn end(&mut self) -> Option<Tally> {
        self.signals.stop();
        let thread = self.thread.take()?;
        Some(thread.join().expect("the load has no reason to panic"))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.end();
    }
}
