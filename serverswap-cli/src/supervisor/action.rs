//! What comes out of the supervisor's core.

use serde::{Deserialize, Serialize};
use serverswap::protocol::Address;

use crate::ui::{Report, RunOutcome};

/// Something for the driver to do, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum SupervisorAction {
    /// Start the server; answered by [`SupervisorInput::Spawned`](super::SupervisorInput::Spawned) or
    /// [`SupervisorInput::SpawnFailed`](super::SupervisorInput::SpawnFailed).
    Spawn,
    /// Send to the arbiter. Only while linked; dropped if the connection ends first.
    Send(Request),
    /// Keep the listener that came with the event just handled, in place of an older one.
    Keep {
        /// Of which address.
        address: Address,
    },
    /// Close the kept duplicate of a listener.
    Close {
        /// Of which address.
        address: Address,
        /// Why.
        reason: CloseReason,
    },
    /// Signal a server and every other process of its generation; answered by
    /// [`SupervisorInput::Signalled`](super::SupervisorInput::Signalled) when it was sent.
    SignalGeneration {
        /// The process id of the server, and the number of its group.
        pid: u32,
        /// TERM or KILL.
        signal: GenerationSignal,
        /// The addresses whose open connections are counted before.
        addresses: Vec<Address>,
    },
    /// Show this to the operator.
    Report(Report),
    /// The deploy of a generation that stays is over with this outcome. After a reconnect the arbiter reports it again.
    Deployed(Box<RunOutcome>),
    /// The generation has ended with this outcome: nothing more follows.
    Exit(Box<RunOutcome>),
}

/// Why a duplicate is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// A newer generation serves the address.
    Replaced,
    /// The arbiter asks for it: nobody has the listener any more.
    Asked,
}

/// What a supervisor sends; the driver numbers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// May the server be ended? Answered by [`SupervisorInput::Verdict`](super::SupervisorInput::Verdict).
    TimedOut,
    /// The duplicate of the listener is closed.
    Closed {
        /// Of which address.
        address: Address,
    },
    /// Take the generation down.
    Stop,
    /// A barrier; answered by [`SupervisorInput::BarrierPassed`](super::SupervisorInput::BarrierPassed).
    Barrier,
}

/// A signal to the processes of a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum GenerationSignal {
    /// TERM.
    Term,
    /// KILL.
    Kill,
}

impl GenerationSignal {
    /// Its name without `SIG`.
    pub fn name(self) -> &'static str {
        match self {
            GenerationSignal::Term => "TERM",
            GenerationSignal::Kill => "KILL",
        }
    }
}
