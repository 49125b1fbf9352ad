//! The states of a generation, what goes into them, and which deadline each has.
//!
//! ```text
//! starting ──► running ──► up ─────────┐
//!    ▲  │         │ └─► asking ◄───────┤      asking the arbiter whether the server,
//!    │  │         ▼        ▼           ▼      that is late or lost, may be ended
//!    │  └► cancelled ─► stopping ─► sweeping ─► settling ─► over
//!    │                                             │
//!    └───────── delayed, waiting (rule 5) ◄────────┘
//! ```

use std::time::Duration;

use serverswap::protocol::message::DecidedVerdict;

use super::asking::Asking;
use super::event::{Asked, Leftovers, ServerExit};
use super::hear::Heard;
use super::running::Running;
use super::settling::Settling;
use super::starting::{Cancelled, Starting};
use super::stopping::Stopping;
use super::sweeping::Sweeping;
use super::up::Up;
use super::waiting::{Delayed, Waiting};
use super::world::World;
use crate::spawn::SpawnFailure;

/// Where a generation is. Each state has exactly the data that is valid in it.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// The server is being started.
    Starting(Starting),
    /// The same, and the supervisor was asked to stop meanwhile.
    Cancelled(Cancelled),
    /// The server runs and is not up yet.
    Running(Running),
    /// The arbiter is asked whether the server may be ended.
    Asking(Asking),
    /// The server is up, or kept although it is not.
    Up(Up),
    /// The server is being ended.
    Stopping(Stopping),
    /// The server has ended; what it left behind is being ended.
    Sweeping(Sweeping),
    /// All of it has ended; the arbiter's word on its addresses is awaited.
    Settling(Settling),
    /// The server is started again after a delay.
    Delayed(Delayed),
    /// The server was handed over; a newer generation does not serve yet.
    Waiting(Waiting),
    /// The outcome was told.
    Over,
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
    Heard(Heard),
    Verdict(DecidedVerdict),
    BarrierPassed,
    Spawned { pid: u32 },
    SpawnFailed(SpawnFailure),
    Exited { exit: ServerExit, leftovers: Leftovers },
    LeftoversGone,
    Asked(Asked),
}

/// Why a server is ended, if not because the supervisor is to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// It is not up in time.
    NotUp,
    /// Every claim of it lost.
    Superseded,
    /// It said `fail`.
    SaidFail(String),
    /// The supervisor, which would leave, was asked to stop before it was up.
    Interrupted(Asked),
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
    Refused(Why),
    /// The supervisor was asked to stop.
    Stop(Asked),
}

impl State {
    pub(super) fn on(self, input: Input, world: &mut World) -> State {
        match self {
            State::Starting(state) => state.on(input, world),
            State::Cancelled(state) => state.on(input, world),
            State::Running(state) => state.on(input, world),
            State::Asking(state) => state.on(input, world),
            State::Up(state) => state.on(input, world),
            State::Stopping(state) => state.on(input, world),
            State::Sweeping(state) => state.on(input, world),
            State::Settling(state) => state.on(input, world),
            State::Delayed(state) => state.on(input, world),
            State::Waiting(state) => state.on(input, world),
            State::Over => State::Over,
        }
    }

    /// When [`State::due`] is to be called, if nothing happens before.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match self {
            State::Running(state) => Some(state.ready_by),
            State::Asking(state) => state.deadline(),
            State::Stopping(state) => state.deadline(),
            State::Sweeping(state) => state.deadline(),
            State::Settling(state) => Some(state.until),
            State::Delayed(state) => Some(state.until),
            State::Starting(_) | State::Cancelled(_) | State::Up(_) | State::Waiting(_) | State::Over => None,
        }
    }

    /// The deadline has passed.
    pub(super) fn due(self, world: &mut World) -> State {
        match self {
            State::Running(state) => state.due(world),
            State::Asking(state) => state.due(world),
            State::Stopping(state) => state.due(world),
            State::Sweeping(state) => state.due(world),
            State::Settling(state) => state.due(world),
            State::Delayed(state) => state.due(world),
            State::Starting(_) | State::Cancelled(_) | State::Up(_) | State::Waiting(_) | State::Over => self,
        }
    }
}
