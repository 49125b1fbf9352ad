//! The server has ended; processes that it left in its group get TERM, then KILL.
//! A restart and the exit of the supervisor both wait for the last of them.

use std::time::Duration;

use serverswap::protocol::message::Form;

use super::arbiter_events::Notice;
use super::awaiting_arbiter::AwaitingArbiter;
use super::context::Context;
use super::state::{Cause, EndReason, Ended, Input, State};
use super::{GroupSignal, Leftovers};
use crate::ui::{Reached, Report};

/// Something of the group is still alive.
#[derive(Debug, Clone)]
pub(super) struct ReapingGroup {
    ended: Ended,
    stage: Stage,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    Terminating { kill_at: Duration },
    Killed,
}

impl ReapingGroup {
    pub(super) fn enter(ended: Ended, leftovers: Leftovers, context: &mut Context) -> State {
        let server = ended.server;
        let pid = server.pid;
        context.report(Report::ServerExited { pid, exit: ended.exit, after: context.since_spawn() });
        match leftovers {
            Leftovers::None => AwaitingArbiter::enter(ended, context),
            Leftovers::Alive => {
                context.signal(server, GroupSignal::Term);
                context.report(Report::LeftoversTerminated { pid });
                let kill_at = context.now + context.plan.kill_timeout;
                State::ReapingGroup(ReapingGroup { ended, stage: Stage::Terminating { kill_at } })
            }
        }
    }

    pub(super) fn handle(self, input: Input, context: &mut Context) -> State {
        match input {
            Input::LeftoversGone => AwaitingArbiter::enter(self.ended, context),
            Input::StopSignal(signal) => {
                let mut state = self;
                match context.plan.form {
                    Form::Stay => state.ended.cause = Cause::Stop(signal),
                    Form::Leave => {}
                }
                state.due(context)
            }
            Input::Notice(notice) => {
                State::ReapingGroup(ReapingGroup { ended: late_notice(self.ended, notice, context), ..self })
            }
            Input::Linked
            | Input::Verdict(_)
            | Input::BarrierPassed
            | Input::NotResponding
            | Input::Spawned { .. }
            | Input::SpawnFailed(_)
            | Input::Exited { .. } => State::ReapingGroup(self),
        }
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        match self.stage {
            Stage::Terminating { kill_at } => Some(kill_at),
            Stage::Killed => None,
        }
    }

    pub(super) fn due(self, context: &mut Context) -> State {
        context.signal(self.ended.server, GroupSignal::Kill);
        context.report(Report::Killed { pid: self.ended.server.pid });
        State::ReapingGroup(ReapingGroup { stage: Stage::Killed, ..self })
    }
}

/// What the arbiter told after the server had ended, but read before that.
pub(super) fn late_notice(ended: Ended, notice: Notice, context: &mut Context) -> Ended {
    match notice {
        Notice::Up | Notice::Done => context.reach(Reached::Up),
        Notice::SaidFail(reason) if ended.cause == Cause::Itself => {
            context.report(Report::SaidFail { pid: ended.server.pid, reason: reason.clone() });
            return Ended { cause: Cause::Refused(EndReason::SaidFail(reason)), ..ended };
        }
        Notice::SaidFail(_) | Notice::News | Notice::OwnDrain(_) => {}
    }
    ended
}
