//! The server has ended, and what the arbiter still reports about it is awaited.
//!
//! A server that sends `fail`, or is superseded, often ends in the same instant; and the arbiter
//! ends a server without a takedown handler. What the end means is in events that may still be
//! under way:
//!
//! 1. What the server sent before it ended lies in the arbiter's buffers when the first barrier
//!    is sent. So it is read before the second is answered, and what follows from it is reported
//!    before that.
//! 2. An address that was granted or served gets a new status (`vacant`, `busy`, `replaced`),
//!    unless an older server still serves it. So after the barriers either every address is
//!    settled, or the arbiter's `gone` and one more barrier are awaited: the statuses come right
//!    behind `gone`.
//!
//! All of it is bounded by [`SETTLE_MAX`].

use std::time::Duration;

use super::Request;
use super::arbiter_events::ArbiterNotice;
use super::context::Context;
use super::exit_policy;
use super::life_cycle::{Cause, EndReason, LifeCycle, Phase, PhaseInput, ServerEnd};
use super::plan::SETTLE_MAX;
use crate::ui::{Reached, Report, WaitingFor};

#[derive(Debug, Clone)]
pub(super) struct AwaitingArbiter {
    end: ServerEnd,
    barrier: Barrier,
    /// Whether the arbiter had reported the server's end when the last barrier was sent.
    gone: Gone,
    until: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gone {
    Unreported,
    Reported,
}

#[derive(Debug, Clone, Copy)]
enum Barrier {
    First,
    Second,
    Passed,
}

impl AwaitingArbiter {
    pub(super) fn enter(end: ServerEnd, context: &mut Context) -> LifeCycle {
        let is_asked_to_stop = match end.cause {
            Cause::EndedFor(EndReason::Signal(_)) => true,
            Cause::Itself
            | Cause::EndedFor(EndReason::NotUp | EndReason::Superseded | EndReason::SaidFail(_)) => false,
        };
        // Whichever process is or becomes the arbiter may know what the end means; but nothing that it
        // could report changes the outcome of a supervisor that was asked to stop.
        if is_asked_to_stop && !context.is_arbiter_reachable() {
            return exit_policy::after(end, context);
        }
        let until = context.now + SETTLE_MAX;
        AwaitingArbiter { end, barrier: Barrier::First, gone: Gone::Unreported, until }
            .send(Barrier::First, context)
    }

    fn on_barrier(self, context: &mut Context) -> LifeCycle {
        match self.barrier {
            Barrier::First => self.send(Barrier::Second, context),
            Barrier::Second if self.gone == Gone::Reported => exit_policy::after(self.end, context),
            Barrier::Second | Barrier::Passed => {
                AwaitingArbiter { barrier: Barrier::Passed, ..self }.settle(context)
            }
        }
    }

    fn settle(self, context: &mut Context) -> LifeCycle {
        match self.barrier {
            Barrier::Passed if !context.addresses.is_unsettled() => exit_policy::after(self.end, context),
            Barrier::Passed if self.is_reported_gone(context) => self.send(Barrier::Second, context),
            Barrier::First | Barrier::Second | Barrier::Passed => self.into(),
        }
    }

    fn send(self, barrier: Barrier, context: &mut Context) -> LifeCycle {
        context.send(Request::Barrier);
        let gone = if self.is_reported_gone(context) { Gone::Reported } else { Gone::Unreported };
        AwaitingArbiter { barrier, gone, ..self }.into()
    }

    fn is_reported_gone(&self, context: &Context) -> bool {
        context.reported_gone == Some(self.end.server.pid)
    }
}

impl Phase for AwaitingArbiter {
    fn handle(self, input: PhaseInput, context: &mut Context) -> LifeCycle {
        match input {
            PhaseInput::BarrierPassed => self.on_barrier(context),
            PhaseInput::Linked => self.send(Barrier::First, context),
            PhaseInput::Notice(notice) => {
                let end = self.end.with_late_notice(notice, context);
                AwaitingArbiter { end, ..self }.settle(context)
            }
            PhaseInput::StopSignal(signal) => {
                let cause = Cause::EndedFor(EndReason::Signal(signal));
                exit_policy::after(ServerEnd { cause, ..self.end }, context)
            }
            PhaseInput::Due => exit_policy::after(self.end, context),
            PhaseInput::NotResponding
            | PhaseInput::Verdict(_)
            | PhaseInput::Spawned(_)
            | PhaseInput::SpawnFailed(_)
            | PhaseInput::Launched(_)
            | PhaseInput::Exited { .. }
            | PhaseInput::LeftoversGone
            | PhaseInput::Signalled { .. } => self.into(),
        }
    }

    fn deadline(&self) -> Option<Duration> {
        Some(self.until)
    }

    fn waits_for(&self, context: &Context) -> Option<WaitingFor> {
        Some(context.waits_for_arbiter())
    }
}

impl ServerEnd {
    /// What the arbiter reported before the server had ended, or because of it, but was read after.
    pub(super) fn with_late_notice(self, notice: ArbiterNotice, context: &mut Context) -> ServerEnd {
        match notice {
            ArbiterNotice::Up | ArbiterNotice::Done => context.reach(Reached::Up),
            ArbiterNotice::SaidFail(reason) if self.cause == Cause::Itself => {
                context.report(Report::SaidFail { pid: self.server.pid, reason: reason.clone() });
                return ServerEnd { cause: Cause::EndedFor(EndReason::SaidFail(reason)), ..self };
            }
            ArbiterNotice::SaidFail(_) | ArbiterNotice::Changed | ArbiterNotice::DrainsUntil(_) => {}
        }
        self
    }
}
