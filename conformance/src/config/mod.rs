//! What a user says about the runs of a subject: `conformance.toml`, and which cases are known to
//! fail or to be flaky.
//!
//! It deliberately does not decide whether a run goes well: it hands one standing for each case to
//! [`Judgement`](crate::report::Judgement), which does.
//!
//! Rules: every mistake names the file and the line. A list may only name what exists, so that an
//! entry cannot outlive its case unseen; a listed case that passes fails the run, so that it
//! cannot outlive its fault either.

mod case_pattern;
mod entry;
mod file;
mod listed;
mod nearest;

use std::io;
use std::path::PathBuf;

pub use case_pattern::CasePattern;
pub use entry::{Known, ListEntry, Place};
pub use file::{Config, is_factor, read_list};
pub use listed::Lists;
pub use nearest::nearest;

/// The file's name in a subject's repository.
pub const FILE_NAME: &str = "conformance.toml";

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be opened.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what such a file has to be.
    #[error("{place}: {message}")]
    Form {
        /// Where.
        place: Place,
        /// What is wrong.
        message: String,
    },
    /// Entries that name nothing of the catalogue.
    #[error("{}", lines(.0))]
    Unknown(Vec<UnknownEntry>),
}

/// An entry that names nothing of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: there is no {what} `{name}`{}", hint(nearest.as_deref()))]
pub struct UnknownEntry {
    /// Where it stands.
    pub place: Place,
    /// `case` or `check`.
    pub what: &'static str,
    /// As it is written.
    pub name: String,
    /// What may have been meant.
    pub nearest: Option<String>,
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or(String::new(), |nearest| format!("; did you mean `{nearest}`?"))
}

fn lines(unknown: &[UnknownEntry]) -> String {
    unknown.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
