//! The arbiter's role in this process: taken with the lock, left before the process ends.

use std::io;
use std::rc::Rc;

use serverswap::sys::points;
use tokio::task::{JoinHandle, spawn_local};

use super::arbiter::ArbiterDriver;
use super::recorder::Recorder;
use crate::operator::Report;
use crate::state::{Directory, Lock, LockError};

/// Whether this process is the arbiter.
pub(super) struct Office {
    held: Option<JoinHandle<()>>,
    report: Rc<dyn Fn(Report)>,
    recorder: Recorder,
}

impl Office {
    pub(super) fn new(report: Rc<dyn Fn(Report)>, recorder: Recorder) -> Self {
        Office { held: None, report, recorder }
    }

    /// Becomes the arbiter if nobody is; does nothing if this process is it already.
    ///
    /// # Errors
    /// The lock cannot be looked at, or its holder cannot take office.
    pub(super) fn try_to_take(&mut self, directory: &Directory) -> io::Result<()> {
        if self.held.is_some() {
            return Ok(());
        }
        match Lock::try_take(&directory.lock()) {
            Ok(lock) => {
                points::at("after the lock is taken");
                let report = Rc::clone(&self.report);
                let arbiter = ArbiterDriver::start(directory.clone(), lock, report, self.recorder.clone())?;
                self.held = Some(spawn_local(arbiter.run()));
                Ok(())
            }
            Err(LockError::Held) => Ok(()),
            Err(LockError::Io(error)) => Err(error),
        }
    }

    /// Closes the door and every connection, and lets go of the lock.
    pub(super) async fn leave(&mut self) {
        if let Some(arbiter) = self.held.take() {
            arbiter.abort();
            // It ends as cancelled: that is what was asked for.
            let _ = arbiter.await;
        }
    }
}
