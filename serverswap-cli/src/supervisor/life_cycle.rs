//! The life cycle of a generation: its states, and what they react to.
//!
//! ```text
//! awaiting link
//!    ▼
//! starting ──► running ──► up ───────────┐
//!    ▲  │         │ └─► awaiting verdict ◄┤     asking the arbiter whether the server,
//!    │  │         ▼        ▼             ▼     that is late or lost, may be ended
//!    │  └► cancelled ─► stopping ─► reaping group ─► awaiting arbiter ─► done
//!    │                                                          │
//!    └────────── backoff, awaiting successor (S4) ◄─────────┘
//! ```

use std::time::Duration;

use serverswap::protocol::message::DecidedVerdict;

use super::GenerationSignal;
use super::arbiter_events::ArbiterNotice;
use super::awaiting_arbiter::AwaitingArbiter;
use super::awaiting_verdict::AwaitingVerdict;
use super::between_servers::{AwaitingSuccessor, Backoff};
use super::context::Context;
use super::input::{Leftovers, ServerExit, StopSignal};
use super::not_executed::NotExecuted;
use super::reaping_group::ReapingGroup;
use super::running::Running;
use super::starting::{AwaitingLink, Cancelled, Starting};
use super::stopping::Stopping;
use super::up::Up;
use crate::spawn::SpawnFailure;
use crate::ui::{NotReady, WaitingFor};

/// What a state does. Each is a struct with exactly the data that is valid in it.
pub(super) trait Phase: Sized {
    fn handle(self, input: PhaseInput, context: &mut Context) -> LifeCycle;

    /// When [`PhaseInput::Due`] comes, if nothing happens before.
    fn deadline(&self) -> Option<Duration>;

    /// What the operator may wonder about; `None` where nothing is waited for.
    fn waits_for(&self, context: &Context) -> Option<WaitingFor>;
}

/// The enum of all states, which hands everything to the state that it is in.
macro_rules! states {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// Where a generation is.
        #[derive(Debug, Clone)]
        pub(super) enum LifeCycle {
            $($(#[$doc])* $name($name),)+
        }

        impl Phase for LifeCycle {
            fn handle(self, input: PhaseInput, context: &mut Context) -> LifeCycle {
                match self {
                    $(LifeCycle::$name(state) => state.handle(input, context),)+
                }
            }

            fn deadline(&self) -> Option<Duration> {
                match self {
                    $(LifeCycle::$name(state) => state.deadline(),)+
                }
            }

            fn waits_for(&self, context: &Context) -> Option<WaitingFor> {
                match self {
                    $(LifeCycle::$name(state) => state.waits_for(context),)+
                }
            }
        }

        $(impl From<$name> for LifeCycle {
            fn from(state: $name) -> LifeCycle {
                LifeCycle::$name(state)
            }
        })+
    };
}

states! {
    /// The first connection to an arbiter is awaited; nothing was started.
    AwaitingLink,
    /// The server is being started.
    Starting,
    /// The same, and the supervisor was asked to stop meanwhile.
    Cancelled,
    /// The server runs and is not up yet.
    Running,
    /// The command could not be executed; the process that was to become the server ends.
    NotExecuted,
    /// The arbiter is asked whether the server may be ended.
    AwaitingVerdict,
    /// The server is up, or kept although it is not.
    Up,
    /// The server is being ended.
    Stopping,
    /// The server has ended; what else runs of its generation is being ended.
    ReapingGroup,
    /// All processes have ended; what the arbiter still reports about them is awaited.
    AwaitingArbiter,
    /// The server is started again after a delay.
    Backoff,
    /// The addresses were handed over; a newer generation does not serve them yet.
    AwaitingSuccessor,
    /// The outcome was reported.
    Done,
}

/// The last state.
#[derive(Debug, Clone)]
pub(super) struct Done;

impl Phase for Done {
    fn handle(self, _: PhaseInput, _: &mut Context) -> LifeCycle {
        self.into()
    }

    fn deadline(&self) -> Option<Duration> {
        None
    }

    fn waits_for(&self, _: &Context) -> Option<WaitingFor> {
        None
    }
}

/// The server that a state is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChildServer {
    pub(super) pid: u32,
}

/// What a state reacts to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PhaseInput {
    Linked,
    /// The arbiter does not answer at the moment.
    NotResponding,
    Notice(ArbiterNotice),
    Verdict(DecidedVerdict),
    BarrierPassed,
    Spawned(ChildServer),
    SpawnFailed(SpawnFailure),
    /// Of a server that has a stand-in.
    Launched(LaunchNotice),
    Exited {
        exit: ServerExit,
        leftovers: Leftovers,
    },
    LeftoversGone,
    /// The generation was sent a signal.
    Signalled {
        signal: GenerationSignal,
        connections: Option<u64>,
    },
    StopSignal(StopSignal),
    /// The deadline of the state has passed.
    Due,
}

/// What becomes of a server that does not speak the protocol, before it serves.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum LaunchNotice {
    /// Its process runs, and could not execute the command.
    NotExecuted(SpawnFailure),
    /// It runs, and cannot become ready.
    NotReady(NotReady),
    /// It needs so long from now.
    NeedsTime(Duration),
}

/// Why the supervisor ends a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EndReason {
    /// It is not up in time.
    NotUp,
    /// It lost every claim.
    Superseded,
    /// It sent `fail`.
    SaidFail(String),
    /// The supervisor was asked to stop.
    Signal(StopSignal),
}

/// Why a server ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// By itself, or the arbiter ended it.
    Itself,
    /// The supervisor ended it, or was about to.
    EndedFor(EndReason),
}

/// A server that has ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ServerEnd {
    pub(super) server: ChildServer,
    pub(super) exit: ServerExit,
    pub(super) cause: Cause,
    /// How long it was up; zero if it never was.
    pub(super) up_for: Duration,
}
