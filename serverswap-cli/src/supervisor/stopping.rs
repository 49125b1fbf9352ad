//! The server is being ended: it drains, gets TERM, gets KILL. The first signal to the supervisor begins
//! this, or changes nothing if it has begun for another reason; each further one brings the next of these
//! at once.
//!
//! A server that was granted nothing gets TERM without a drain. A grant may be under way to the
//! supervisor: the answer to the barrier behind `stop` comes after it, and after `stop` nothing
//! more is granted.
//!
//! The arbiter keeps the same deadlines; these hold also when there is none.

use std::time::Duration;

use super::arbiter_events::ArbiterNotice;
use super::awaiting_verdict::AwaitingVerdict;
use super::context::Context;
use super::input::StopSignal;
use super::life_cycle::{Cause, ChildServer, EndReason, LifeCycle, Phase, PhaseInput, ServerEnd};
use super::plan::{INTERRUPT_PATIENCE, SETTLE_MAX};
use super::reaping_group::ReapingGroup;
use super::{GenerationSignal, Request};
use crate::ui::{EndingServer, Reached, Report, WaitingFor};

/// The server is to end.
#[derive(Debug, Clone)]
pub(super) struct Stopping {
    server: ChildServer,
    reason: EndReason,
    stage: StopStage,
}

/// How far the end of the server is.
#[derive(Debug, Clone, Copy)]
enum StopStage {
    /// `stop` was sent, and a barrier: then it is known whether the server has anything to drain.
    AwaitingBarrier { signal: StopSignal, until: Duration },
    /// `stop` was sent.
    Draining { term_at: Duration },
    /// The arbiter has taken it down by itself, with its verdict.
    TakenDown { term_at: Duration },
    /// TERM is being sent: to find the processes of a generation takes its time on a busy machine.
    SendingTerm,
    /// TERM was sent.
    Terminating { kill_at: Duration },
    /// KILL was sent: the kernel reports the end.
    Killed,
}

impl Stopping {
    /// The supervisor was asked to stop.
    pub(super) fn stop(server: ChildServer, signal: StopSignal, context: &mut Context) -> LifeCycle {
        context.send(Request::Stop);
        if context.addresses.is_anything_to_drain() {
            return Stopping::drain(server, signal, context);
        }
        let patience = if context.is_arbiter_reachable() { SETTLE_MAX } else { INTERRUPT_PATIENCE };
        context.send(Request::Barrier);
        let stage = StopStage::AwaitingBarrier { signal, until: context.now + patience };
        Stopping { server, reason: EndReason::Signal(signal), stage }.into()
    }

    /// The server failed on probation; the older one that still serves goes on alone.
    pub(super) fn roll_back(server: ChildServer, reason: EndReason, context: &mut Context) -> LifeCycle {
        context.send(Request::Stop);
        let drain = context.plan.drain_timeout;
        context.report(Report::RollingBack { pid: server.pid, drain });
        let stage = StopStage::Draining { term_at: context.now + drain };
        Stopping { server, reason, stage }.into()
    }

    /// The arbiter's verdict is that the server may be ended, and the arbiter takes down what it was
    /// granted. It may have begun to serve in the same moment, so it drains.
    pub(super) fn drain_taken_down(
        server: ChildServer,
        reason: EndReason,
        context: &mut Context,
    ) -> LifeCycle {
        let drain = context.plan.drain_timeout;
        context.report(Report::LettingGo { pid: server.pid, drain });
        let stage = StopStage::TakenDown { term_at: context.now + drain };
        Stopping { server, reason, stage }.into()
    }

    /// TERM now.
    pub(super) fn terminate(server: ChildServer, reason: EndReason, context: &mut Context) -> LifeCycle {
        context.signal(server, GenerationSignal::Term);
        Stopping { server, reason, stage: StopStage::SendingTerm }.into()
    }

    fn drain(server: ChildServer, signal: StopSignal, context: &mut Context) -> LifeCycle {
        let drain = context.plan.drain_timeout;
        context.report(Report::Stopping { pid: server.pid, signal, drain });
        let stage = StopStage::Draining { term_at: context.now + drain };
        Stopping { server, reason: EndReason::Signal(signal), stage }.into()
    }

    fn on_linked(self, context: &mut Context) -> LifeCycle {
        match self.stage {
            StopStage::AwaitingBarrier { signal, .. } => Stopping::stop(self.server, signal, context),
            StopStage::Draining { .. } => {
                context.send(Request::Stop);
                self.into()
            }
            // A new arbiter knows of no verdict, and the server may have begun to serve.
            StopStage::TakenDown { .. } => AwaitingVerdict::enter(self.server, self.reason, context),
            StopStage::SendingTerm | StopStage::Terminating { .. } | StopStage::Killed => self.into(),
        }
    }

    fn on_barrier(self, context: &mut Context) -> LifeCycle {
        match self.stage {
            StopStage::AwaitingBarrier { signal, .. } if context.addresses.is_anything_to_drain() => {
                Stopping::drain(self.server, signal, context)
            }
            StopStage::AwaitingBarrier { .. } => self.escalate(context),
            StopStage::Draining { .. }
            | StopStage::TakenDown { .. }
            | StopStage::SendingTerm
            | StopStage::Terminating { .. }
            | StopStage::Killed => self.into(),
        }
    }

    /// A drain that has begun for another reason goes on after the first signal.
    fn on_signal(self, signal: StopSignal, context: &mut Context) -> LifeCycle {
        let reason = EndReason::Signal(signal);
        match (self.stage, &self.reason) {
            (
                StopStage::Draining { term_at } | StopStage::TakenDown { term_at },
                EndReason::NotUp | EndReason::Superseded | EndReason::SaidFail(_),
            ) => {
                let drain = term_at.saturating_sub(context.now);
                context.report(Report::Stopping { pid: self.server.pid, signal, drain });
                Stopping { reason, ..self }.into()
            }
            (
                StopStage::AwaitingBarrier { .. }
                | StopStage::Draining { .. }
                | StopStage::TakenDown { .. }
                | StopStage::SendingTerm
                | StopStage::Terminating { .. }
                | StopStage::Killed,
                EndReason::NotUp | EndReason::Superseded | EndReason::SaidFail(_) | EndReason::Signal(_),
            ) => Stopping { reason, ..self }.escalate(context),
        }
    }

    /// The next step: from the drain to TERM, from TERM to KILL.
    fn escalate(self, context: &mut Context) -> LifeCycle {
        match self.stage {
            StopStage::AwaitingBarrier { .. } | StopStage::Draining { .. } | StopStage::TakenDown { .. } => {
                Stopping::terminate(self.server, self.reason, context)
            }
            StopStage::SendingTerm | StopStage::Terminating { .. } | StopStage::Killed => {
                context.signal(self.server, GenerationSignal::Kill);
                Stopping { stage: StopStage::Killed, ..self }.into()
            }
        }
    }

    fn on_signalled(
        self,
        signal: GenerationSignal,
        connections: Option<u64>,
        context: &mut Context,
    ) -> LifeCycle {
        context.was_signalled(self.server.pid, signal, connections);
        let stage = match self.stage {
            StopStage::SendingTerm => {
                StopStage::Terminating { kill_at: context.now + context.plan.kill_timeout }
            }
            stage @ (StopStage::AwaitingBarrier { .. }
            | StopStage::Draining { .. }
            | StopStage::TakenDown { .. }
            | StopStage::Terminating { .. }
            | StopStage::Killed) => stage,
        };
        Stopping { stage, ..self }.into()
    }

    /// The arbiter has extended the drain.
    fn extend(self, until: Duration) -> LifeCycle {
        let stage = match self.stage {
            StopStage::Draining { term_at } => StopStage::Draining { term_at: term_at.max(until) },
            StopStage::TakenDown { term_at } => StopStage::TakenDown { term_at: term_at.max(until) },
            stage @ (StopStage::AwaitingBarrier { .. }
            | StopStage::SendingTerm
            | StopStage::Terminating { .. }
            | StopStage::Killed) => stage,
        };
        Stopping { stage, ..self }.into()
    }
}

impl Phase for Stopping {
    fn handle(self, input: PhaseInput, context: &mut Context) -> LifeCycle {
        match input {
            PhaseInput::Linked => self.on_linked(context),
            PhaseInput::BarrierPassed => self.on_barrier(context),
            PhaseInput::Notice(ArbiterNotice::DrainsUntil(until)) => self.extend(until),
            PhaseInput::Exited { exit, leftovers } => {
                let (cause, up_for) = (Cause::EndedFor(self.reason), Duration::ZERO);
                ReapingGroup::enter(
                    ServerEnd { server: self.server, exit, cause, up_for },
                    leftovers,
                    context,
                )
            }
            PhaseInput::Signalled { signal, connections } => self.on_signalled(signal, connections, context),
            PhaseInput::StopSignal(signal) => self.on_signal(signal, context),
            PhaseInput::Due => self.escalate(context),
            // Its `serving` and the signal have crossed.
            PhaseInput::Notice(ArbiterNotice::Up | ArbiterNotice::Done) => {
                context.reach(Reached::Up);
                self.into()
            }
            PhaseInput::Notice(ArbiterNotice::Changed | ArbiterNotice::SaidFail(_))
            | PhaseInput::NotResponding
            | PhaseInput::Verdict(_)
            | PhaseInput::Spawned(_)
            | PhaseInput::SpawnFailed(_)
            | PhaseInput::Launched(_)
            | PhaseInput::LeftoversGone => self.into(),
        }
    }

    fn deadline(&self) -> Option<Duration> {
        match self.stage {
            StopStage::AwaitingBarrier { until, .. } => Some(until),
            StopStage::Draining { term_at } | StopStage::TakenDown { term_at } => Some(term_at),
            StopStage::Terminating { kill_at } => Some(kill_at),
            StopStage::SendingTerm | StopStage::Killed => None,
        }
    }

    fn waits_for(&self, context: &Context) -> Option<WaitingFor> {
        let (signal, until) = match self.stage {
            StopStage::AwaitingBarrier { .. } => return Some(context.waits_for_arbiter()),
            StopStage::Draining { term_at } | StopStage::TakenDown { term_at } => (None, Some(term_at)),
            StopStage::SendingTerm => (Some(GenerationSignal::Term), None),
            StopStage::Terminating { kill_at } => (Some(GenerationSignal::Term), Some(kill_at)),
            StopStage::Killed => (Some(GenerationSignal::Kill), None),
        };
        let server = EndingServer {
            signal,
            remaining: until.map(|at| context.until(at)),
            ..context.own_end(self.server)
        };
        Some(WaitingFor::Exit { servers: vec![server] })
    }
}
