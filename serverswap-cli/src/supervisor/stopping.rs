//! The server is being ended: it drains, gets TERM, gets KILL. Each further signal to the
//! supervisor brings the next of these at once.
//!
//! A server that was granted nothing gets TERM without a drain. That it was granted something may be
//! under way to us: the barrier behind `stop` brings it, and after `stop` nothing more is granted.
//!
//! The arbiter keeps the same deadlines; ours hold also when there is none.

use std::time::Duration;

use super::arbiter_events::Notice;
use super::context::{Context, Link};
use super::event::StopSignal;
use super::plan::{INTERRUPT_PATIENCE, SETTLE_MAX};
use super::reaping_group::ReapingGroup;
use super::state::{Cause, Ended, Input, Server, State};
use super::{GroupSignal, Request, starting};
use crate::ui::Report;

/// The server is to end.
#[derive(Debug, Clone)]
pub(super) struct Stopping {
    server: Server,
    cause: Cause,
    stage: Stage,
}

/// How hard it was asked.
#[derive(Debug, Clone, Copy)]
enum Stage {
    /// `stop` was said; as far as is known it has nothing to drain, and until then it is awaited whether
    /// that is so.
    AwaitingBarrier { signal: StopSignal, until: Duration },
    /// `stop` was said.
    Draining { term_at: Duration },
    /// The arbiter has taken it down by itself, with its verdict.
    TakenDown { term_at: Duration },
    /// TERM was sent.
    Terminating { kill_at: Duration },
    /// KILL was sent: the kernel will say when it is over.
    Killed,
}

impl Stopping {
    /// The supervisor was asked to stop.
    pub(super) fn stop(server: Server, signal: StopSignal, context: &mut Context) -> State {
        context.send(Request::Stop);
        if context.addresses.is_anything_to_drain() {
            return Stopping::drain(server, signal, context);
        }
        let patience = match context.link {
            Link::Up => SETTLE_MAX,
            Link::Down | Link::Silent { .. } => INTERRUPT_PATIENCE,
        };
        context.send(Request::Barrier);
        let stage = Stage::AwaitingBarrier { signal, until: context.now + patience };
        State::Stopping(Stopping { server, cause: Cause::Stop(signal), stage })
    }

    fn drain(server: Server, signal: StopSignal, context: &mut Context) -> State {
        let drain = context.plan.drain_timeout;
        context.report(Report::Stopping { pid: server.pid, signal, drain });
        let stage = Stage::Draining { term_at: context.now + drain };
        State::Stopping(Stopping { server, cause: Cause::Stop(signal), stage })
    }

    /// The server goes, and the older one that still serves goes on alone.
    pub(super) fn roll_back(server: Server, cause: Cause, context: &mut Context) -> State {
        context.send(Request::Stop);
        let drain = context.plan.drain_timeout;
        context.report(Report::RollingBack { pid: server.pid, drain });
        State::Stopping(Stopping { server, cause, stage: Stage::Draining { term_at: context.now + drain } })
    }

    /// The arbiter's verdict is that it may be ended, and that it lets go of what it was granted. It may
    /// have begun to serve in the same moment, so it is given its drain.
    pub(super) fn taken_down(server: Server, cause: Cause, context: &mut Context) -> State {
        let drain = context.plan.drain_timeout;
        context.report(Report::LettingGo { pid: server.pid, drain });
        State::Stopping(Stopping { server, cause, stage: Stage::TakenDown { term_at: context.now + drain } })
    }

    /// TERM now.
    pub(super) fn terminate(server: Server, cause: Cause, context: &mut Context) -> State {
        let kill_after = context.plan.kill_timeout;
        context.signal(server, GroupSignal::Term);
        context.report(Report::Terminated { pid: server.pid, kill_after });
        State::Stopping(Stopping {
            server,
            cause,
            stage: Stage::Terminating { kill_at: context.now + kill_after },
        })
    }

    pub(super) fn handle(self, input: Input, context: &mut Context) -> State {
        match input {
            Input::Linked => match self.stage {
                Stage::AwaitingBarrier { signal, .. } => Stopping::stop(self.server, signal, context),
                Stage::Draining { .. } => {
                    context.send(Request::Stop);
                    State::Stopping(self)
                }
                // A new arbiter knows of no verdict, and the server has had its time.
                Stage::TakenDown { .. } => self.escalate(context),
                Stage::Terminating { .. } | Stage::Killed => State::Stopping(self),
            },
            Input::Notice(Notice::OwnDrain(until)) => self.extended(until),
            Input::Exited { exit, leftovers } => {
                let ended = Ended { server: self.server, exit, cause: self.cause, up_for: Duration::ZERO };
                ReapingGroup::enter(ended, leftovers, context)
            }
            Input::StopSignal(signal) => {
                let cause = starting::cause(signal, context);
                Stopping { cause, ..self }.escalate(context)
            }
            Input::BarrierPassed => self.settled(context),
            Input::Notice(Notice::News | Notice::Up | Notice::Done | Notice::SaidFail(_))
            | Input::Verdict(_)
            | Input::NotResponding
            | Input::Spawned { .. }
            | Input::SpawnFailed(_)
            | Input::LeftoversGone => State::Stopping(self),
        }
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        match self.stage {
            Stage::AwaitingBarrier { until, .. } => Some(until),
            Stage::Draining { term_at } | Stage::TakenDown { term_at } => Some(term_at),
            Stage::Terminating { kill_at } => Some(kill_at),
            Stage::Killed => None,
        }
    }

    pub(super) fn due(self, context: &mut Context) -> State {
        self.escalate(context)
    }

    fn settled(self, context: &mut Context) -> State {
        match self.stage {
            Stage::AwaitingBarrier { signal, .. } if context.addresses.is_anything_to_drain() => {
                Stopping::drain(self.server, signal, context)
            }
            Stage::AwaitingBarrier { .. } => self.escalate(context),
            Stage::Draining { .. } | Stage::TakenDown { .. } | Stage::Terminating { .. } | Stage::Killed => {
                State::Stopping(self)
            }
        }
    }

    fn escalate(self, context: &mut Context) -> State {
        match self.stage {
            Stage::AwaitingBarrier { .. } | Stage::Draining { .. } | Stage::TakenDown { .. } => {
                Stopping::terminate(self.server, self.cause, context)
            }
            Stage::Terminating { .. } | Stage::Killed => {
                context.signal(self.server, GroupSignal::Kill);
                context.report(Report::Killed { pid: self.server.pid });
                State::Stopping(Stopping { stage: Stage::Killed, ..self })
            }
        }
    }

    /// The arbiter gave it more time.
    fn extended(self, until: Duration) -> State {
        let stage = match self.stage {
            Stage::Draining { term_at } => Stage::Draining { term_at: term_at.max(until) },
            Stage::TakenDown { term_at } => Stage::TakenDown { term_at: term_at.max(until) },
            stage @ (Stage::AwaitingBarrier { .. } | Stage::Terminating { .. } | Stage::Killed) => stage,
        };
        State::Stopping(Stopping { stage, ..self })
    }
}
