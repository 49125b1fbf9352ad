//! What the trials of a server share: a folder, which goes with what they leave there, the signals to this process, and the
//! keeper, for a process that is killed gets none.

use std::cell::Cell;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use super::keeper::Keeper;
use crate::sys::signals::SignalDescriptor;

/// Only for this user.
pub(super) struct Scratch {
    folder: PathBuf,
    trials: Cell<u32>,
    signals: SignalDescriptor,
    keeper: Keeper,
}

impl Scratch {
    /// # Errors
    /// No folder can be made where temporary files are, or no process.
    pub(super) fn new() -> io::Result<Scratch> {
        // Before anything is there that would be left.
        let signals = SignalDescriptor::new()?;
        let folder = std::env::temp_dir().join(format!("serverswap-explain-{}", std::process::id()));
        // What an earlier process with this number has left.
        let _ = fs::remove_dir_all(&folder);
        DirBuilder::new().mode(0o700).create(&folder)?;
        let keeper = Keeper::start(&folder)?;
        Ok(Scratch { folder, trials: Cell::new(0), signals, keeper })
    }

    /// Signals to this process: what was started is to end with it.
    pub(super) fn signals(&self) -> &SignalDescriptor {
        &self.signals
    }

    /// What is to know of everything that would be left.
    pub(super) fn keeper(&self) -> &Keeper {
        &self.keeper
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
