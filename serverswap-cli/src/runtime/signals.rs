//! Signals to this process, in tokio's event loop.

use std::cell::Cell;
use std::io;

use tokio::io::unix::AsyncFd;

use crate::supervisor::{StopPath, StopRequests, SupervisorSignal};
use crate::sys::async_fd::async_fd;
use crate::sys::signals::SignalDescriptor;

/// The signals that the supervisor handles.
pub(super) struct Signals {
    descriptor: AsyncFd<SignalDescriptor>,
    stops: Cell<StopRequests>,
}

/// What a signal means here.
pub(super) enum SignalEvent {
    /// It is for the core.
    Core(SupervisorSignal),
    /// A child has ended. One such signal may stand for several children.
    Child,
}

impl Signals {
    /// # Errors
    /// What epoll_ctl(2) says.
    pub(super) fn new(descriptor: SignalDescriptor) -> io::Result<Self> {
        Ok(Signals { descriptor: async_fd(descriptor)?, stops: Cell::default() })
    }

    /// Of a process that was started to stop others.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn of_a_stop(descriptor: SignalDescriptor) -> io::Result<Self> {
        Ok(Signals { stops: Cell::new(StopRequests::of_a_stop()), ..Signals::new(descriptor)? })
    }

    /// The next signal. Nothing is lost when it is cancelled.
    pub(super) async fn next(&self) -> SignalEvent {
        loop {
            let Ok(mut guard) = self.descriptor.readable().await else {
                return std::future::pending().await;
            };
            let signal = self.descriptor.get_ref().read();
            match signal.map(|(signal, path)| self.event(signal, path)) {
                Some(Some(event)) => return event,
                Some(None) => {}
                None => guard.clear_ready(),
            }
        }
    }

    /// `None`: nothing new.
    fn event(&self, signal: nix::sys::signal::Signal, path: StopPath) -> Option<SignalEvent> {
        use nix::sys::signal::Signal::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
        if signal == SIGTERM {
            let mut stops = self.stops.get();
            let is_new = stops.is_new(path);
            self.stops.set(stops);
            is_new.then_some(SignalEvent::Core(SupervisorSignal::Terminate))
        } else if signal == SIGINT {
            Some(SignalEvent::Core(SupervisorSignal::Interrupt))
        } else if signal == SIGHUP {
            Some(SignalEvent::Core(SupervisorSignal::Hangup))
        } else {
            (signal == SIGCHLD).then_some(SignalEvent::Child)
        }
    }
}
