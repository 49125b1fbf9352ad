//! The server is up; or it is not, and goes on because it serves something (S2).

use std::time::Duration;

use serverswap::protocol::message::Form;

use super::arbiter_events::ArbiterNotice;
use super::awaiting_verdict::AwaitingVerdict;
use super::context::Context;
use super::exit_policy;
use super::input::StopSignal;
use super::life_cycle::{Cause, ChildServer, EndReason, LifeCycle, Phase, PhaseInput, ServerEnd};
use super::reaping_group::ReapingGroup;
use super::stopping::Stopping;
use crate::ui::{Reached, Report, RunEnding, WaitingFor};

/// The server goes on; nothing here has a deadline.
#[derive(Debug, Clone)]
pub(super) struct Up {
    server: ChildServer,
    since: Duration,
    degraded: Degraded,
}

/// What is wrong with a server that goes on all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Degraded {
    /// Nothing.
    No,
    /// It was not up in time.
    Late,
    /// It sent `fail`.
    SaidFail(String),
}

impl Up {
    pub(super) fn enter(server: ChildServer, context: &mut Context) -> LifeCycle {
        context.reach(Reached::Up);
        let after = context.since_spawn();
        match context.plan.form {
            Form::Stay => context.report(Report::Up { after }),
            Form::Leave => {}
        }
        Up { server, since: context.now, degraded: Degraded::No }.into()
    }

    /// The arbiter has decided that it is not to be ended.
    pub(super) fn kept(server: ChildServer, degraded: Degraded, context: &mut Context) -> LifeCycle {
        Up { server, since: context.now, degraded }.leave_if_nothing_is_left(context)
    }

    /// It was never up as a whole, and finishes what it served.
    pub(super) fn draining(server: ChildServer, context: &mut Context) -> LifeCycle {
        Up { server, since: context.now, degraded: Degraded::No }.into()
    }

    fn on_notice(self, notice: ArbiterNotice, context: &mut Context) -> LifeCycle {
        match notice {
            ArbiterNotice::Up => self.up_after_all(context),
            ArbiterNotice::Done => self.done(context),
            ArbiterNotice::SaidFail(reason) => {
                context.report(Report::SaidFail { pid: self.server.pid, reason: reason.clone() });
                AwaitingVerdict::enter(self.server, EndReason::SaidFail(reason), context)
            }
            ArbiterNotice::Changed if context.addresses.is_superseded() => {
                AwaitingVerdict::enter(self.server, EndReason::Superseded, context)
            }
            ArbiterNotice::Changed => self.leave_if_nothing_is_left(context),
            ArbiterNotice::DrainsUntil(_) => self.into(),
        }
    }

    fn up_after_all(self, context: &mut Context) -> LifeCycle {
        match self.degraded {
            Degraded::Late => Up::enter(self.server, context),
            Degraded::No | Degraded::SaidFail(_) => {
                context.reach(Reached::Up);
                self.into()
            }
        }
    }

    fn done(self, context: &mut Context) -> LifeCycle {
        context.reach(Reached::Up);
        let ending = match self.degraded.clone() {
            Degraded::SaidFail(reason) => RunEnding::SaidFail(reason),
            Degraded::No | Degraded::Late if context.addresses.is_any_failed() => RunEnding::DoneInPart,
            Degraded::No | Degraded::Late => RunEnding::Done,
        };
        self.deployed(ending, context)
    }

    /// Only a command that leaves ends with its deploy.
    fn deployed(self, ending: RunEnding, context: &mut Context) -> LifeCycle {
        match context.plan.form {
            Form::Stay => {
                context.deployed(ending);
                self.into()
            }
            Form::Leave => exit_policy::done(ending, context),
        }
    }

    /// A deploy that went wrong does not wait for an `up` that may never come: it ends as
    /// soon as no older server is known to drain.
    fn leave_if_nothing_is_left(self, context: &mut Context) -> LifeCycle {
        match self.degraded.clone() {
            Degraded::Late if context.predecessors.none_drains() => {
                self.deployed(RunEnding::NotUpKept, context)
            }
            Degraded::SaidFail(reason) if context.predecessors.none_drains() => {
                self.deployed(RunEnding::SaidFail(reason), context)
            }
            Degraded::No | Degraded::Late | Degraded::SaidFail(_) => self.into(),
        }
    }

    fn on_signal(self, signal: StopSignal, context: &mut Context) -> LifeCycle {
        match context.plan.form {
            Form::Stay => Stopping::stop(self.server, signal, context),
            Form::Leave => exit_policy::leave(signal, context),
        }
    }
}

impl Phase for Up {
    fn handle(self, input: PhaseInput, context: &mut Context) -> LifeCycle {
        match input {
            PhaseInput::Notice(notice) => self.on_notice(notice, context),
            PhaseInput::Exited { exit, leftovers } => {
                let up_for = context.now.saturating_sub(self.since);
                let cause = match self.degraded {
                    Degraded::SaidFail(reason) => Cause::EndedFor(EndReason::SaidFail(reason)),
                    Degraded::No | Degraded::Late => Cause::Itself,
                };
                ReapingGroup::enter(
                    ServerEnd { server: self.server, exit, cause, up_for },
                    leftovers,
                    context,
                )
            }
            PhaseInput::StopSignal(signal) => self.on_signal(signal, context),
            PhaseInput::Linked
            | PhaseInput::NotResponding
            | PhaseInput::Verdict(_)
            | PhaseInput::BarrierPassed
            | PhaseInput::Spawned(_)
            | PhaseInput::SpawnFailed(_)
            | PhaseInput::Launched(_)
            | PhaseInput::LeftoversGone
            | PhaseInput::Signalled { .. }
            | PhaseInput::Due => self.into(),
        }
    }

    fn deadline(&self) -> Option<Duration> {
        None
    }

    fn waits_for(&self, context: &Context) -> Option<WaitingFor> {
        match (context.waits_for_exits(self.server), context.plan.form) {
            (_, Form::Leave) if !context.is_arbiter_reachable() => Some(context.waits_for_arbiter()),
            (Some(exits), Form::Leave | Form::Stay) => Some(exits),
            (None, Form::Leave) => Some(WaitingFor::OlderGenerations),
            (None, Form::Stay) => None,
        }
    }
}
