//! The server has ended; processes that it left in its group get TERM, then KILL. Neither a
//! restart nor the exit of the supervisor comes before the end of the last of them.

use std::time::Duration;

use serverswap::protocol::message::Form;

use super::awaiting_arbiter::AwaitingArbiter;
use super::context::Context;
use super::event::StopSignal;
use super::state::{Cause, EndReason, Input, Phase, ServerEnd, State};
use super::{GroupSignal, Leftovers};
use crate::ui::Report;

/// Something of the group is still alive.
#[derive(Debug, Clone)]
pub(super) struct ReapingGroup {
    end: ServerEnd,
    stage: Stage,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    Terminating { kill_at: Duration },
    Killed,
}

impl ReapingGroup {
    pub(super) fn enter(end: ServerEnd, leftovers: Leftovers, context: &mut Context) -> State {
        let pid = end.server.pid;
        context.report(Report::ServerExited { pid, exit: end.exit, after: context.since_spawn() });
        match leftovers {
            Leftovers::None => AwaitingArbiter::enter(end, context),
            Leftovers::Alive => {
                context.signal(end.server, GroupSignal::Term);
                context.report(Report::LeftoversTerminated { pid });
                let kill_at = context.now + context.plan.kill_timeout;
                ReapingGroup { end, stage: Stage::Terminating { kill_at } }.into()
            }
        }
    }

    fn on_signal(self, signal: StopSignal, context: &mut Context) -> State {
        let cause = match context.plan.form {
            Form::Stay => Cause::EndedFor(EndReason::Signal(signal)),
            Form::Leave => self.end.cause,
        };
        ReapingGroup { end: ServerEnd { cause, ..self.end }, ..self }.kill(context)
    }

    fn kill(self, context: &mut Context) -> State {
        context.signal(self.end.server, GroupSignal::Kill);
        context.report(Report::Killed { pid: self.end.server.pid });
        ReapingGroup { stage: Stage::Killed, ..self }.into()
    }
}

impl Phase for ReapingGroup {
    fn handle(self, input: Input, context: &mut Context) -> State {
        match input {
            Input::LeftoversGone => AwaitingArbiter::enter(self.end, context),
            Input::StopSignal(signal) => self.on_signal(signal, context),
            Input::Due => self.kill(context),
            Input::Notice(notice) => {
                ReapingGroup { end: self.end.with_late_notice(notice, context), ..self }.into()
            }
            Input::Linked
            | Input::NotResponding
            | Input::Verdict(_)
            | Input::BarrierPassed
            | Input::Spawned(_)
            | Input::SpawnFailed(_)
            | Input::Exited { .. } => self.into(),
        }
    }

    fn deadline(&self) -> Option<Duration> {
        match self.stage {
            Stage::Terminating { kill_at } => Some(kill_at),
            Stage::Killed => None,
        }
    }
}
