//! The arbiter's role in this process: taken with the lock, left before the process ends.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use serverswap::protocol::message::Form;
use serverswap::sys::points;
use tokio::task::{JoinHandle, spawn_local};

use super::arbiter::ArbiterDriver;
use super::recorder::Recorder;
use crate::state::{Directory, Lock, LockError};
use crate::ui::Report;

/// Whether this process is the arbiter.
pub(super) struct Office {
    /// The task that is the arbiter; it ends by itself when another one has the directory.
    held: Option<JoinHandle<()>>,
    /// Opened before every lock: see [`Place`](super::place::Place). Only of a supervisor that stays.
    watch_at: Option<File>,
    report: Rc<dyn Fn(Report)>,
    recorder: Recorder,
}

impl Office {
    pub(super) fn new(form: Form, report: Rc<dyn Fn(Report)>, recorder: Recorder) -> Self {
        let watch_at = match form {
            Form::Leave => None,
            // Without it nothing is watched.
            Form::Stay => File::open("/dev/null").ok(),
        };
        Office { held: None, watch_at, report, recorder }
    }

    /// Becomes the arbiter if nobody is; does nothing if this process is it already.
    ///
    /// # Errors
    /// The lock cannot be looked at, or its holder cannot take office.
    pub(super) fn try_to_take(&mut self, directory: &Directory) -> io::Result<()> {
        if self.is_held() {
            return Ok(());
        }
        match self.try_lock(directory) {
            Ok(lock) => {
                points::at("after the lock is taken");
                let report = Rc::clone(&self.report);
                let recorder = self.recorder.clone();
                let watch_at = self.watch_at.take().map(OwnedFd::from);
                let arbiter = ArbiterDriver::start(directory.clone(), lock, watch_at, report, recorder)?;
                self.held = Some(spawn_local(arbiter.run()));
                Ok(())
            }
            Err(LockError::Held) => Ok(()),
            Err(LockError::Io(error)) => Err(error),
        }
    }

    pub(super) fn is_held(&self) -> bool {
        self.held.as_ref().is_some_and(|arbiter| !arbiter.is_finished())
    }

    /// Where the directory was deleted while nobody was the arbiter, it is made anew.
    fn try_lock(&self, directory: &Directory) -> Result<Lock, LockError> {
        match Lock::try_take(&directory.lock()) {
            Err(LockError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                Directory::prepare(directory.path()).map_err(io::Error::other)?;
                (self.report)(Report::DirectoryRemade { directory: directory.path().to_owned() });
                Lock::try_take(&directory.lock())
            }
            result @ (Ok(_) | Err(LockError::Held | LockError::Io(_))) => result,
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
