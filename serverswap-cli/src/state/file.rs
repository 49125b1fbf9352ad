//! The state file `state.json`: read whole, written whole.
//!
//! Written under another name and renamed, so that a reader sees the old one or the new
//! one. Not synced: it need not outlive the boot.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serverswap::sys::points;
use serverswap::sys::process::Process;

use super::snapshot::Snapshot;

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

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateFile {
    /// Who wrote it.
    #[serde(flatten)]
    pub header: Header,
    /// What it says.
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
/// [`ReadError`]; what it means for those who serve is the caller's matter.
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
    let FormatOnly { format } = serde_json::from_slice(text)?;
    if format > FORMAT {
        return Err(ReadError::Newer(format));
    }
    Ok(serde_json::from_slice(text)?)
}

/// Writes the file whole.
///
/// # Errors
/// Any failure leaves the old file as it was.
pub fn write(path: &Path, state: &StateFile) -> io::Result<()> {
    points::at("before the state is written");
    let unfinished = path.with_extension("json.new");
    let text = serde_json::to_vec(state)?;
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(&text)?;
    points::at("before the state is renamed");
    fs::rename(&unfinished, path)?;
    points::at("after the state is renamed");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header::new("boot".to_owned(), 7, Process { pid: 1, start: 2 })
    }

    #[test]
    fn what_was_written_is_read_back() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("state.json");
        let state = StateFile { header: header(), snapshot: Snapshot::default() };
        write(&path, &state).expect("written");
        assert_eq!(read(&path).expect("readable"), Some(state));
    }

    #[test]
    fn no_file_is_no_state() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        assert!(matches!(read(&folder.path().join("state.json")), Ok(None)));
    }

    #[test]
    fn a_file_of_a_later_format_is_told_from_garbage() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("state.json");
        fs::write(&path, r#"{"format": 2, "anything": []}"#).expect("written");
        assert!(matches!(read(&path), Err(ReadError::Newer(2))));
        fs::write(&path, "not json").expect("written");
        assert!(matches!(read(&path), Err(ReadError::Garbled(_))));
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_file() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("state.json");
        let state = StateFile { header: header(), snapshot: Snapshot::default() };
        write(&path, &state).expect("written");
        fs::create_dir(path.with_extension("json.new")).expect("in the way");
        assert!(write(&path, &state).is_err());
        assert_eq!(read(&path).expect("readable"), Some(state));
    }
}
