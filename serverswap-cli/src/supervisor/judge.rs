//! What the end of a server means: another start, waiting, or the end of the generation.
//!
//! | what is left | the server | next |
//! | --- | --- | --- |
//! | asked to stop | | over |
//! | nothing of mine | replaced, or whatever ended it | over |
//! | mine, and a newer generation asked for it | vacant again | start |
//! | | otherwise | waiting (rule 5), whatever `--restart` says |
//! | mine, nobody asked | stays, and `--restart` wants it | delayed |
//! | | otherwise | over |

use serverswap::protocol::message::Form;

use super::event::Asked;
use super::plan::Restart;
use super::state::{Cause, Ended, State, Why};
use super::waiting::{self, Delayed, Waiting};
use super::world::World;
use crate::ui::{Ending, Reached};

/// The next state after a server has ended and everything about it was heard.
pub(super) fn next(ended: Ended, world: &mut World) -> State {
    match ended.cause {
        Cause::Stop(asked) | Cause::Refused(Why::Interrupted(asked)) => self::asked(asked, world),
        Cause::Itself | Cause::Refused(Why::NotUp | Why::Superseded | Why::SaidFail(_)) => {
            not_asked(ended, world)
        }
    }
}

/// The end when nothing runs any more and the supervisor was asked to stop.
pub(super) fn asked(asked: Asked, world: &mut World) -> State {
    let ending = match world.plan.form {
        Form::Stay => Ending::Stopped(asked),
        Form::Leave => Ending::Interrupted(asked),
    };
    over(ending, world)
}

/// Nothing more will follow.
pub(super) fn over(ending: Ending, world: &mut World) -> State {
    world.exit(ending);
    State::Over
}

fn not_asked(ended: Ended, world: &mut World) -> State {
    if world.addresses.mine().is_empty() {
        let ending =
            if world.addresses.is_any_replaced() { Ending::Replaced } else { by_itself(ended, world) };
        return over(ending, world);
    }
    if world.addresses.is_handed() {
        return handed(world);
    }
    match world.plan.form {
        Form::Stay if is_restarted(&ended, world) => Delayed::enter(ended.up_for, world),
        Form::Stay | Form::Leave => over(by_itself(ended, world), world),
    }
}

fn handed(world: &mut World) -> State {
    if world.addresses.vacant().is_empty() { Waiting::enter(world) } else { waiting::resume(world) }
}

fn is_restarted(ended: &Ended, world: &World) -> bool {
    let failed = !ended.exit.is_success() || ended.cause != Cause::Itself;
    match world.plan.restart {
        Restart::Never => false,
        Restart::OnFailure => failed,
        Restart::Always => true,
    }
}

fn by_itself(ended: Ended, world: &World) -> Ending {
    match ended.cause {
        Cause::Refused(Why::SaidFail(reason)) => Ending::SaidFail(reason),
        Cause::Refused(Why::NotUp) => Ending::NotUp,
        Cause::Refused(Why::Superseded | Why::Interrupted(_)) | Cause::Itself | Cause::Stop(_) => {
            exited(&ended, world)
        }
    }
}

fn exited(ended: &Ended, world: &World) -> Ending {
    let may_end = world.plan.form == Form::Stay && world.reached == Reached::Up;
    if world.addresses.is_all_lost() {
        Ending::Superseded
    } else if ended.exit.is_success() && may_end {
        Ending::Ended
    } else {
        Ending::Exited(ended.exit)
    }
}
