//! A program that a test has written.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Writes a program with these permission bits.
///
/// It is a copy by another process: one of this, forked by another test, would still have it open for
/// writing, and the kernel executes no such file (ETXTBSY).
pub fn executable(path: &Path, text: &str, mode: u32) {
    let written = path.with_extension("written");
    fs::write(&written, text).expect("written");
    let copied = Command::new("cp").arg(&written).arg(path).status().expect("cp");
    assert!(copied.success());
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
}
