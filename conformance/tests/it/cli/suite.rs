//! The program under test in a folder of its own, with a cache of its own.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serverswap_conformance::report::{Folder, Published};
use tempfile::TempDir;

/// A folder in which the suite is run.
pub struct Suite {
    folder: TempDir,
}

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Suite {
    pub fn new() -> Suite {
        Suite { folder: tempfile::tempdir().expect("a folder") }
    }

    /// Writes a file into the folder.
    pub fn file(&self, name: &str, text: &str) -> &Suite {
        fs::write(self.path(name), text).expect("a writable file");
        self
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("the file is there")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The report that a run has written into this folder.
    pub fn report(&self, folder: &str) -> Published {
        Folder::new(self.path(folder)).read().expect("a report")
    }

    /// Runs the suite with these words.
    pub fn run(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ended {
        let output = Command::new(env!("CARGO_BIN_EXE_serverswap-conformance"))
            .args(words)
            .current_dir(self.folder.path())
            .env("XDG_CACHE_HOME", self.path("cache"))
            .output()
            .expect("the suite runs");
        Ended {
            status: output.status.code().expect("it exits"),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

/// A file of this crate.
pub fn own(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).display().to_string()
}
