//! What goes into the supervisor's core.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serverswap::protocol::message::{self, DecidedVerdict};

use super::GenerationSignal;
use crate::spawn::SpawnFailure;
use crate::ui::NotReady;

/// Something that happened to the generation. The driver reports each exactly once, to the generation
/// that it is about; a signal to the process concerns all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SupervisorInput {
    /// The arbiter has sent `welcome`: requests can be sent.
    Linked,
    /// The connection to the arbiter has ended, and everything on it was read.
    LinkLost,
    /// There is an arbiter, and it does not answer.
    ArbiterNotResponding {
        /// Its process id.
        pid: u32,
    },
    /// The arbiter answers again. Every other event from it says the same.
    ArbiterResponding,
    /// The arbiter sent an `event`.
    FromArbiter(message::Event, EventAttachment),
    /// The arbiter answered the last [`Request::TimedOut`](super::Request::TimedOut).
    Verdict(DecidedVerdict),
    /// The arbiter answered the last [`Request::Barrier`](super::Request::Barrier).
    BarrierPassed,
    /// The server was started; its process group has the same number as it.
    Spawned {
        /// Its process id.
        pid: u32,
    },
    /// The server could not be started.
    SpawnFailed(SpawnFailure),
    /// The process that was started could not execute the command; it ends.
    NotExecuted {
        /// Its process id.
        pid: u32,
        /// Why.
        failure: SpawnFailure,
    },
    /// A server that does not speak the protocol cannot become ready.
    NotReady {
        /// Its process id.
        pid: u32,
        /// Why.
        reason: NotReady,
    },
    /// Such a server has begun to use sd_notify(3) without being asked to: it says itself when it is ready.
    UsesNotify {
        /// Its process id.
        pid: u32,
    },
    /// Such a server needs more time to become ready.
    NeedsTime {
        /// Its process id.
        pid: u32,
        /// From now.
        time: Duration,
    },
    /// A server has exited and was reaped.
    ServerExited {
        /// Its process id.
        pid: u32,
        /// How it ended.
        exit: ServerExit,
        /// Whether other processes of its generation are alive.
        leftovers: Leftovers,
    },
    /// The processes of a generation were sent a signal.
    Signalled {
        /// The process id of the server.
        pid: u32,
        /// TERM or KILL.
        signal: GenerationSignal,
        /// How many connections its server had open then, if that could be found out.
        connections: Option<u64>,
    },
    /// The last process of an exited server's generation has ended.
    LeftoversGone {
        /// The process id of the server.
        pid: u32,
    },
    /// The supervisor was sent a signal.
    Signal(SupervisorSignal),
    /// Nothing happened but time.
    Tick,
}

/// Whether an `event` carried a duplicate of the listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventAttachment {
    /// The driver has it, and drops it unless the next actions have
    /// [`SupervisorAction::Keep`](super::SupervisorAction::Keep).
    Listener,
    /// It carried none.
    Nothing,
}

/// Whether processes of a generation outlived the one that the supervisor had started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leftovers {
    /// Some did: the driver reports [`SupervisorInput::LeftoversGone`] when the last has ended.
    Alive,
    /// None.
    None,
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ServerExit {
    /// It exited with this status.
    Status(u8),
    /// This signal killed it.
    Signal(i32),
}

impl ServerExit {
    /// Whether it ended with status 0.
    pub fn is_success(self) -> bool {
        self == ServerExit::Status(0)
    }

    /// As a shell has it: 128 and the number of the signal.
    pub(crate) fn shell_status(self) -> u8 {
        match self {
            ServerExit::Status(status) => status,
            ServerExit::Signal(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        }
    }
}

/// A signal that was sent to the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SupervisorSignal {
    /// TERM: stop.
    Terminate,
    /// INT: stop.
    Interrupt,
    /// A HUP that asks for nothing.
    Hangup,
}

impl SupervisorSignal {
    /// Whether it asks the supervisor to stop.
    pub fn asks_to_stop(self) -> bool {
        match self {
            SupervisorSignal::Terminate | SupervisorSignal::Interrupt => true,
            SupervisorSignal::Hangup => false,
        }
    }
}

/// A signal that asks the supervisor to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum StopSignal {
    /// TERM.
    #[serde(rename = "TERM")]
    Terminate,
    /// INT.
    #[serde(rename = "INT")]
    Interrupt,
}

impl StopSignal {
    /// Its number (signal(7)).
    pub fn number(self) -> u8 {
        match self {
            StopSignal::Terminate => 15,
            StopSignal::Interrupt => 2,
        }
    }

    /// Its name without `SIG`.
    pub fn name(self) -> &'static str {
        match self {
            StopSignal::Terminate => "TERM",
            StopSignal::Interrupt => "INT",
        }
    }
}
