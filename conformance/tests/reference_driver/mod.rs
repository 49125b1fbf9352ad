//! The reference driver, built once: no other crate's program is built with a test.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use serverswap_conformance::client::DriverCommand;

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
    DriverCommand::new([REFERENCE.clone()]).expect("a program")
}
