//! The program that becomes the arbiter of a directory where there is none (`SERVERSWAP_ARBITER`).
//!
//! It detaches itself: what is started here ends at once, and is waited for by a thread, so that neither the
//! server's loop waits nor a zombie is left. Whether an arbiter is there is seen in the directory, not here.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

/// How an arbiter of one directory is started.
#[derive(Debug)]
pub(super) struct ArbiterProgram {
    program: PathBuf,
    directory: PathBuf,
}

impl ArbiterProgram {
    /// `None` if the socket is in no directory.
    pub fn new(program: PathBuf, socket: &Path) -> Option<Self> {
        Some(ArbiterProgram { program, directory: socket.parent()?.to_owned() })
    }

    /// A program that is not there any more starts nothing: then the claim waits as it does without one.
    pub fn start(&self) {
        let mut command = Command::new(&self.program);
        command.arg("--arbiter").arg(&self.directory);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Ok(mut started) = command.spawn() {
            let _ = thread::Builder::new().spawn(move || started.wait());
        }
    }
}
