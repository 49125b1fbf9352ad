//! The server is late or lost, and the arbiter is asked whether it may be ended.
//!
//! Only the arbiter knows what was granted a moment ago: a server that a supervisor ended on
//! its own view could be the only one that serves. So the same question comes before every end
//! that only the supervisor wants: the ready timeout, a lost race, `fail`, a Ctrl-C before the
//! server was up.

use std::time::Duration;

use serverswap::protocol::message::{DecidedVerdict, Form};

use super::arbiter_events::ArbiterNotice;
use super::context::Context;
use super::exit_policy;
use super::input::{ServerExit, StopSignal};
use super::life_cycle::{Cause, ChildServer, EndReason, LifeCycle, Phase, PhaseInput, ServerEnd};
use super::plan::INTERRUPT_PATIENCE;
use super::reaping_group::ReapingGroup;
use super::stopping::Stopping;
use super::up::{Degraded, Up};
use super::{Leftovers, Request};
use crate::ui::{Reached, Report, WaitingFor};

/// `timedOut` was sent, or will be as soon as there is a connection.
#[derive(Debug, Clone)]
pub(super) struct AwaitingVerdict {
    server: ChildServer,
    reason: EndReason,
    patience: Patience,
}

/// How long the verdict is awaited.
#[derive(Debug, Clone, Copy)]
enum Patience {
    /// Waiting costs nothing.
    Endless,
    /// Somebody waits for the command to end: without a verdict by then, it goes by what it knows.
    Until(Duration),
}

impl AwaitingVerdict {
    pub(super) fn enter(server: ChildServer, reason: EndReason, context: &mut Context) -> LifeCycle {
        context.send(Request::TimedOut);
        let asked = AwaitingVerdict { server, reason, patience: Patience::Endless };
        if context.is_arbiter_reachable() { asked.into() } else { asked.no_arbiter_answers(context) }
    }

    fn no_arbiter_answers(self, context: &Context) -> LifeCycle {
        let patience = match self.reason {
            EndReason::Signal(_) => Patience::Until(context.now + INTERRUPT_PATIENCE),
            EndReason::NotUp | EndReason::Superseded | EndReason::SaidFail(_) => Patience::Endless,
        };
        AwaitingVerdict { patience, ..self }.into()
    }

    fn on_notice(self, notice: ArbiterNotice, context: &mut Context) -> LifeCycle {
        match (notice, self.reason) {
            (ArbiterNotice::Up, EndReason::NotUp | EndReason::Superseded) => Up::enter(self.server, context),
            (ArbiterNotice::Done, EndReason::NotUp | EndReason::Superseded) => {
                Up::enter(self.server, context).handle(PhaseInput::Notice(ArbiterNotice::Done), context)
            }
            (ArbiterNotice::Done, EndReason::Signal(signal)) => {
                context.reach(Reached::Up);
                exit_policy::leave(signal, context)
            }
            (ArbiterNotice::Up, reason @ EndReason::Signal(_)) => {
                context.reach(Reached::Up);
                AwaitingVerdict { reason, ..self }.into()
            }
            (ArbiterNotice::SaidFail(text), EndReason::NotUp | EndReason::Superseded) => {
                context.report(Report::SaidFail { pid: self.server.pid, reason: text.clone() });
                AwaitingVerdict { reason: EndReason::SaidFail(text), ..self }.into()
            }
            (ArbiterNotice::Up | ArbiterNotice::Done, reason @ EndReason::SaidFail(_))
            | (ArbiterNotice::SaidFail(_), reason @ (EndReason::SaidFail(_) | EndReason::Signal(_)))
            | (ArbiterNotice::Changed | ArbiterNotice::DrainsUntil(_), reason) => {
                AwaitingVerdict { reason, ..self }.into()
            }
        }
    }

    /// A server that was granted anything may have begun to serve: it drains.
    fn on_verdict_end(self, context: &mut Context) -> LifeCycle {
        if context.addresses.is_anything_to_drain() && !context.addresses.is_on_probation() {
            return Stopping::drain_taken_down(self.server, self.reason, context);
        }
        self.end(context)
    }

    /// It serves something, or finishes what it served; so it goes on.
    fn on_verdict_keep(self, context: &mut Context) -> LifeCycle {
        let addresses = context.addresses.serving();
        if !addresses.is_empty() {
            context.reach(Reached::Serving);
        }
        let degraded = match self.reason {
            EndReason::NotUp => Degraded::Late,
            EndReason::SaidFail(reason) => Degraded::SaidFail(reason),
            EndReason::Superseded => Degraded::No,
            EndReason::Signal(signal) => return exit_policy::leave(signal, context),
        };
        context.report(Report::Kept { pid: self.server.pid, addresses });
        Up::kept(self.server, degraded, context)
    }

    /// The second signal does not wait for the arbiter.
    fn on_signal(self, signal: StopSignal, context: &mut Context) -> LifeCycle {
        let reason = EndReason::Signal(signal);
        match (self.reason, context.plan.form) {
            (EndReason::Signal(_), Form::Stay | Form::Leave) => {
                Stopping::terminate(self.server, reason, context)
            }
            (EndReason::NotUp | EndReason::Superseded | EndReason::SaidFail(_), Form::Stay) => {
                Stopping::stop(self.server, signal, context)
            }
            (EndReason::NotUp | EndReason::Superseded | EndReason::SaidFail(_), Form::Leave) => {
                AwaitingVerdict::enter(self.server, reason, context)
            }
        }
    }

    /// No verdict came. What serves something is not ended without one.
    fn on_patience_over(self, context: &mut Context) -> LifeCycle {
        if context.addresses.serving().is_empty() { self.end(context) } else { self.on_verdict_keep(context) }
    }

    /// On probation it has accepted connections, and gets to answer them.
    fn end(self, context: &mut Context) -> LifeCycle {
        if context.addresses.is_on_probation() {
            Stopping::roll_back(self.server, self.reason, context)
        } else {
            Stopping::terminate(self.server, self.reason, context)
        }
    }

    fn on_exit(self, exit: ServerExit, leftovers: Leftovers, context: &mut Context) -> LifeCycle {
        // The arbiter may have ended it already, with the verdict still under way.
        let owns_nothing = context.addresses.owned().is_empty();
        let cause = match self.reason {
            reason @ (EndReason::SaidFail(_) | EndReason::Signal(_)) => Cause::EndedFor(reason),
            reason @ (EndReason::NotUp | EndReason::Superseded) if owns_nothing => Cause::EndedFor(reason),
            EndReason::NotUp | EndReason::Superseded => Cause::Itself,
        };
        let end = ServerEnd { server: self.server, exit, cause, up_for: Duration::ZERO };
        ReapingGroup::enter(end, leftovers, context)
    }
}

impl Phase for AwaitingVerdict {
    fn handle(self, input: PhaseInput, context: &mut Context) -> LifeCycle {
        match input {
            PhaseInput::Linked => AwaitingVerdict::enter(self.server, self.reason, context),
            PhaseInput::NotResponding => self.no_arbiter_answers(context),
            PhaseInput::Notice(notice) => self.on_notice(notice, context),
            PhaseInput::Verdict(DecidedVerdict::End) => self.on_verdict_end(context),
            PhaseInput::Verdict(DecidedVerdict::Keep) => self.on_verdict_keep(context),
            PhaseInput::Exited { exit, leftovers } => self.on_exit(exit, leftovers, context),
            PhaseInput::StopSignal(signal) => self.on_signal(signal, context),
            PhaseInput::Due => self.on_patience_over(context),
            PhaseInput::BarrierPassed
            | PhaseInput::Spawned(_)
            | PhaseInput::SpawnFailed(_)
            | PhaseInput::Launched(_)
            | PhaseInput::LeftoversGone
            | PhaseInput::Signalled { .. } => self.into(),
        }
    }

    fn deadline(&self) -> Option<Duration> {
        match self.patience {
            Patience::Endless => None,
            Patience::Until(until) => Some(until),
        }
    }

    fn waits_for(&self, context: &Context) -> Option<WaitingFor> {
        Some(context.waits_for_arbiter())
    }
}
