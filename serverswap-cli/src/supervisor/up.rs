//! The server is up; or it is not, and kept because it serves something (rule 7).

use std::time::Duration;

use serverswap::protocol::message::Form;

use super::asking::Asking;
use super::event::Asked;
use super::hear::Heard;
use super::judge;
use super::state::{Cause, Ended, Input, Server, State, Why};
use super::stopping::Stopping;
use super::sweeping::Sweeping;
use super::world::World;
use crate::ui::{Ending, Reached, Report};

/// The server goes on; nothing here has a deadline.
#[derive(Debug, Clone)]
pub(super) struct Up {
    server: Server,
    since: Duration,
    flaw: Flaw,
}

/// What is wrong with a server that goes on all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Nothing.
    None,
    /// It was not up in time.
    Late,
    /// It said `fail`.
    SaidFail(String),
}

impl Up {
    pub(super) fn enter(server: Server, world: &mut World) -> State {
        world.reach(Reached::Up);
        let after = world.since_spawn();
        match world.plan.form {
            Form::Stay => world.report(Report::Up { after }),
            Form::Leave => {}
        }
        State::Up(Up { server, since: world.now, flaw: Flaw::None })
    }

    /// The arbiter said that it may not be ended.
    pub(super) fn kept(server: Server, flaw: Flaw, world: &mut World) -> State {
        Up { server, since: world.now, flaw }.leave_if_nothing_is_left(world)
    }

    /// It was never up as a whole, and finishes what it served.
    pub(super) fn draining(server: Server, world: &mut World) -> State {
        State::Up(Up { server, since: world.now, flaw: Flaw::None })
    }

    pub(super) fn on(self, input: Input, world: &mut World) -> State {
        match input {
            Input::Heard(heard) => self.heard(heard, world),
            Input::Exited { exit, leftovers } => {
                let up_for = world.now.saturating_sub(self.since);
                let cause = match self.flaw {
                    Flaw::SaidFail(reason) => Cause::Refused(Why::SaidFail(reason)),
                    Flaw::None | Flaw::Late => Cause::Itself,
                };
                Sweeping::enter(Ended { server: self.server, exit, cause, up_for }, leftovers, world)
            }
            Input::Asked(asked) => self.asked(asked, world),
            Input::Linked
            | Input::Verdict(_)
            | Input::BarrierPassed
            | Input::Spawned { .. }
            | Input::SpawnFailed(_)
            | Input::LeftoversGone => State::Up(self),
        }
    }

    fn heard(self, heard: Heard, world: &mut World) -> State {
        match heard {
            Heard::Up => self.up_after_all(world),
            Heard::Done => self.done(world),
            Heard::SaidFail(reason) => {
                world.report(Report::SaidFail { pid: self.server.pid, reason: reason.clone() });
                Asking::enter(self.server, Why::SaidFail(reason), world)
            }
            Heard::News if world.addresses.is_superseded() => {
                Asking::enter(self.server, Why::Superseded, world)
            }
            Heard::News => self.leave_if_nothing_is_left(world),
            Heard::OwnDrain(_) => State::Up(self),
        }
    }

    fn up_after_all(self, world: &mut World) -> State {
        match self.flaw {
            Flaw::Late => Up::enter(self.server, world),
            Flaw::None | Flaw::SaidFail(_) => {
                world.reach(Reached::Up);
                State::Up(self)
            }
        }
    }

    fn done(self, world: &mut World) -> State {
        match world.plan.form {
            Form::Stay => State::Up(self),
            Form::Leave => {
                world.reach(Reached::Up);
                let ending = match self.flaw {
                    Flaw::SaidFail(reason) => Ending::SaidFail(reason),
                    Flaw::None | Flaw::Late if world.addresses.is_any_failed() => Ending::DoneInPart,
                    Flaw::None | Flaw::Late => Ending::Done,
                };
                judge::over(ending, world)
            }
        }
    }

    /// A deploy that went wrong does not wait for an `up` that may never come: it ends as
    /// soon as no older server is known to drain.
    fn leave_if_nothing_is_left(self, world: &mut World) -> State {
        match (world.plan.form, self.flaw.clone()) {
            (Form::Leave, Flaw::Late) if world.older.is_empty() => judge::over(Ending::NotUpKept, world),
            (Form::Leave, Flaw::SaidFail(reason)) if world.older.is_empty() => {
                judge::over(Ending::SaidFail(reason), world)
            }
            (Form::Leave | Form::Stay, Flaw::None | Flaw::Late | Flaw::SaidFail(_)) => State::Up(self),
        }
    }

    fn asked(self, asked: Asked, world: &mut World) -> State {
        match world.plan.form {
            Form::Stay => Stopping::stop(self.server, asked, world),
            Form::Leave => {
                let ending = match world.reached {
                    Reached::Up => Ending::Left(asked),
                    Reached::Nothing | Reached::Serving => Ending::LeftServing(asked),
                };
                judge::over(ending, world)
            }
        }
    }
}
