//! The server runs and is not up yet. Whatever goes wrong now touches nobody else.

use std::time::Duration;

use serverswap::protocol::message::Form;

use super::arbiter_events::Notice;
use super::awaiting_verdict::AwaitingVerdict;
use super::context::Context;
use super::event::StopSignal;
use super::reaping_group::ReapingGroup;
use super::state::{Cause, EndReason, Ended, Input, Server, State};
use super::stopping::Stopping;
use super::up::Up;
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
    pub(super) fn enter(server: Server, context: &mut Context) -> State {
        State::Running(Running { server, ready_by: context.now + context.plan.ready_timeout })
    }

    pub(super) fn handle(self, input: Input, context: &mut Context) -> State {
        match input {
            Input::Notice(notice) => self.notice(notice, context),
            Input::Exited { exit, leftovers } => {
                let cause = Cause::Itself;
                let ended = Ended { server: self.server, exit, cause, up_for: Duration::ZERO };
                ReapingGroup::enter(ended, leftovers, context)
            }
            Input::StopSignal(signal) => self.stop_signal(signal, context),
            Input::Linked
            | Input::Verdict(_)
            | Input::BarrierPassed
            | Input::NotResponding
            | Input::Spawned { .. }
            | Input::SpawnFailed(_)
            | Input::LeftoversGone => State::Running(self),
        }
    }

    /// A server that has let go of all that it had is not late: it drains, and the arbiter
    /// has its deadline.
    /// Nor is one on probation: whether it is up is known when that is over.
    pub(super) fn due(self, context: &mut Context) -> State {
        if context.addresses.is_on_probation() {
            let wait = context.plan.probation.max(PROBATION_STEP_MIN);
            return State::Running(Running { ready_by: context.now + wait, ..self });
        }
        if context.addresses.is_only_draining() {
            return Up::draining(self.server, context);
        }
        context.report(Report::NotUp { pid: self.server.pid, after: context.plan.ready_timeout });
        AwaitingVerdict::enter(self.server, EndReason::NotUp, context)
    }

    fn notice(self, notice: Notice, context: &mut Context) -> State {
        match notice {
            Notice::Up => Up::enter(self.server, context),
            Notice::Done => Up::enter(self.server, context).handle(Input::Notice(Notice::Done), context),
            Notice::SaidFail(reason) => {
                context.report(Report::SaidFail { pid: self.server.pid, reason: reason.clone() });
                AwaitingVerdict::enter(self.server, EndReason::SaidFail(reason), context)
            }
            Notice::News if context.addresses.is_superseded() => {
                AwaitingVerdict::enter(self.server, EndReason::Superseded, context)
            }
            Notice::News | Notice::OwnDrain(_) => State::Running(self),
        }
    }

    fn stop_signal(self, signal: StopSignal, context: &mut Context) -> State {
        match context.plan.form {
            Form::Stay => Stopping::stop(self.server, signal, context),
            Form::Leave => AwaitingVerdict::enter(self.server, EndReason::Interrupted(signal), context),
        }
    }
}
