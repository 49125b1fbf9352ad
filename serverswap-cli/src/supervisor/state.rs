//! The life cycle of a generation: its states, and what they react to.
//!
//! ```text
//! connecting
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

use super::arbiter_events::Notice;
use super::awaiting_arbiter::AwaitingArbiter;
use super::awaiting_verdict::AwaitingVerdict;
use super::between_servers::{AwaitingSuccessor, Backoff};
use super::context::Context;
use super::event::{Leftovers, ServerExit, StopSignal};
use super::reaping_group::ReapingGroup;
use super::running::Running;
use super::starting::{Cancelled, Connecting, Starting};
use super::stopping::Stopping;
use super::up::Up;
use crate::spawn::SpawnFailure;

/// What a state does. Each is a struct with exactly the data that is valid in it.
pub(super) trait Phase: Sized {
    fn handle(self, input: Input, context: &mut Context) -> State;

    /// When [`Input::Due`] comes, if nothing happens before.
    fn deadline(&self) -> Option<Duration>;
}

/// The enum of all states, which hands everything to the state that it is in.
macro_rules! states {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// Where a generation is.
        #[derive(Debug, Clone)]
        pub(super) enum State {
            $($(#[$doc])* $name($name),)+
        }

        impl Phase for State {
            fn handle(self, input: Input, context: &mut Context) -> State {
                match self {
                    $(State::$name(state) => state.handle(input, context),)+
                }
            }

            fn deadline(&self) -> Option<Duration> {
                match self {
                    $(State::$name(state) => state.deadline(),)+
                }
            }
        }

        $(impl From<$name> for State {
            fn from(state: $name) -> State {
                State::$name(state)
            }
        })+
    };
}

states! {
    /// The first connection to an arbiter is awaited; nothing was started.
    Connecting,
    /// The server is being started.
    Starting,
    /// The same, and the supervisor was asked to stop meanwhile.
    Cancelled,
    /// The server runs and is not up yet.
    Running,
    /// The arbiter is asked whether the server may be ended.
    AwaitingVerdict,
    /// The server is up, or kept although it is not.
    Up,
    /// The server is being ended.
    Stopping,
    /// The server has ended; what it left in its process group is being ended.
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
    fn handle(self, _: Input, _: &mut Context) -> State {
        self.into()
    }

    fn deadline(&self) -> Option<Duration> {
        None
    }
}

/// The server that a state is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) pid: u32,
}

/// What a state reacts to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Input {
    Linked,
    /// The arbiter does not answer at the moment.
    NotResponding,
    Notice(Notice),
    Verdict(DecidedVerdict),
    BarrierPassed,
    Spawned(Server),
    SpawnFailed(SpawnFailure),
    Exited {
        exit: ServerExit,
        leftovers: Leftovers,
    },
    LeftoversGone,
    StopSignal(StopSignal),
    /// The deadline of the state has passed.
    Due,
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
    pub(super) server: Server,
    pub(super) exit: ServerExit,
    pub(super) cause: Cause,
    /// How long it was up; zero if it never was.
    pub(super) up_for: Duration,
}
