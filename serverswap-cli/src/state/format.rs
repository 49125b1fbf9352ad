//! The text of the state file: a base, and behind it one line for each later turn.
//!
//! The first line is the header and a whole [`Snapshot`]. Each further line is an [`Update`]:
//! the records that one turn has changed, `null` for a record that is gone. A last line without
//! its line feed was cut off while it was written; nothing that depends on it was sent, and the
//! reader leaves it out. A file of the base alone is what earlier builds wrote.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serverswap::sys::process::Process;

use super::snapshot::{Snapshot, Update};

/// The format that this build writes; a greater one is from a later build.
const FORMAT: u32 = 1;

/// Who wrote the file, and where it is valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// The version of this form.
    pub format: u32,
    /// The version of the program that wrote it.
    pub version: String,
    /// The boot that its times and start times belong to.
    pub boot: String,
    /// The inode of the pid namespace that its pids belong to.
    pub pid_namespace: u64,
    /// The process that wrote it.
    pub arbiter: Process,
}

impl Header {
    /// The header of a file that this process writes.
    pub fn new(boot: String, pid_namespace: u64, arbiter: Process) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Header { format: FORMAT, version, boot, pid_namespace, arbiter }
    }
}

/// The content of the whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateFile {
    /// Who wrote it.
    #[serde(flatten)]
    pub header: Header,
    /// The base with every later line applied.
    #[serde(flatten)]
    pub snapshot: Snapshot,
}

/// A state file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be read at all.
    #[error("cannot read it")]
    Io(#[from] io::Error),
    /// It is not what this program writes.
    #[error("it is not a state file")]
    Garbled(#[from] serde_json::Error),
    /// It was written by a later build.
    #[error("it has format {0}, which a later version of serverswap wrote")]
    Newer(u32),
}

/// Only what every later format will have too.
#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

/// Reads the file; `None` when there is none.
///
/// # Errors
/// [`ReadError`]; what it means for the servers that run is the caller's matter.
pub fn read(path: &Path) -> Result<Option<StateFile>, ReadError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    parse(&text).map(Some)
}

/// Reads the text of the file.
///
/// # Errors
/// [`ReadError::Garbled`] or [`ReadError::Newer`].
pub fn parse(text: &[u8]) -> Result<StateFile, ReadError> {
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    let base = lines.next().unwrap_or_default();
    let FormatOnly { format } = serde_json::from_slice(base)?;
    if format > FORMAT {
        return Err(ReadError::Newer(format));
    }
    let mut state: StateFile = serde_json::from_slice(base)?;
    for line in lines.filter(|line| line.ends_with(b"\n")) {
        serde_json::from_slice::<Update>(line)?.apply(&mut state.snapshot);
    }
    Ok(state)
}

/// One line, with its line feed.
pub(super) fn line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_is_no_state() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        assert!(matches!(read(&folder.path().join("state.json")), Ok(None)));
    }

    #[test]
    fn a_file_of_a_later_format_is_distinguished_from_garbage() {
        assert!(matches!(parse(br#"{"format": 2, "anything": []}"#), Err(ReadError::Newer(2))));
        assert!(matches!(parse(b"not json"), Err(ReadError::Garbled(_))));
        assert!(matches!(parse(b""), Err(ReadError::Garbled(_))));
    }

    #[test]
    fn a_file_without_a_line_feed_is_what_earlier_builds_wrote() {
        let header = Header::new("boot".to_owned(), 7, Process { pid: 1, start: 2 });
        let state = StateFile { header, snapshot: Snapshot::default() };
        let text = serde_json::to_vec(&state).expect("a state is JSON");
        assert_eq!(parse(&text).expect("readable"), state);
    }

    #[test]
    fn the_lists_are_read_under_their_earlier_names() {
        let text = br#"{"format":1,"version":"0","boot":"b","pidNamespace":7,"arbiter":{"pid":1,"start":2},
            "generations":{},"addresses":{},"unnamed":[{"pid":3,"start":4,"generation":"5-6"}],"untold":[]}"#;
        let text: Vec<u8> = text.iter().copied().filter(|byte| *byte != b'\n').collect();
        let named = parse(&text).expect("readable").snapshot.processes();
        assert_eq!(named, [Process { pid: 3, start: 4 }].into());
    }
}
