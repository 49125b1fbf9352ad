//! Signals to this process, in tokio's event loop.

use std::cell::Cell;
use std::io;

use serverswap::protocol::message::Form;
use serverswap::sys::process::{Process, Signal, ancestors};
use tokio::io::unix::AsyncFd;

use crate::history::Who;
use crate::supervisor::{GenerationSignal, Hangup, Sender, StopRequests, SupervisorSignal, Terminal};
use crate::sys::async_fd::async_fd;
use crate::sys::session;
use crate::sys::signals::{Received, SignalDescriptor};

/// The signals that the supervisor handles.
pub(super) struct Signals {
    descriptor: AsyncFd<SignalDescriptor>,
    stops: Cell<StopRequests>,
    form: Form,
    terminal: Terminal,
}

/// What a signal means here.
pub(super) enum SignalEvent {
    /// It is for the core.
    Core(SupervisorSignal),
    /// The next generation is to be started, as this one has asked.
    Reload(Who),
    /// A child has ended. One such signal may stand for several children.
    Child,
}

impl Signals {
    /// For a command that begins now.
    ///
    /// # Errors
    /// What epoll_ctl(2) says.
    pub(super) fn new(descriptor: SignalDescriptor, form: Form) -> io::Result<Self> {
        let terminal = if session::has_terminal() { Terminal::Ours } else { Terminal::None };
        Ok(Signals { descriptor: async_fd(descriptor)?, stops: Cell::default(), form, terminal })
    }

    /// Of a process that was started to stop others.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn of_a_stop(descriptor: SignalDescriptor) -> io::Result<Self> {
        Ok(Signals { stops: Cell::new(StopRequests::of_a_stop()), ..Signals::new(descriptor, Form::Leave)? })
    }

    /// The next signal. Nothing is lost when it is cancelled.
    pub(super) async fn next(&self) -> SignalEvent {
        loop {
            let Ok(mut guard) = self.descriptor.readable().await else {
                return std::future::pending().await;
            };
            let signal = self.descriptor.get_ref().read();
            match signal.map(|received| self.event(received)) {
                Some(Some(event)) => return event,
                Some(None) => {}
                None => guard.clear_ready(),
            }
        }
    }

    /// `None`: nothing new.
    fn event(&self, received: Received) -> Option<SignalEvent> {
        use nix::sys::signal::Signal::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
        let Received { signal, path, sender, user } = received;
        if signal == SIGTERM {
            let mut stops = self.stops.get();
            let is_new = stops.is_new(path);
            self.stops.set(stops);
            is_new.then_some(SignalEvent::Core(SupervisorSignal::Terminate))
        } else if signal == SIGINT {
            Some(SignalEvent::Core(SupervisorSignal::Interrupt))
        } else if signal == SIGHUP {
            Some(match Hangup::of(self.form, self.terminal, kind(sender)) {
                Hangup::Ignore => SignalEvent::Core(SupervisorSignal::Hangup),
                Hangup::Reload => SignalEvent::Reload(Who::of_sender(sender, user)),
            })
        } else {
            (signal == SIGCHLD).then_some(SignalEvent::Child)
        }
    }
}

/// As the kernel has it.
pub(super) fn number(signal: GenerationSignal) -> Signal {
    match signal {
        GenerationSignal::Term => Signal::SIGTERM,
        GenerationSignal::Kill => Signal::SIGKILL,
    }
}

fn kind(sender: Option<u32>) -> Sender {
    let is_ancestor = |pid| {
        let ancestors = Process::current().map(ancestors).into_iter().flatten();
        ancestors.map(|ancestor| ancestor.pid).any(|ancestor| ancestor == pid)
    };
    match sender {
        None => Sender::Kernel,
        Some(pid) if is_ancestor(pid) => Sender::Ancestor,
        Some(_) => Sender::Other,
    }
}
