//! No server runs, but the generation is not over: it starts one again after a delay, or
//! waits until a newer generation serves what it gave up (rule 5).

use std::time::Duration;

use super::event::Asked;
use super::judge;
use super::starting::Starting;
use super::state::{Input, State};
use super::world::World;
use crate::ui::{Ending, Report};

/// The backoff runs. Connections wait in the backlog: we keep the listener meanwhile.
#[derive(Debug, Clone)]
pub(super) struct Delayed {
    pub(super) until: Duration,
}

/// A newer generation has asked for everything and does not serve it yet.
#[derive(Debug, Clone)]
pub(super) struct Waiting {}

impl Delayed {
    /// After a server that was up for `up_for`.
    pub(super) fn enter(up_for: Duration, world: &mut World) -> State {
        let delay = world.backoff.next(up_for);
        world.report(Report::RestartIn { delay });
        State::Delayed(Delayed { until: world.now + delay })
    }

    pub(super) fn on(self, input: Input, world: &mut World) -> State {
        match input {
            Input::Heard(_) if world.addresses.mine().is_empty() => judge::over(Ending::Replaced, world),
            Input::Asked(asked) => stop(asked, world),
            Input::Heard(_)
            | Input::Linked
            | Input::Verdict(_)
            | Input::BarrierPassed
            | Input::Spawned { .. }
            | Input::SpawnFailed(_)
            | Input::Exited { .. }
            | Input::LeftoversGone => State::Delayed(self),
        }
    }

    pub(super) fn due(self, world: &mut World) -> State {
        if world.addresses.is_all_busy() {
            return Waiting::enter(world);
        }
        Starting::enter(world)
    }
}

impl Waiting {
    pub(super) fn enter(world: &mut World) -> State {
        world.report(Report::Waiting { addresses: world.addresses.mine() });
        State::Waiting(Waiting {})
    }

    pub(super) fn on(self, input: Input, world: &mut World) -> State {
        match input {
            Input::Heard(_) if world.addresses.mine().is_empty() => judge::over(Ending::Replaced, world),
            Input::Heard(_) if !world.addresses.vacant().is_empty() => resume(world),
            Input::Asked(asked) => stop(asked, world),
            Input::Heard(_)
            | Input::Linked
            | Input::Verdict(_)
            | Input::BarrierPassed
            | Input::Spawned { .. }
            | Input::SpawnFailed(_)
            | Input::Exited { .. }
            | Input::LeftoversGone => State::Waiting(self),
        }
    }
}

/// The newer generation failed: what was given up is taken back.
pub(super) fn resume(world: &mut World) -> State {
    world.report(Report::Resuming { addresses: world.addresses.vacant() });
    Starting::enter(world)
}

fn stop(asked: Asked, world: &mut World) -> State {
    judge::asked(asked, world)
}
