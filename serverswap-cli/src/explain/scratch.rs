//! What the trials of a server share: a folder, which goes with what they leave there, and the signals to this process.

use std::cell::Cell;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use crate::sys::signals::SignalDescriptor;

/// Only for this user.
pub(super) struct Scratch {
    folder: PathBuf,
    trials: Cell<u32>,
    signals: SignalDescriptor,
}

impl Scratch {
    /// # Errors
    /// No folder can be made where temporary files are.
    pub(super) fn new() -> io::Result<Scratch> {
        // Before anything is there that would be left.
        let signals = SignalDescriptor::new()?;
        let folder = std::env::temp_dir().join(format!("serverswap-explain-{}", std::process::id()));
        // What an earlier process with this number has left.
        let _ = fs::remove_dir_all(&folder);
        DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Scratch { folder, trials: Cell::new(0), signals })
    }

    /// Signals to this process: what was started is to end with it.
    pub(super) fn signals(&self) -> &SignalDescriptor {
        &self.signals
    }

    /// An empty folder.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn next(&self) -> io::Result<PathBuf> {
        let number = self.trials.get() + 1;
        self.trials.set(number);
        let folder = self.folder.join(number.to_string());
        fs::create_dir(&folder)?;
        Ok(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
