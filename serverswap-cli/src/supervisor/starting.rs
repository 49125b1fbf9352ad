//! The server is being started.

use serverswap::protocol::message::Form;

use super::event::Asked;
use super::judge;
use super::plan::Restart;
use super::running::Running;
use super::state::{Cause, Input, Server, State, Why};
use super::stopping::Stopping;
use super::world::World;
use super::{Action, waiting::Delayed};
use crate::spawn::SpawnFailure;
use crate::ui::{Ending, Report};

/// [`Action::Spawn`] was asked for.
#[derive(Debug, Clone)]
pub(super) struct Starting {}

/// The same, and a signal came meanwhile: the server is ended as soon as it runs.
#[derive(Debug, Clone)]
pub(super) struct Cancelled {
    asked: Asked,
}

impl Starting {
    pub(super) fn enter(world: &mut World) -> State {
        world.out.push(Action::Spawn);
        State::Starting(Starting {})
    }

    pub(super) fn on(self, input: Input, world: &mut World) -> State {
        match input {
            Input::Spawned { pid } => Running::enter(spawned(pid, world), world),
            Input::SpawnFailed(failure) => not_started(failure, world),
            Input::Asked(asked) => State::Cancelled(Cancelled { asked }),
            Input::Linked
            | Input::Heard(_)
            | Input::Verdict(_)
            | Input::BarrierPassed
            | Input::Exited { .. }
            | Input::LeftoversGone => State::Starting(self),
        }
    }
}

impl Cancelled {
    pub(super) fn on(self, input: Input, world: &mut World) -> State {
        match input {
            Input::Spawned { pid } => {
                Stopping::terminate(spawned(pid, world), cause(self.asked, world), world)
            }
            Input::SpawnFailed(_) => judge::asked(self.asked, world),
            Input::Linked
            | Input::Heard(_)
            | Input::Verdict(_)
            | Input::BarrierPassed
            | Input::Exited { .. }
            | Input::LeftoversGone
            | Input::Asked(_) => State::Cancelled(self),
        }
    }
}

/// Why a server ends when the supervisor is asked to stop.
pub(super) fn cause(asked: Asked, world: &World) -> Cause {
    match world.plan.form {
        Form::Stay => Cause::Stop(asked),
        Form::Leave => Cause::Refused(Why::Interrupted(asked)),
    }
}

fn spawned(pid: u32, world: &mut World) -> Server {
    world.pid = Some(pid);
    world.spawned_at = world.now;
    world.addresses.forget_claims();
    let restarts = world.starts;
    world.starts += 1;
    world.report(Report::Started { command: world.plan.command.clone(), pid, restarts });
    Server { pid }
}

/// A first start that fails is the end; a later one is tried again, for a file that is
/// being replaced may be back in a moment.
fn not_started(failure: SpawnFailure, world: &mut World) -> State {
    let again = !world.addresses.mine().is_empty()
        && world.plan.form == Form::Stay
        && world.plan.restart != Restart::Never;
    if again {
        world.report(Report::NotStarted { failure });
        return Delayed::enter(std::time::Duration::ZERO, world);
    }
    judge::over(Ending::NotStarted(failure), world)
}
