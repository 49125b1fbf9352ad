//! The server runs and is not up yet. Whatever goes wrong now touches nobody else.

use std::time::Duration;

use serverswap::protocol::message::Form;

use super::asking::Asking;
use super::event::Asked;
use super::hear::Heard;
use super::state::{Cause, Ended, Input, Server, State, Why};
use super::stopping::Stopping;
use super::sweeping::Sweeping;
use super::up::Up;
use super::world::World;
use crate::ui::Report;

/// How long a probation is waited for at least, before it is looked at again: the arbiter may
/// speak of one that this generation has not asked for.
const PROBATION_STEP_MIN: Duration = Duration::from_secs(1);

/// Not up yet.
#[derive(Debug, Clone)]
pub(super) struct Running {
    server: Server,
    /// The ready timeout's end.
    pub(super) ready_by: Duration,
}

impl Running {
    pub(super) fn enter(server: Server, world: &mut World) -> State {
        State::Running(Running { server, ready_by: world.now + world.plan.ready_timeout })
    }

    pub(super) fn on(self, input: Input, world: &mut World) -> State {
        match input {
            Input::Heard(heard) => self.heard(heard, world),
            Input::Exited { exit, leftovers } => {
                let cause = Cause::Itself;
                let ended = Ended { server: self.server, exit, cause, up_for: Duration::ZERO };
                Sweeping::enter(ended, leftovers, world)
            }
            Input::Asked(asked) => self.asked(asked, world),
            Input::Linked
            | Input::Verdict(_)
            | Input::BarrierPassed
            | Input::Spawned { .. }
            | Input::SpawnFailed(_)
            | Input::LeftoversGone => State::Running(self),
        }
    }

    /// A server that has let go of all that it had is not late: it drains, and the arbiter
    /// has its deadline.
    /// Nor is one on probation: whether it is up is known when that is over.
    pub(super) fn due(self, world: &mut World) -> State {
        if world.addresses.is_on_probation() {
            let wait = world.plan.probation.max(PROBATION_STEP_MIN);
            return State::Running(Running { ready_by: world.now + wait, ..self });
        }
        if world.addresses.is_only_draining() {
            return Up::draining(self.server, world);
        }
        world.report(Report::NotUp { pid: self.server.pid, after: world.plan.ready_timeout });
        Asking::enter(self.server, Why::NotUp, world)
    }

    fn heard(self, heard: Heard, world: &mut World) -> State {
        match heard {
            Heard::Up => Up::enter(self.server, world),
            Heard::Done => Up::enter(self.server, world).on(Input::Heard(Heard::Done), world),
            Heard::SaidFail(reason) => {
                world.report(Report::SaidFail { pid: self.server.pid, reason: reason.clone() });
                Asking::enter(self.server, Why::SaidFail(reason), world)
            }
            Heard::News if world.addresses.is_superseded() => {
                Asking::enter(self.server, Why::Superseded, world)
            }
            Heard::News | Heard::OwnDrain(_) => State::Running(self),
        }
    }

    fn asked(self, asked: Asked, world: &mut World) -> State {
        match world.plan.form {
            Form::Stay => Stopping::stop(self.server, asked, world),
            Form::Leave => Asking::enter(self.server, Why::Interrupted(asked), world),
        }
    }
}
