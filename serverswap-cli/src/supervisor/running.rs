//! The server runs and is not up yet. Whatever goes wrong now touches no other server.

use std::time::Duration;

use serverswap::protocol::message::Form;

use super::arbiter_events::ArbiterNotice;
use super::awaiting_verdict::AwaitingVerdict;
use super::context::Context;
use super::input::StopSignal;
use super::life_cycle::{
    Cause, ChildServer, EndReason, LaunchNotice, LifeCycle, Phase, PhaseInput, ServerEnd,
};
use super::not_executed::NotExecuted;
use super::reaping_group::ReapingGroup;
use super::stopping::Stopping;
use super::up::Up;
use crate::ui::{Report, WaitingFor};

/// The shortest wait before a server on probation is looked at again: the arbiter may report a
/// probation that this generation has not requested.
const PROBATION_STEP_MIN: Duration = Duration::from_secs(1);

/// Not up yet.
#[derive(Debug, Clone)]
pub(super) struct Running {
    server: ChildServer,
    /// The ready timeout's end.
    ready_by: Duration,
}

impl Running {
    pub(super) fn enter(server: ChildServer, context: &mut Context) -> LifeCycle {
        Running { server, ready_by: context.now + context.plan.ready_timeout }.into()
    }

    fn on_notice(self, notice: ArbiterNotice, context: &mut Context) -> LifeCycle {
        match notice {
            ArbiterNotice::Up => Up::enter(self.server, context),
            ArbiterNotice::Done => {
                Up::enter(self.server, context).handle(PhaseInput::Notice(ArbiterNotice::Done), context)
            }
            ArbiterNotice::SaidFail(reason) => {
                context.report(Report::SaidFail { pid: self.server.pid, reason: reason.clone() });
                AwaitingVerdict::enter(self.server, EndReason::SaidFail(reason), context)
            }
            ArbiterNotice::Changed if context.addresses.is_superseded() => {
                AwaitingVerdict::enter(self.server, EndReason::Superseded, context)
            }
            ArbiterNotice::Changed | ArbiterNotice::DrainsUntil(_) => self.into(),
        }
    }

    fn on_launch(self, notice: LaunchNotice, context: &mut Context) -> LifeCycle {
        match notice {
            LaunchNotice::NotExecuted(failure) => NotExecuted { failure }.into(),
            LaunchNotice::NotReady(reason) => {
                context.not_ready = Some(reason);
                AwaitingVerdict::enter(self.server, EndReason::NotUp, context)
            }
            LaunchNotice::NeedsTime(time) => {
                Running { ready_by: self.ready_by.max(context.now + time), ..self }.into()
            }
        }
    }

    fn on_signal(self, signal: StopSignal, context: &mut Context) -> LifeCycle {
        match context.plan.form {
            Form::Stay => Stopping::stop(self.server, signal, context),
            Form::Leave => AwaitingVerdict::enter(self.server, EndReason::Signal(signal), context),
        }
    }

    /// A server on probation is not late: whether it is up is known when the probation is over. Nor
    /// is one that has released all that it had: it drains, and the arbiter has its deadline.
    fn on_ready_timeout(self, context: &mut Context) -> LifeCycle {
        if context.addresses.is_on_probation() {
            let wait = context.plan.probation.max(PROBATION_STEP_MIN);
            return Running { ready_by: context.now + wait, ..self }.into();
        }
        if context.addresses.is_only_draining() {
            return Up::draining(self.server, context);
        }
        context.report(Report::NotUp { pid: self.server.pid, after: context.plan.ready_timeout });
        AwaitingVerdict::enter(self.server, EndReason::NotUp, context)
    }
}

impl Phase for Running {
    fn handle(self, input: PhaseInput, context: &mut Context) -> LifeCycle {
        match input {
            PhaseInput::Notice(notice) => self.on_notice(notice, context),
            PhaseInput::Exited { exit, leftovers } => {
                let (cause, up_for) = (Cause::Itself, Duration::ZERO);
                ReapingGroup::enter(
                    ServerEnd { server: self.server, exit, cause, up_for },
                    leftovers,
                    context,
                )
            }
            PhaseInput::Launched(notice) => self.on_launch(notice, context),
            PhaseInput::StopSignal(signal) => self.on_signal(signal, context),
            PhaseInput::Due => self.on_ready_timeout(context),
            PhaseInput::Linked
            | PhaseInput::NotResponding
            | PhaseInput::Verdict(_)
            | PhaseInput::BarrierPassed
            | PhaseInput::Spawned(_)
            | PhaseInput::SpawnFailed(_)
            | PhaseInput::LeftoversGone
            | PhaseInput::Signalled { .. } => self.into(),
        }
    }

    fn deadline(&self) -> Option<Duration> {
        Some(self.ready_by)
    }

    fn waits_for(&self, context: &Context) -> Option<WaitingFor> {
        Some(context.waits_for_own(self.server, self.ready_by))
    }
}
