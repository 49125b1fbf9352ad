//! Writes reports and verdicts: progress and errors to stderr, the result to stdout.
//!
//! A closed stderr or stdout is no reason to end a deploy: what cannot be written is dropped.

use std::io::{IsTerminal, Write};
use std::time::{Duration, SystemTime};

use super::json::{End, LogLine, json_line, outcome_json, rfc3339, setup_error_json};
use super::outcome::{RunOutcome, UNABLE};
use super::report::{Level, Report};
use super::setup_error::{SetupError, StillTrue};
use super::still_serving::StillServing;
use super::summary::Summary;
use crate::cli::environment;
use crate::output_tail::OutputTail;

/// How a command speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Console {
    /// How much.
    pub verbosity: Verbosity,
    /// The form of the lines on stderr.
    pub log: LogFormat,
    /// Whether the end is told as a JSON object on stdout.
    pub result: ResultFormat,
    /// Whether stderr gets colour.
    pub colour: Colour,
}

/// How much is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// Progress.
    #[default]
    Normal,
    /// Details too.
    Verbose,
}

/// The form of the lines on stderr.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What goes to stdout at the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ResultFormat {
    /// Nothing: the last line on stderr says it.
    #[default]
    None,
    /// One JSON object.
    Json,
}

/// Whether there is colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Yes.
    Ansi,
    /// No.
    None,
}

impl Colour {
    /// Colour only on a terminal, and never with `NO_COLOR` (no-color.org: set and not empty).
    pub fn detect(no_color: Option<&std::ffi::OsStr>) -> Colour {
        let refused = no_color.is_some_and(|value| !value.is_empty());
        if std::io::stderr().is_terminal() && !refused { Colour::Ansi } else { Colour::None }
    }
}

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[33m";
const CYAN: &str = "\x1b[1;36m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

impl Console {
    /// A console whose colour follows the terminal and the environment.
    pub fn new(verbosity: Verbosity, log: LogFormat, result: ResultFormat) -> Console {
        let no_color = std::env::var_os(environment::NO_COLOR);
        Console { verbosity, log, result, colour: Colour::detect(no_color.as_deref()) }
    }

    /// Tells what happened, `elapsed` after the command was started.
    pub fn report(&self, report: &Report, elapsed: Duration) {
        if let Some(line) = self.line(report, elapsed, SystemTime::now()) {
            to_stderr(&line);
        }
    }

    /// Tells the end and returns the exit status.
    /// `output` is what a server that failed printed last.
    pub fn conclude(&self, outcome: &RunOutcome, still_serving: &StillServing, output: &OutputTail) -> u8 {
        let summary = Summary::of(outcome, still_serving);
        to_stderr(&self.output_tail(&summary, output));
        to_stderr(&self.final_message(&summary, outcome.facts.duration, SystemTime::now()));
        if self.result == ResultFormat::Json {
            to_stdout(&outcome_json(outcome, still_serving, output, &summary));
        }
        outcome.status()
    }

    /// Tells what serverswap itself could not do and returns the exit status, 125.
    pub fn setup_failed(&self, error: &SetupError, still: StillTrue) -> u8 {
        let summary = error.summary(still);
        to_stderr(&self.final_message(&summary, Duration::ZERO, SystemTime::now()));
        if self.result == ResultFormat::Json {
            to_stdout(&setup_error_json(error, &summary));
        }
        UNABLE
    }

    /// The line for a report, with its line feed; `None` if it is not to be told.
    pub fn line(&self, report: &Report, elapsed: Duration, time: SystemTime) -> Option<String> {
        let least = match self.verbosity {
            Verbosity::Quiet => return None,
            Verbosity::Normal => Level::Notice,
            Verbosity::Verbose => Level::Detail,
        };
        let level = report.level();
        if level < least {
            return None;
        }
        Some(match self.log {
            LogFormat::Text => self.text_line(level, &report.text()),
            LogFormat::Json => json_line(&LogLine {
                time: rfc3339(time),
                level,
                elapsed,
                what: report,
                message: report.text(),
            }),
        })
    }

    /// What a server that failed printed to where stderr does not show it.
    pub fn output_tail(&self, summary: &Summary, output: &OutputTail) -> String {
        let is_told = matches!(summary, Summary::Failure { .. }) && self.log == LogFormat::Text;
        if !is_told || output.stdout.is_empty() {
            return String::new();
        }
        let lines: String = output.stdout.iter().map(|line| format!("    {line}\n")).collect();
        self.text_line(Level::Notice, "the last that its stdout has:") + &lines
    }

    /// The lines for the end; empty if there is nothing to tell.
    pub fn final_message(&self, summary: &Summary, elapsed: Duration, time: SystemTime) -> String {
        match (summary, self.log) {
            (Summary::Success(_), _) if self.verbosity == Verbosity::Quiet => String::new(),
            (Summary::Success(text), LogFormat::Text) => self.text_line(Level::Notice, text),
            (Summary::Failure { error, hint }, LogFormat::Text) => {
                let (error_word, hint_word) = (self.paint(RED, "error:"), self.paint(CYAN, "hint:"));
                format!("{error_word} {error}\n{hint_word} {hint}\n")
            }
            (Summary::Success(text), LogFormat::Json) => {
                let what = End { event: "end", hint: None };
                json_line(&LogLine {
                    time: rfc3339(time),
                    level: "notice",
                    elapsed,
                    what,
                    message: text.clone(),
                })
            }
            (Summary::Failure { error, hint }, LogFormat::Json) => {
                let what = End { event: "end", hint: Some(hint) };
                json_line(&LogLine {
                    time: rfc3339(time),
                    level: "error",
                    elapsed,
                    what,
                    message: error.clone(),
                })
            }
        }
    }

    fn text_line(&self, level: Level, text: &str) -> String {
        let name = self.paint(DIM, "serverswap:");
        match level {
            Level::Warning => format!("{name} {}\n", self.paint(YELLOW, text)),
            Level::Notice | Level::Detail => format!("{name} {text}\n"),
        }
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        match self.colour {
            Colour::Ansi => format!("{colour}{text}{PLAIN}"),
            Colour::None => text.to_owned(),
        }
    }
}

fn to_stderr(text: &str) {
    let _dropped_if_closed = std::io::stderr().write_all(text.as_bytes());
}

fn to_stdout(text: &str) {
    let mut stdout = std::io::stdout();
    let _dropped_if_closed = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
