//! The form of the lines on stderr: how much is shown, as text or as JSON, with or without colour.
//!
//! Nothing is written here; see [`Console`](super::Console).

use std::ffi::OsStr;
use std::io::IsTerminal;
use std::time::{Duration, SystemTime};

use super::grammar::printable;
use super::json::{End, LogLine, json_line, rfc3339};
use super::report::{Level, Report};
use super::summary::Summary;
use crate::cli::environment;
use crate::output::{OutputTail, is_journal};

/// How lines on stderr look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// How much is shown.
    pub verbosity: Verbosity,
    /// Text or JSON.
    pub log: LogFormat,
    /// Whether text has colour.
    pub colour: Colour,
    /// Whether a line of text begins with the time.
    pub time: LineTime,
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

/// Whether a line of text begins with the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineTime {
    /// RFC 3339, in UTC.
    Shown,
    /// On a terminal, and in the journal, which adds its own.
    Omitted,
}

impl Colour {
    /// Colour only on a terminal that knows it, and never with `NO_COLOR` (no-color.org: set and not empty).
    pub fn detect(is_terminal: bool, term: Option<&OsStr>, no_color: Option<&OsStr>) -> Colour {
        let is_refused = no_color.is_some_and(|value| !value.is_empty());
        let is_dumb = term.is_some_and(|name| name == "dumb");
        if is_terminal && !is_dumb && !is_refused { Colour::Ansi } else { Colour::None }
    }

    /// That of a stream, as the environment has it.
    pub(crate) fn of(stream: &impl IsTerminal) -> Colour {
        let variable = |name| std::env::var_os(name);
        let (term, no_color) = (variable(environment::TERM), variable(environment::NO_COLOR));
        Colour::detect(stream.is_terminal(), term.as_deref(), no_color.as_deref())
    }

    pub(crate) fn paint(self, colour: &str, text: &str) -> String {
        match self {
            Colour::Ansi => format!("{colour}{text}{PLAIN}"),
            Colour::None => text.to_owned(),
        }
    }
}

pub(crate) const RED: &str = "\x1b[1;31m";
pub(crate) const YELLOW: &str = "\x1b[33m";
pub(crate) const GREEN: &str = "\x1b[32m";
const CYAN: &str = "\x1b[1;36m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

impl Style {
    /// A style whose colour follows the terminal and the environment.
    pub fn new(verbosity: Verbosity, log: LogFormat) -> Style {
        let stderr = std::io::stderr();
        let is_dated = stderr.is_terminal() || is_journal(&stderr);
        Style {
            verbosity,
            log,
            colour: Colour::of(&stderr),
            time: if is_dated { LineTime::Omitted } else { LineTime::Shown },
        }
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
            LogFormat::Text => self.text_line(level, &report.text(), time),
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
    pub fn output_tail(&self, summary: &Summary, output: &OutputTail, time: SystemTime) -> String {
        let is_shown = matches!(summary, Summary::Failure { .. }) && self.log == LogFormat::Text;
        match output.unseen() {
            Some((what, lines)) if is_shown => {
                let lines: String =
                    lines.iter().map(|line| self.dated(&format!("    {}", printable(line)), time)).collect();
                self.text_line(Level::Notice, &format!("the end of its {what}:"), time) + &lines
            }
            Some(_) | None => String::new(),
        }
    }

    /// The lines for the end; empty if nothing is shown.
    pub fn final_message(&self, summary: &Summary, elapsed: Duration, time: SystemTime) -> String {
        match (summary, self.log) {
            (Summary::Success(_), _) if self.verbosity == Verbosity::Quiet => String::new(),
            (Summary::Success(text), LogFormat::Text) => self.text_line(Level::Notice, text, time),
            (Summary::Failure { error, hint }, LogFormat::Text) => {
                let (error_word, hint_word) = (self.paint(RED, "error:"), self.paint(CYAN, "hint:"));
                let line = |word, text| self.dated(&format!("{word} {}", printable(text)), time);
                line(error_word, error) + &line(hint_word, hint)
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

    fn text_line(&self, level: Level, text: &str, time: SystemTime) -> String {
        let (name, text) = (self.paint(DIM, "serverswap:"), printable(text));
        match level {
            Level::Warning => self.dated(&format!("{name} {}", self.paint(YELLOW, &text)), time),
            Level::Notice | Level::Detail => self.dated(&format!("{name} {text}"), time),
        }
    }

    fn dated(&self, line: &str, time: SystemTime) -> String {
        match self.time {
            LineTime::Shown => format!("{} {line}\n", rfc3339(time)),
            LineTime::Omitted => format!("{line}\n"),
        }
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        self.colour.paint(colour, text)
    }
}
