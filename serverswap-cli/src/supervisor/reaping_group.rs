//! The server has ended; the other processes of its generation get TERM, then KILL. Neither a
//! restart nor the exit of the supervisor comes before the end of the last of them.

use std::time::Duration;

use serverswap::protocol::message::Form;

use super::awaiting_arbiter::AwaitingArbiter;
use super::context::Context;
use super::input::StopSignal;
use super::life_cycle::{Cause, EndReason, LifeCycle, Phase, PhaseInput, ServerEnd};
use super::{GenerationSignal, Leftovers};
use crate::ui::{Report, WaitingFor};

/// Something of the generation is still alive.
#[derive(Debug, Clone)]
pub(super) struct ReapingGroup {
    end: ServerEnd,
    stage: ReapStage,
}

#[derive(Debug, Clone, Copy)]
enum ReapStage {
    /// TERM is being sent.
    SendingTerm,
    /// TERM was sent.
    Terminating { kill_at: Duration },
    /// KILL is being sent, or was sent.
    Killed,
}

impl ReapingGroup {
    pub(super) fn enter(end: ServerEnd, leftovers: Leftovers, context: &mut Context) -> LifeCycle {
        let pid = end.server.pid;
        context.report(Report::ServerExited { pid, exit: end.exit, after: context.since_spawn() });
        match leftovers {
            Leftovers::None => AwaitingArbiter::enter(end, context),
            Leftovers::Alive => {
                context.signal(end.server, GenerationSignal::Term);
                context.report(Report::LeftoversTerminated { pid });
                ReapingGroup { end, stage: ReapStage::SendingTerm }.into()
            }
        }
    }

    fn on_signal(self, signal: StopSignal, context: &mut Context) -> LifeCycle {
        let cause = match context.plan.form {
            Form::Stay => Cause::EndedFor(EndReason::Signal(signal)),
            Form::Leave => self.end.cause,
        };
        ReapingGroup { end: ServerEnd { cause, ..self.end }, ..self }.kill(context)
    }

    fn on_signalled(self, context: &Context) -> LifeCycle {
        match self.stage {
            ReapStage::SendingTerm => {
                let kill_at = context.now + context.plan.kill_timeout;
                ReapingGroup { stage: ReapStage::Terminating { kill_at }, ..self }.into()
            }
            ReapStage::Terminating { .. } | ReapStage::Killed => self.into(),
        }
    }

    fn kill(self, context: &mut Context) -> LifeCycle {
        context.signal(self.end.server, GenerationSignal::Kill);
        context.report(Report::LeftoversKilled { pid: self.end.server.pid });
        ReapingGroup { stage: ReapStage::Killed, ..self }.into()
    }
}

impl Phase for ReapingGroup {
    fn handle(self, input: PhaseInput, context: &mut Context) -> LifeCycle {
        match input {
            PhaseInput::LeftoversGone => AwaitingArbiter::enter(self.end, context),
            PhaseInput::Signalled { .. } => self.on_signalled(context),
            PhaseInput::StopSignal(signal) => self.on_signal(signal, context),
            PhaseInput::Due => self.kill(context),
            PhaseInput::Notice(notice) => {
                ReapingGroup { end: self.end.with_late_notice(notice, context), ..self }.into()
            }
            PhaseInput::Linked
            | PhaseInput::NotResponding
            | PhaseInput::Verdict(_)
            | PhaseInput::BarrierPassed
            | PhaseInput::Spawned(_)
            | PhaseInput::SpawnFailed(_)
            | PhaseInput::Launched(_)
            | PhaseInput::Exited { .. } => self.into(),
        }
    }

    fn deadline(&self) -> Option<Duration> {
        match self.stage {
            ReapStage::Terminating { kill_at } => Some(kill_at),
            ReapStage::SendingTerm | ReapStage::Killed => None,
        }
    }

    fn waits_for(&self, context: &Context) -> Option<WaitingFor> {
        let remaining = match self.stage {
            ReapStage::Terminating { kill_at } => Some(context.until(kill_at)),
            ReapStage::SendingTerm | ReapStage::Killed => None,
        };
        Some(WaitingFor::Leftovers { pid: self.end.server.pid, remaining })
    }
}
