//! Writes progress, errors and the summary to stderr and the result to stdout.
//!
//! A closed stderr or stdout is no reason to end a deploy: what cannot be written is dropped. A
//! stderr that takes nothing is no reason to wait: see [`OutputQueue`]. What the server printed comes before the end.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serverswap::sys::clock::monotonic;

use super::json::{outcome_json, setup_error_json};
use super::outcome::{RunOutcome, UNABLE};
use super::output_queue::OutputQueue;
use super::report::Report;
use super::setup_error::{SetupError, StillTrue};
use super::still_serving::StillServing;
use super::style::{LogFormat, Style, Verbosity};
use super::summary::Summary;
use crate::output::{Copies, OutputTail};

/// How long the end of a command waits for a stderr that takes nothing.
const FLUSH_WAIT_MAX: Duration = Duration::from_secs(1);

/// Where a command writes; its clones share one queue.
#[derive(Debug, Clone)]
pub struct Console {
    style: Style,
    result: ResultFormat,
    /// When the command was started.
    began: Duration,
    stderr: Arc<OutputQueue>,
}

/// What goes to stdout at the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ResultFormat {
    /// Nothing: the last line on stderr has the outcome.
    #[default]
    None,
    /// One JSON object.
    Json,
}

/// What is left to do when a command has ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Conclusion {
    /// The exit status.
    pub status: u8,
    /// What goes to stderr.
    pub message: String,
    /// What goes to stdout.
    pub result: Option<String>,
}

impl Console {
    /// A console of this process's stderr and stdout, for a command that starts now.
    pub fn new(verbosity: Verbosity, log: LogFormat, result: ResultFormat) -> Console {
        let (style, began) = (Style::new(verbosity, log), monotonic());
        let dropped_line = move |lines| {
            let elapsed = monotonic().saturating_sub(began);
            style.line(&Report::LinesDropped { lines }, elapsed, SystemTime::now()).unwrap_or_default()
        };
        let stderr = Arc::new(OutputQueue::new(std::io::stderr(), dropped_line));
        Console { style, result, began, stderr }
    }

    /// Writes a line about something that happened.
    pub fn report(&self, report: &Report) {
        let elapsed = monotonic().saturating_sub(self.began);
        self.stderr.push(self.style.line(report, elapsed, SystemTime::now()).unwrap_or_default());
    }

    /// How a run ended. `output` is the last output of a server that failed.
    pub fn conclude(
        &self,
        outcome: &RunOutcome,
        still_serving: &StillServing,
        output: &OutputTail,
    ) -> Conclusion {
        let summary = Summary::of(outcome, still_serving);
        let now = SystemTime::now();
        let message = self.style.output_tail(&summary, output, now)
            + &self.style.final_message(&summary, outcome.facts.duration, now);
        let result = || outcome_json(outcome, still_serving, output, &summary);
        Conclusion { status: outcome.status(), message, result: self.result.then(result) }
    }

    /// Why serverswap could not do its part: exit status 125.
    pub fn setup_failed(&self, error: &SetupError, still: StillTrue) -> Conclusion {
        let summary = error.summary(still);
        let message = self.style.final_message(&summary, Duration::ZERO, SystemTime::now());
        let result = || setup_error_json(error, &summary);
        Conclusion { status: UNABLE, message, result: self.result.then(result) }
    }

    /// The end of the process: writes the rest of what the server printed, how it ended and the result, waits for
    /// stderr, and returns the exit status.
    ///
    /// This may wait for a reader of stdout, so the process must be no arbiter any more.
    pub fn finish(&self, conclusion: Conclusion, copies: &Copies) -> u8 {
        copies.finish();
        self.stderr.push(conclusion.message);
        if let Some(result) = conclusion.result {
            let mut stdout = std::io::stdout();
            let _dropped_if_closed = stdout.write_all(result.as_bytes()).and_then(|()| stdout.flush());
        }
        self.stderr.flush(FLUSH_WAIT_MAX);
        conclusion.status
    }
}

impl ResultFormat {
    fn then(self, result: impl FnOnce() -> String) -> Option<String> {
        match self {
            ResultFormat::None => None,
            ResultFormat::Json => Some(result()),
        }
    }
}
