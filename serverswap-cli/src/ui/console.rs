//! Writes progress, errors and the summary to stderr and the result to stdout.
//!
//! A closed stderr or stdout is no reason to end a deploy: what cannot be written is dropped. A
//! stderr that takes nothing is no reason to wait: see [`OutputQueue`]. What the server printed comes before the end.

use std::io::{self, Write};
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
    /// One for what is no run.
    pub fn plain(result: ResultFormat) -> Console {
        Console::new(Verbosity::Normal, LogFormat::Text, result)
    }

    /// A console of this process's stderr and stdout, for a command that starts now.
    pub fn new(verbosity: Verbosity, log: LogFormat, result: ResultFormat) -> Console {
        let (style, began) = (Style::new(verbosity, log), monotonic());
        let dropped_line = move |lines| {
            let elapsed = monotonic().saturating_sub(began);
            style.line(&Report::LinesDropped { lines }, elapsed, SystemTime::now()).unwrap_or_default()
        };
        let stderr = Arc::new(OutputQueue::new(io::stderr(), dropped_line));
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

    /// Why something else failed, with this status.
    pub fn failed(&self, summary: &Summary, status: u8) -> Conclusion {
        let message = self.style.final_message(summary, Duration::ZERO, SystemTime::now());
        Conclusion { status, message, result: None }
    }

    /// The same, or a success, with an object of its own for `--json`.
    pub(crate) fn concluded(
        &self,
        summary: &Summary,
        status: u8,
        result: impl FnOnce(&Summary) -> String,
    ) -> Conclusion {
        Conclusion { result: self.result.then(|| result(summary)), ..self.failed(summary, status) }
    }

    /// The end of a command that has a server: first comes the rest of what that one printed.
    pub fn finish_run(&self, conclusion: Conclusion, copies: &Copies) -> u8 {
        copies.finish();
        self.finish(conclusion)
    }

    /// Writes how the run ended, where the process goes on for a while; [`Self::finish`] then writes the result alone.
    pub fn announce(&self, conclusion: &mut Conclusion) {
        self.stderr.push(std::mem::take(&mut conclusion.message));
    }

    /// The end of the process: writes how it ended and the result, waits for stderr, and returns the exit status,
    /// which is no success if the result cannot be written.
    ///
    /// This may wait for a reader of stdout, so the process must be no arbiter any more.
    pub fn finish(&self, conclusion: Conclusion) -> u8 {
        self.stderr.push(conclusion.message);
        let printed = print(conclusion.result.unwrap_or_default().as_bytes());
        let status = self.printed(printed, conclusion.status);
        self.stderr.flush(FLUSH_WAIT_MAX);
        status
    }

    /// The exit status when the result was printed, or not. A reader that closes early, such as `head`, is no failure.
    pub fn printed(&self, printed: io::Result<()>, status: u8) -> u8 {
        match printed {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                self.stderr.push(self.failed(&unwritten(&error), UNABLE).message);
                self.stderr.flush(FLUSH_WAIT_MAX);
                if status == 0 { UNABLE } else { status }
            }
            Ok(()) | Err(_) => status,
        }
    }
}

fn print(text: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout();
    stdout.write_all(text)?;
    stdout.flush()
}

fn unwritten(error: &io::Error) -> Summary {
    Summary::Failure {
        error: format!("the result cannot be written to stdout: {error}; no server is affected by that"),
        hint: "see where stdout goes, and whether there is room: `df`".to_owned(),
    }
}

impl Conclusion {
    /// Nothing more is written.
    pub fn silent(status: u8) -> Conclusion {
        Conclusion { status, message: String::new(), result: None }
    }

    /// A result, and nothing else.
    pub fn result(status: u8, result: String) -> Conclusion {
        Conclusion { result: Some(result), ..Conclusion::silent(status) }
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
