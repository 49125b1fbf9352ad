//! What the threads of Python and the one of this module share.
//!
//! Rules: the lock is held for what never waits, and never while Python runs or is waited for. A fork
//! happens while the forking thread holds it, so that the child finds it whole, and its own.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::unistd;
use serverswap::Dispatcher;

/// Never dropped, as the thread that reads never ends; a forked child closes what it has of it.
pub struct Shared {
    state: Mutex<State>,
    /// A duplicate of the connection's descriptor: readable when there is something to process.
    pub polled: OwnedFd,
    /// Readable when Python has something to take.
    pub wakeup: EventFd,
}

struct State {
    /// `None` in a forked child.
    dispatcher: Option<Dispatcher<()>>,
    /// Why nothing is read any more, until Python has asked.
    ended: Option<String>,
}

thread_local! {
    /// The lock, while this thread forks.
    static HELD: RefCell<Option<MutexGuard<'static, State>>> = const { RefCell::new(None) };
}

impl Shared {
    /// # Errors
    /// No descriptor is left.
    pub fn new(dispatcher: Dispatcher<()>) -> io::Result<&'static Self> {
        let polled = dispatcher.as_fd().try_clone_to_owned()?;
        let wakeup = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        let state = Mutex::new(State { dispatcher: Some(dispatcher), ended: None });
        Ok(Box::leak(Box::new(Shared { state, polled, wakeup })))
    }

    /// Does something with the connection; `None` in a forked child.
    pub fn with<T>(&self, act: impl FnOnce(&mut Dispatcher<()>) -> T) -> Option<T> {
        self.lock().dispatcher.as_mut().map(act)
    }

    /// Has the connection processed, and Python look for what came of it.
    ///
    /// # Errors
    /// The connection is of no use any more.
    pub fn process(&self) -> io::Result<()> {
        let processed = self.with(Dispatcher::process);
        self.wake();
        processed.unwrap_or(Ok(()))
    }

    /// Notes that nothing is read any more.
    pub fn end(&self, reason: String) {
        self.lock().ended = Some(reason);
        self.wake();
    }

    /// Takes note of a wakeup, and of what has arrived by now.
    ///
    /// # Errors
    /// Nothing is read any more; reported once.
    pub fn woken(&self) -> io::Result<()> {
        match self.wakeup.read() {
            Ok(_) | Err(Errno::EAGAIN) => {}
            Err(error) => return Err(error.into()),
        }
        self.with(Dispatcher::process).unwrap_or(Ok(()))?;
        self.lock().ended.take().map_or(Ok(()), |reason| {
            Err(io::Error::other(format!(
                "serverswap no longer reads the connection to its supervisor: {reason}"
            )))
        })
    }

    /// To be called before a fork, by the thread that forks.
    pub fn before_fork(&'static self) {
        let guard = self.lock();
        HELD.with_borrow_mut(|held| *held = Some(guard));
    }

    /// To be called after it, in the parent.
    pub fn after_fork(&self) {
        HELD.with_borrow_mut(Option::take);
    }

    /// To be called after it, in the child: closes its copies of the descriptors, and sends nothing.
    pub fn abandon(&self) {
        let Some(mut state) = HELD.with_borrow_mut(Option::take) else { return };
        // A child of the child has inherited nothing, and may have other files by these numbers.
        if state.dispatcher.take().is_none() {
            return;
        }
        for descriptor in [self.polled.as_raw_fd(), self.wakeup.as_fd().as_raw_fd()] {
            // Nobody uses them in a process without the thread; `close` fails for none that is open.
            let _ = unistd::close(descriptor);
        }
    }

    /// Ends the connection of this process, which goes on.
    #[cfg(feature = "conformance")]
    pub fn close(&self) {
        self.lock().dispatcher = None;
    }

    fn wake(&self) {
        // A counter that is full is readable already.
        let _ = self.wakeup.write(1);
    }

    /// No code under the lock leaves the connection half done when it panics.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
