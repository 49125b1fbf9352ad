//! A probe that does nothing but connect, again and again, and remembers the first refusal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval, timeout};

use super::exchange::connect_failure;
use super::failure::Failure;
use super::load::LoadError;
use super::stream::Stream;
use super::target::Target;

/// From one attempt to the next.
const PACE: Duration = Duration::from_millis(1);

/// How long one attempt may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A running probe. Dropping it stops it.
pub struct Probe {
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<ProbeReport>>,
}

/// What a probe has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProbeReport {
    /// How often it tried.
    pub attempts: u64,
    /// How often it could not connect.
    pub refusals: u64,
    /// The first time that it could not.
    pub first: Option<Refusal>,
}

/// A connection that could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub failure: Failure,
    /// When, since the probe began.
    pub after: Duration,
}

impl Probe {
    /// Connects to `target` every millisecond, for at most `duration_max`.
    ///
    /// # Errors
    /// [`LoadError::Start`] if the machine gives no thread or no epoll instance.
    pub fn start(target: Target, duration_max: Duration) -> Result<Probe, LoadError> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(LoadError::Start)?;
        let stopping = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&stopping);
        let run = move || runtime.block_on(probe(target, duration_max, theirs));
        let thread =
            std::thread::Builder::new().name("probe".to_owned()).spawn(run).map_err(LoadError::Start)?;
        Ok(Probe { stopping, thread: Some(thread) })
    }

    /// Ends the probe and returns what it has seen.
    pub fn stop(mut self) -> ProbeReport {
        self.end().unwrap_or_default()
    }

    fn end(&mut self) -> Option<ProbeReport> {
        self.stopping.store(true, Ordering::Release);
        let thread = self.thread.take()?;
        Some(thread.join().expect("a probe has no reason to panic"))
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.end();
    }
}

async fn probe(target: Target, duration_max: Duration, stopping: Arc<AtomicBool>) -> ProbeReport {
    let mut report = ProbeReport::default();
    let began = Instant::now();
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !stopping.load(Ordering::Acquire) && began.elapsed() < duration_max {
        pace.tick().await;
        report.attempts += 1;
        let failure = match timeout(CONNECT_TIMEOUT, Stream::connect(&target)).await {
            Ok(Ok(_)) => continue,
            Ok(Err(error)) => connect_failure(&error),
            Err(_) => Failure::TimeoutOnConnect,
        };
        report.refusals += 1;
        report.first.get_or_insert(Refusal { failure, after: began.elapsed() });
    }
    report
}
