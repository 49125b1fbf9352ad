//! The states of a generation, what goes into them, and which deadline each has.
//!
//! ```text
//! connecting
//!    ▼
//! starting ──► running ──► up ───────────┐
//!    ▲  │         │ └─► awaiting verdict ◄┤     asking the arbiter whether the server,
//!    │  │         ▼        ▼             ▼     that is late or lost, may be ended
//!    │  └► cancelled ─► stopping ─► reaping group ─► awaiting arbiter ─► done
//!    │                                                      │
//!    └────────── backoff, awaiting successor (rule 5) ◄─────┘
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

/// Where a generation is. Each state has exactly the data that is valid in it.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// The first connection to an arbiter is awaited; nothing was started.
    Connecting(Connecting),
    /// The server is being started.
    Starting(Starting),
    /// The same, and the supervisor was asked to stop meanwhile.
    Cancelled(Cancelled),
    /// The server runs and is not up yet.
    Running(Running),
    /// The arbiter is asked whether the server may be ended.
    AwaitingVerdict(AwaitingVerdict),
    /// The server is up, or kept although it is not.
    Up(Up),
    /// The server is being ended.
    Stopping(Stopping),
    /// The server has ended; what it left behind is being ended.
    ReapingGroup(ReapingGroup),
    /// All of it has ended; the arbiter's word on its addresses is awaited.
    AwaitingArbiter(AwaitingArbiter),
    /// The server is started again after a delay.
    Backoff(Backoff),
    /// The server was handed over; a newer generation does not serve yet.
    AwaitingSuccessor(AwaitingSuccessor),
    /// The outcome was told.
    Done,
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
    Notice(Notice),
    Verdict(DecidedVerdict),
    BarrierPassed,
    Spawned { pid: u32 },
    SpawnFailed(SpawnFailure),
    NotResponding,
    Exited { exit: ServerExit, leftovers: Leftovers },
    LeftoversGone,
    StopSignal(StopSignal),
}

/// Why a server is ended, if not because the supervisor is to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EndReason {
    /// It is not up in time.
    NotUp,
    /// Every claim of it lost.
    Superseded,
    /// It said `fail`.
    SaidFail(String),
    /// The supervisor, which would leave, was asked to stop before it was up.
    Interrupted(StopSignal),
}

/// A server that has ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ended {
    pub(super) server: Server,
    pub(super) exit: ServerExit,
    pub(super) cause: Cause,
    /// How long it was up; zero if it never was.
    pub(super) up_for: Duration,
}

/// Why a server ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// By itself, or because the arbiter had it ended.
    Itself,
    /// We ended it.
    Refused(EndReason),
    /// The supervisor was asked to stop.
    Stop(StopSignal),
}

impl State {
    pub(super) fn handle(self, input: Input, context: &mut Context) -> State {
        match self {
            State::Connecting(state) => state.handle(input, context),
            State::Starting(state) => state.handle(input, context),
            State::Cancelled(state) => state.handle(input, context),
            State::Running(state) => state.handle(input, context),
            State::AwaitingVerdict(state) => state.handle(input, context),
            State::Up(state) => state.handle(input, context),
            State::Stopping(state) => state.handle(input, context),
            State::ReapingGroup(state) => state.handle(input, context),
            State::AwaitingArbiter(state) => state.handle(input, context),
            State::Backoff(state) => state.handle(input, context),
            State::AwaitingSuccessor(state) => state.handle(input, context),
            State::Done => State::Done,
        }
    }

    /// When [`State::due`] is to be called, if nothing happens before.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match self {
            State::Running(state) => Some(state.ready_by),
            State::AwaitingVerdict(state) => state.deadline(),
            State::Stopping(state) => state.deadline(),
            State::ReapingGroup(state) => state.deadline(),
            State::AwaitingArbiter(state) => Some(state.until),
            State::Backoff(state) => Some(state.until),
            State::Connecting(_)
            | State::Starting(_)
            | State::Cancelled(_)
            | State::Up(_)
            | State::AwaitingSuccessor(_)
            | State::Done => None,
        }
    }

    /// The deadline has passed.
    pub(super) fn due(self, context: &mut Context) -> State {
        match self {
            State::Running(state) => state.due(context),
            State::AwaitingVerdict(state) => state.due(context),
            State::Stopping(state) => state.due(context),
            State::ReapingGroup(state) => state.due(context),
            State::AwaitingArbiter(state) => state.due(context),
            State::Backoff(state) => state.due(context),
            State::Connecting(_)
            | State::Starting(_)
            | State::Cancelled(_)
            | State::Up(_)
            | State::AwaitingSuccessor(_)
            | State::Done => self,
        }
    }
}
