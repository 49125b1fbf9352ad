//! `check-trace FILE`: a recorded conversation against the schema and the state tables.
//!
//! It deliberately knows nothing of who recorded: `serverswap --trace`, a report of this suite or
//! somebody else's program. The format is in `spec/README.md`, "Recordings".
//!
//! Rules:
//! - A conversation is validated from the side that recorded it: what it received may have crossed
//!   what it sent.
//! - Each connection is validated on its own. After a line that breaks the order nothing more of its
//!   order is validated, since no state is known any more; its form is.

mod entry;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use serverswap_protocol::line::LineReader;
use serverswap_protocol::trace::Side;

use crate::connection::{Validation, Validator};

use entry::RecordingEntry;

/// What a recording holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Connections in it.
    pub connections: usize,
    /// Lines of the protocol in it.
    pub lines: usize,
    /// What is wrong, in the order of the file.
    pub faults: Vec<RecordedFault>,
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
    /// There is no line of the protocol in it.
    #[error("`{}` has no line of a conversation in it", path.display())]
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
    for (index, line) in reader.split(b'\n').enumerate() {
        let number = index + 1;
        let line = line.map_err(unreadable)?;
        conversations.take(number, &line).map_err(|problem| RecordingError::Line {
            path: path.to_owned(),
            number,
            problem,
        })?;
    }
    match conversations.checked() {
        Checked { lines: 0, .. } => Err(RecordingError::Empty { path: path.to_owned() }),
        checked => Ok(checked),
    }
}

#[derive(Default)]
struct Conversations {
    validators: BTreeMap<String, (Side, Validator)>,
    checked: Checked,
}

impl Conversations {
    fn take(&mut self, number: usize, bytes: &[u8]) -> Result<(), String> {
        let entry: RecordingEntry = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let Some(by) = entry.from.side() else {
            return Ok(());
        };
        let view = entry.by.unwrap_or(Side::Arbiter);
        let on = entry.on.unwrap_or_default();
        let (viewed, validator) =
            self.validators.entry(on.clone()).or_insert_with(|| (view, Validator::new(view)));
        if *viewed != view {
            return Err(format!("connection `{on}` was recorded by the other side before"));
        }
        self.checked.lines += 1;
        let verdict = if by == view {
            validate_own(validator, &entry.line, entry.fds)
        } else {
            validator.received(entry.line.as_bytes(), entry.fds).map(drop)
        };
        if let Err(rule) = verdict {
            self.checked.faults.push(RecordedFault { number, on, by, rule, line: entry.line });
        }
        Ok(())
    }

    fn checked(self) -> Checked {
        Checked { connections: self.validators.len(), ..self.checked }
    }
}

/// Validates a line of the side that recorded.
fn validate_own(validator: &mut Validator, line: &str, fds: usize) -> Result<(), String> {
    let mut reader = LineReader::default();
    reader.push(line.as_bytes(), 0..fds);
    reader.push(b"\n", []);
    match reader.next_line().and_then(|whole| reader.next_line().map(|_| whole)) {
        Ok(Some(whole)) => validator.sent(&whole.object, Validation::Required),
        Ok(None) => Err("it is no whole line".to_owned()),
        Err(error) => Err(error.to_string()),
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
