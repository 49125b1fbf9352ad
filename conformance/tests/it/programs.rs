//! The programs that the tests run.

use std::ffi::OsString;
use std::fs;
use std::process::Command;

use serverswap_conformance::client::DriverCommand;
use tempfile::TempDir;

pub(crate) fn command<S: Into<OsString>>(words: impl IntoIterator<Item = S>) -> DriverCommand {
    DriverCommand::new(words).expect("a program")
}

/// Whether a program can be found and run.
pub(crate) fn is_here(program: &str) -> bool {
    let tried =
        |option: &str| Command::new(program).arg(option).output().is_ok_and(|ended| ended.status.success());
    tried("--version") || tried("version")
}

/// A driver that is a shell script; it goes with the directory.
pub(crate) fn script(text: &str) -> (TempDir, DriverCommand) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("driver");
    fs::write(&path, text).expect("writable");
    (directory, command(["sh".into(), path.into_os_string()]))
}
