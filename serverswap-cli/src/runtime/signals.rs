//! Signals to this process, in tokio's event loop.

use std::io;

use tokio::io::unix::AsyncFd;

use crate::supervisor::SupervisorSignal;
use crate::sys::async_fd::async_fd;
use crate::sys::signals::SignalDescriptor;

/// The signals that the supervisor handles.
pub(super) struct Signals(AsyncFd<SignalDescriptor>);

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
        Ok(Signals(async_fd(descriptor)?))
    }

    /// The next signal. Nothing is lost when it is cancelled.
    pub(super) async fn next(&self) -> SignalEvent {
        loop {
            let Ok(mut guard) = self.0.readable().await else {
                return std::future::pending().await;
            };
            match self.0.get_ref().read().map(event) {
                Some(Some(event)) => return event,
                Some(None) => {}
                None => guard.clear_ready(),
            }
        }
    }
}

fn event(signal: nix::sys::signal::Signal) -> Option<SignalEvent> {
    use nix::sys::signal::Signal::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
    if signal == SIGTERM {
        Some(SignalEvent::Core(SupervisorSignal::Terminate))
    } else if signal == SIGINT {
        Some(SignalEvent::Core(SupervisorSignal::Interrupt))
    } else if signal == SIGHUP {
        Some(SignalEvent::Core(SupervisorSignal::Hangup))
    } else {
        (signal == SIGCHLD).then_some(SignalEvent::Child)
    }
}
