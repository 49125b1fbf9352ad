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

use super::between_servers::{self, AwaitingSuccessor, Backoff};
use super::context::Context;
use super::event::StopSignal;
use super::plan::Restart;
use super::state::{Cause, EndReason, Ended, State};
use crate::ui::{Ending, Reached};

/// The next state after a server has ended and everything about it was heard.
pub(super) fn next(ended: Ended, context: &mut Context) -> State {
    match ended.cause {
        Cause::Stop(signal) | Cause::Refused(EndReason::Interrupted(signal)) => stopped(signal, context),
        Cause::Itself | Cause::Refused(EndReason::NotUp | EndReason::Superseded | EndReason::SaidFail(_)) => {
            not_asked(ended, context)
        }
    }
}

/// The end when nothing runs any more and the supervisor was asked to stop.
pub(super) fn stopped(signal: StopSignal, context: &mut Context) -> State {
    let ending = match context.plan.form {
        Form::Stay => Ending::Stopped(signal),
        Form::Leave => Ending::Interrupted(signal),
    };
    over(ending, context)
}

/// Nothing more will follow.
pub(super) fn over(ending: Ending, context: &mut Context) -> State {
    context.exit(ending);
    State::Done
}

fn not_asked(ended: Ended, context: &mut Context) -> State {
    if context.addresses.owned().is_empty() {
        let ending =
            if context.addresses.is_any_replaced() { Ending::Replaced } else { by_itself(ended, context) };
        return over(ending, context);
    }
    if context.addresses.is_handed() {
        return handed(context);
    }
    match context.plan.form {
        Form::Stay if is_restarted(&ended, context) => Backoff::enter(ended.up_for, context),
        Form::Stay | Form::Leave => over(by_itself(ended, context), context),
    }
}

fn handed(context: &mut Context) -> State {
    if context.addresses.vacant().is_empty() {
        AwaitingSuccessor::enter(context)
    } else {
        between_servers::resume(context)
    }
}

fn is_restarted(ended: &Ended, context: &Context) -> bool {
    let failed = !ended.exit.is_success() || ended.cause != Cause::Itself;
    match context.plan.restart {
        Restart::Never => false,
        Restart::OnFailure => failed,
        Restart::Always => true,
    }
}

fn by_itself(ended: Ended, context: &Context) -> Ending {
    match ended.cause {
        Cause::Refused(EndReason::SaidFail(reason)) => Ending::SaidFail(reason),
        Cause::Refused(EndReason::NotUp) => Ending::NotUp,
        Cause::Refused(EndReason::Superseded | EndReason::Interrupted(_))
        | Cause::Itself
        | Cause::Stop(_) => exited(&ended, context),
    }
}

fn exited(ended: &Ended, context: &Context) -> Ending {
    let may_end = context.plan.form == Form::Stay && context.reached == Reached::Up;
    if context.addresses.is_all_lost() {
        Ending::Superseded
    } else if ended.exit.is_success() && may_end {
        Ending::Ended
    } else {
        Ending::Exited(ended.exit)
    }
}
