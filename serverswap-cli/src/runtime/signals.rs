//! Signals to the supervisor itself, and the children of PID 1.

use std::io;

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use super::server::{Server, reap_strangers};
use crate::supervisor::Signal;

/// The signals that the supervisor handles.
pub(super) struct Signals {
    terminate: Stream,
    interrupt: Stream,
    hangup: Stream,
    /// Only as PID 1, whose children are everybody's.
    child: Option<Stream>,
}

/// What came.
pub(super) enum Arrived {
    /// For the core.
    Signal(Signal),
    /// Some child has ended.
    Child,
}

impl Signals {
    /// # Errors
    /// The kernel refuses a handler.
    pub(super) fn new() -> io::Result<Self> {
        let is_init = std::process::id() == 1;
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            child: if is_init { Some(signal(SignalKind::child())?) } else { None },
        })
    }

    /// The exit of our own child hid other zombies from the last look: look again.
    pub(super) fn after_reaping(&self, server: &Server) {
        if self.child.is_some() {
            reap_strangers(server);
        }
    }

    /// The next one. Nothing is lost when it is cancelled.
    pub(super) async fn next(&mut self) -> Arrived {
        let child = async {
            match &mut self.child {
                Some(child) => drop(child.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => Arrived::Signal(Signal::Terminate),
            _ = self.interrupt.recv() => Arrived::Signal(Signal::Interrupt),
            _ = self.hangup.recv() => Arrived::Signal(Signal::Hangup),
            () = child => Arrived::Child,
        }
    }
}
