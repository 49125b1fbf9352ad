//! `check-trace FILE`: a recorded conversation against the schema and the state tables, and what an arbiter did
//! against the guarantees.
//!
//! It deliberately knows nothing of who recorded: `serverswap --trace`, a report of this suite or
//! somebody else's program. The format is in `spec/README.md`, "Recordings".
//!
//! Rules:
//! - A conversation is validated from the side that recorded it: what it received may have crossed
//!   what it sent.
//! - Each connection is validated on its own. After a line that breaks the order nothing more of its
//!   order is validated, since no state is known any more; its form is. A line of which only the form is
//!   wrong means what it says, so that the answer to it is right.
//! - What the recording side sent deliberately is no fault of the recording, and validated as the suite
//!   validates its own lines: it counts as far as it is right, and any answer to it is. It is named if
//!   the other side cannot take it for a line that crossed one of its own.

mod entry;
mod guarantees;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use serverswap_protocol::trace::Side;
use serverswap_protocol::trace::guarantees::Breach;

use crate::connection::{Validation, Validator};

use entry::RecordingEntry;
use guarantees::Arbiters;

/// What a recording holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Connections in it.
    pub connections: usize,
    /// Lines of the protocol in it.
    pub lines: usize,
    /// What is wrong, in the order of the file.
    pub faults: Vec<RecordedFault>,
    /// What is wrong because the recording side, a test, wanted it so.
    pub deliberate: Vec<RecordedFault>,
    /// The guarantees that an arbiter breaks, each with the line at which it does, counted from 1.
    pub breaches: Vec<(usize, Breach)>,
}

/// A recorded line that should not have been said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedFault {
    /// Where it is, counted from 1.
    pub number: usize,
    /// On which connection.
    pub on: String,
    /// Who said it.
    pub by: Side,
    /// The rule that it breaks, in words.
    pub rule: String,
    /// The line itself.
    pub line: String,
}

/// Why a file cannot be validated.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// It cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line of it is no line of a recording.
    #[error("{}:{number}: this is no line of a recording: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, counted from 1.
        number: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// There is nothing in it.
    #[error("`{}` is empty: nothing was recorded", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// Checks a recording.
///
/// # Errors
/// The file is no recording. That somebody broke the protocol is no error but a [`RecordedFault`].
pub fn check(path: &Path) -> Result<Checked, RecordingError> {
    let unreadable = |source| RecordingError::Unreadable { path: path.to_owned(), source };
    let reader = BufReader::new(File::open(path).map_err(unreadable)?);
    let mut conversations = Conversations::default();
    let mut number = 0;
    for line in reader.split(b'\n') {
        number += 1;
        let line = line.map_err(unreadable)?;
        conversations.take(number, &line).map_err(|problem| RecordingError::Line {
            path: path.to_owned(),
            number,
            problem,
        })?;
    }
    match number {
        0 => Err(RecordingError::Empty { path: path.to_owned() }),
        _ => Ok(conversations.checked()),
    }
}

/// What is wrong in a recording of `serverswap --trace`, by either side or by the arbiter's decisions, for people;
/// also that it is no recording.
pub fn complaints(path: &Path) -> Vec<String> {
    match check(path) {
        Ok(Checked { faults, breaches, .. }) => {
            let breaches = breaches.iter().map(|(number, breach)| format!("line {number}: {breach}"));
            faults.iter().map(ToString::to_string).chain(breaches).collect()
        }
        Err(error) => vec![error.to_string()],
    }
}

#[derive(Default)]
struct Conversations {
    conversations: BTreeMap<String, Conversation>,
    arbiters: Arbiters,
    checked: Checked,
}

/// One connection.
struct Conversation {
    view: Side,
    validator: Validator,
    /// As the other side sees it, if everything had reached it in the order of the recording.
    other: Validator,
}

impl Conversations {
    fn take(&mut self, number: usize, bytes: &[u8]) -> Result<(), String> {
        let entry: RecordingEntry = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if let Err(breach) = self.arbiters.take(&entry) {
            self.checked.breaches.push((number, breach));
        }
        let Some(by) = entry.side() else {
            return Ok(());
        };
        let view = entry.by.unwrap_or(Side::Arbiter);
        let on = entry.on.clone().unwrap_or_default();
        let conversation =
            self.conversations.entry(on.clone()).or_insert_with(|| Conversation::seen_by(view));
        if conversation.view != view {
            return Err(format!("connection `{on}` was recorded by the other side before"));
        }
        self.checked.lines += 1;
        let verdict = conversation.take(by, &entry);
        let fault = |rule| RecordedFault { number, on, by, rule, line: entry.line };
        match verdict {
            Verdict::Right => {}
            Verdict::Wrong(rule) => self.checked.faults.push(fault(rule)),
            Verdict::WrongDeliberately(rule) => self.checked.deliberate.push(fault(rule)),
        }
        Ok(())
    }

    fn checked(self) -> Checked {
        Checked { connections: self.conversations.len(), ..self.checked }
    }
}

enum Verdict {
    Right,
    Wrong(String),
    WrongDeliberately(String),
}

impl Conversation {
    fn seen_by(view: Side) -> Conversation {
        Conversation { view, validator: Validator::new(view), other: Validator::new(view.other()) }
    }

    fn take(&mut self, by: Side, entry: &RecordingEntry) -> Verdict {
        let RecordingEntry { line, fds, deliberate, .. } = entry;
        let (line, fds) = (line.as_bytes(), *fds);
        if by != self.view {
            // It crosses what the recording side had sent: of that this order says nothing.
            let _ = self.other.recorded(line, fds, Validation::Waived);
            return self.validator.received(line, fds).map_or_else(Verdict::Wrong, |_| Verdict::Right);
        }
        let is_known = self.other.connection().is_some();
        let seen = self.other.received(line, fds);
        if !deliberate {
            let verdict = self.validator.recorded(line, fds, Validation::Required);
            return verdict.map_or_else(Verdict::Wrong, |()| Verdict::Right);
        }
        match self.validator.recorded(line, fds, Validation::Waived) {
            Err(rule) if !is_known || seen.is_err() => Verdict::WrongDeliberately(rule),
            Ok(()) | Err(_) => Verdict::Right,
        }
    }
}

impl fmt::Display for RecordedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self.by {
            Side::Client => "client",
            Side::Arbiter => "arbiter",
        };
        write!(f, "line {}, on {}, said by the {by}: {}\n  {}", self.number, self.on, self.rule, self.line)
    }
}
