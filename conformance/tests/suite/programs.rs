//! The programs that the tests run.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use serverswap_conformance::engine::DriverCommand;
use tempfile::TempDir;

/// The reference driver, built once: no other crate's program is built with a test.
static REFERENCE: LazyLock<PathBuf> = LazyLock::new(|| {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "serverswap-conformance-driver"])
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the reference driver is built");
    let test = std::env::current_exe().expect("a test is a program");
    let profile = test.ancestors().nth(2).expect("target/debug/deps/test");
    profile.join("serverswap-conformance-driver")
});

/// The reference driver.
pub(crate) fn reference() -> DriverCommand {
    command([REFERENCE.clone()])
}

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
