//! The server has ended; processes that it left in its group get TERM, then KILL.
//! A restart and the exit of the supervisor both wait for the last of them.

use std::time::Duration;

use serverswap::protocol::message::Form;

use super::hear::Heard;
use super::settling::Settling;
use super::state::{Cause, Ended, Input, State, Why};
use super::world::World;
use super::{GroupSignal, Leftovers};
use crate::ui::{Reached, Report};

/// Something of the group is still alive.
#[derive(Debug, Clone)]
pub(super) struct Sweeping {
    ended: Ended,
    stage: Stage,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    Terminating { kill_at: Duration },
    Killed,
}

impl Sweeping {
    pub(super) fn enter(ended: Ended, leftovers: Leftovers, world: &mut World) -> State {
        let pid = ended.server.pid;
        world.report(Report::ServerExited { pid, exit: ended.exit, after: world.since_spawn() });
        match leftovers {
            Leftovers::None => Settling::enter(ended, world),
            Leftovers::Alive => {
                world.signal(GroupSignal::Term);
                world.report(Report::LeftoversTerminated { pid });
                let kill_at = world.now + world.plan.kill_timeout;
                State::Sweeping(Sweeping { ended, stage: Stage::Terminating { kill_at } })
            }
        }
    }

    pub(super) fn on(self, input: Input, world: &mut World) -> State {
        match input {
            Input::LeftoversGone => Settling::enter(self.ended, world),
            Input::Asked(asked) => {
                let mut state = self;
                match world.plan.form {
                    Form::Stay => state.ended.cause = Cause::Stop(asked),
                    Form::Leave => {}
                }
                state.due(world)
            }
            Input::Heard(heard) => {
                State::Sweeping(Sweeping { ended: hear_late(self.ended, heard, world), ..self })
            }
            Input::Linked
            | Input::Verdict(_)
            | Input::BarrierPassed
            | Input::Spawned { .. }
            | Input::SpawnFailed(_)
            | Input::Exited { .. } => State::Sweeping(self),
        }
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        match self.stage {
            Stage::Terminating { kill_at } => Some(kill_at),
            Stage::Killed => None,
        }
    }

    pub(super) fn due(self, world: &mut World) -> State {
        world.signal(GroupSignal::Kill);
        world.report(Report::Killed { pid: self.ended.server.pid });
        State::Sweeping(Sweeping { stage: Stage::Killed, ..self })
    }
}

/// What the arbiter told after the server had ended, but read before that.
pub(super) fn hear_late(ended: Ended, heard: Heard, world: &mut World) -> Ended {
    match heard {
        Heard::Up | Heard::Done => world.reach(Reached::Up),
        Heard::SaidFail(reason) if ended.cause == Cause::Itself => {
            world.report(Report::SaidFail { pid: ended.server.pid, reason: reason.clone() });
            return Ended { cause: Cause::Refused(Why::SaidFail(reason)), ..ended };
        }
        Heard::SaidFail(_) | Heard::News | Heard::OwnDrain(_) => {}
    }
    ended
}
