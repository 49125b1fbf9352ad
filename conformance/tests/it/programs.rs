//! The programs that the tests run.

use std::ffi::OsString;
use std::fs;

use serverswap_conformance::client::DriverCommand;
use tempfile::TempDir;

pub(crate) fn command<S: Into<OsString>>(words: impl IntoIterator<Item = S>) -> DriverCommand {
    DriverCommand::new(words).expect("a program")
}

/// A driver that is a shell script; it goes with the directory.
pub(crate) fn script(text: &str) -> (TempDir, DriverCommand) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("driver");
    fs::write(&path, text).expect("writable");
    (directory, command(["sh".into(), path.into_os_string()]))
}
