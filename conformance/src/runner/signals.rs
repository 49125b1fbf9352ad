//! The names of signals in scenarios.

use rustix::process::Signal;

use crate::scenario::SignalName;

/// The kernel's.
pub(crate) fn kernel_signal(name: SignalName) -> Signal {
    match name {
        SignalName::Stop => Signal::STOP,
        SignalName::Cont => Signal::CONT,
        SignalName::Kill => Signal::KILL,
        SignalName::Term => Signal::TERM,
        SignalName::Int => Signal::INT,
        SignalName::Hup => Signal::HUP,
    }
}

/// For people.
pub(crate) fn signal_name(name: SignalName) -> &'static str {
    match name {
        SignalName::Stop => "SIGSTOP",
        SignalName::Cont => "SIGCONT",
        SignalName::Kill => "SIGKILL",
        SignalName::Term => "SIGTERM",
        SignalName::Int => "SIGINT",
        SignalName::Hup => "SIGHUP",
    }
}
