//! The arbiter's role in this process: acquired with the lock, given up before the process ends.

use std::io;
use std::rc::Rc;

use serverswap::protocol::message::Form;
use serverswap::sys::points;
use serverswap::sys::watch::DirectoryWatch;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_local};

use super::arbiter::{ArbiterRuntime, Tenure};
use super::listener_store::ListenerStore;
use super::trace::TraceWriter;
use crate::state::{Candidate, Directory, Lock, LockError};
use crate::ui::Report;

/// Whether this process is the arbiter, and what it needs to become it.
pub(super) struct ArbiterRole {
    held: Option<Held>,
    candidate: Candidate,
    presence: Presence,
    form: Form,
    tenure: Tenure,
    report: Rc<dyn Fn(Report)>,
    trace: TraceWriter,
    /// That of this process.
    store: Option<Rc<ListenerStore>>,
}

/// Whether there is an arbiter where this process may not be it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    /// This process may be it.
    Immaterial,
    /// The lock is reserved for those who see further.
    Expected,
    /// The same, nobody was there, and that was reported.
    Missed,
}

struct Held {
    /// It ends by itself when another process is the arbiter of the directory.
    arbiter: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl ArbiterRole {
    pub(super) fn new(form: Form, report: Rc<dyn Fn(Report)>, trace: TraceWriter) -> Self {
        let (candidate, presence) = (Candidate::Supervisor, Presence::Immaterial);
        let tenure = Tenure::UntilStopped;
        ArbiterRole { held: None, candidate, presence, form, tenure, report, trace, store: None }
    }

    /// Of `serverswap hold`.
    pub(super) fn holder(report: Rc<dyn Fn(Report)>, trace: TraceWriter) -> Self {
        ArbiterRole { candidate: Candidate::Holder, ..ArbiterRole::new(Form::Stay, report, trace) }
    }

    /// Listeners that a service manager has for this process are the first ones of their addresses.
    pub(super) fn with_store(self, store: &Rc<ListenerStore>) -> Self {
        ArbiterRole { store: Some(Rc::clone(store)), ..self }
    }

    /// Of an arbiter that ends by itself when nothing is under way.
    pub(super) fn temporary(report: Rc<dyn Fn(Report)>) -> Self {
        let role = ArbiterRole::new(Form::Leave, report, TraceWriter::default());
        ArbiterRole { tenure: Tenure::WhileNeeded, ..role }
    }

    /// Of a process that only looks on: it never becomes the arbiter.
    pub(super) fn onlooker(report: Rc<dyn Fn(Report)>) -> Self {
        let role = ArbiterRole::new(Form::Leave, report, TraceWriter::default());
        ArbiterRole { tenure: Tenure::Never, ..role }
    }

    /// Becomes the arbiter if there is none and it may; does nothing if this process is it already.
    ///
    /// # Errors
    /// The lock cannot be looked at, or its holder cannot begin.
    pub(super) fn try_acquire(&mut self, directory: &Directory) -> io::Result<()> {
        if self.is_held() || self.tenure == Tenure::Never {
            return Ok(());
        }
        let watch = self.new_watch();
        let lock = self.try_lock(directory);
        self.presence = match (&lock, self.presence) {
            (Err(LockError::Reserved), Presence::Missed) => Presence::Missed,
            (Err(LockError::Reserved), Presence::Immaterial | Presence::Expected) => Presence::Expected,
            (Ok(_) | Err(LockError::Held | LockError::Io(_)), _) => Presence::Immaterial,
        };
        match lock {
            Ok(lock) => {
                points::at("after the lock is taken");
                let report = Rc::clone(&self.report);
                let arbiter = ArbiterRuntime::start(
                    directory.clone(),
                    lock,
                    watch,
                    self.tenure,
                    report,
                    self.trace.clone(),
                    self.store.clone(),
                )?;
                let (stop, stopped) = oneshot::channel();
                self.held = Some(Held { arbiter: spawn_local(arbiter.run(stopped)), stop });
                Ok(())
            }
            Err(LockError::Held | LockError::Reserved) => Ok(()),
            Err(LockError::Io(error)) => Err(error),
        }
    }

    /// There is no arbiter, as the attempt that followed has shown. It is said once that somebody else has to be it.
    pub(super) fn nobody_there(&mut self, directory: &Directory) {
        if self.presence == Presence::Expected {
            self.presence = Presence::Missed;
            (self.report)(Report::HolderMissing { directory: directory.path().to_owned() });
        }
    }

    /// There is one.
    pub(super) fn somebody_there(&mut self) {
        self.presence = Presence::Immaterial;
    }

    /// Whether only a process in another pid namespace can become the arbiter.
    pub(super) fn is_left_to_others(&self) -> bool {
        self.presence != Presence::Immaterial
    }

    pub(super) fn candidate(&self) -> Candidate {
        self.candidate
    }

    pub(super) fn form(&self) -> Form {
        self.form
    }

    pub(super) fn is_held(&self) -> bool {
        self.held.as_ref().is_some_and(|held| !held.arbiter.is_finished())
    }

    /// A watch of nothing yet, for a supervisor that stays.
    ///
    /// To close a watch on a directory can take the kernel 16 ms, and the descriptors of a process
    /// that is killed are closed one after the other, the last one first. It is made before the lock,
    /// so that the lock is free, for the next arbiter, before the watch is closed.
    fn new_watch(&self) -> Option<DirectoryWatch> {
        match self.form {
            Form::Leave => None,
            // Without it nothing is watched.
            Form::Stay => DirectoryWatch::for_deletions().ok(),
        }
    }

    /// Where the directory was deleted while there was no arbiter, it is made anew.
    fn try_lock(&self, directory: &Directory) -> Result<Lock, LockError> {
        if directory.is_of_another() {
            return Err(LockError::Reserved);
        }
        match Lock::try_take(&directory.lock(), self.candidate) {
            Err(LockError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                Directory::prepare(directory.path()).map_err(io::Error::other)?;
                (self.report)(Report::DirectoryRemade { directory: directory.path().to_owned() });
                Lock::try_take(&directory.lock(), self.candidate)
            }
            result @ (Ok(_) | Err(LockError::Held | LockError::Reserved | LockError::Io(_))) => result,
        }
    }

    /// Waits until the arbiter has ended by itself; returns at once if this process is none.
    pub(super) async fn ended(&mut self) {
        if let Some(held) = &mut self.held {
            // How it ended makes no difference: the lock is free.
            let _ = (&mut held.arbiter).await;
        }
    }

    /// Closes the control socket, releases the lock and closes every connection.
    pub(super) async fn give_up(&mut self) {
        if let Some(held) = self.held.take() {
            // It may have ended by itself.
            let _ = held.stop.send(());
            let _ = held.arbiter.await;
        }
    }
}
