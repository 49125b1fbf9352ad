//! The form of the lines on stderr: how much is shown, as text or as JSON, with or without colour.
//!
//! Nothing is written here; see [`Console`](super::Console).

use std::io::IsTerminal;
use std::time::{Duration, SystemTime};

use super::json::{End, LogLine, json_line, rfc3339};
use super::report::{Level, Report};
use super::summary::Summary;
use crate::cli::environment;
use crate::output_tail::OutputTail;

/// How lines on stderr look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// How much is shown.
    pub verbosity: Verbosity,
    /// Text or JSON.
    pub log: LogFormat,
    /// Whether text has colour.
    pub colour: Colour,
}

/// How much is shown.
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

impl Style {
    /// A style whose colour follows the terminal and the environment.
    pub fn new(verbosity: Verbosity, log: LogFormat) -> Style {
        let no_color = std::env::var_os(environment::NO_COLOR);
        Style { verbosity, log, colour: Colour::detect(no_color.as_deref()) }
    }

    /// The line for a report, with its line feed; `None` if it is not shown.
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
        let is_shown = matches!(summary, Summary::Failure { .. }) && self.log == LogFormat::Text;
        if !is_shown || output.stdout.is_empty() {
            return String::new();
        }
        let lines: String = output.stdout.iter().map(|line| format!("    {line}\n")).collect();
        self.text_line(Level::Notice, "the end of its stdout:") + &lines
    }

    /// The lines for the end; empty if nothing is shown.
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
