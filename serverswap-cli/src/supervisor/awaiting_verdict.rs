//! The server is late or lost, and the arbiter is asked whether it may be ended.
//!
//! Only the arbiter knows what was granted a moment ago: a server that a supervisor ended
//! by its own view could be the only one that serves (rule 9, N3 in
//! `shared/field/handover-arbiter.md`). So the same question comes before every end that
//! nobody but us wants: the ready timeout, a lost race, `fail`, a Ctrl-C before it was up.

use std::time::Duration;

use serverswap::protocol::message::DecidedVerdict;

use super::arbiter_events::Notice;
use super::context::{Context, Link};
use super::event::ServerExit;
use super::exit_policy;
use super::plan::INTERRUPT_PATIENCE;
use super::reaping_group::ReapingGroup;
use super::state::{Cause, EndReason, Ended, Input, Server, State};
use super::stopping::Stopping;
use super::up::{Degraded, Up};
use super::{Leftovers, Request};
use crate::ui::{Ending, Reached, Report};

/// `timedOut` was sent, or will be as soon as there is a connection.
#[derive(Debug, Clone)]
pub(super) struct AwaitingVerdict {
    server: Server,
    why: EndReason,
    patience: Patience,
}

/// How long the answer is waited for.
#[derive(Debug, Clone, Copy)]
enum Patience {
    /// Nothing is lost by waiting.
    Endless,
    /// Somebody waits for us: without an answer by then the supervisor goes by what it knows.
    Until(Duration),
}

impl AwaitingVerdict {
    pub(super) fn enter(server: Server, why: EndReason, context: &mut Context) -> State {
        context.send(Request::TimedOut);
        let asked = AwaitingVerdict { server, why, patience: Patience::Endless };
        match context.link {
            Link::Up => State::AwaitingVerdict(asked),
            Link::Down | Link::Silent { .. } => asked.unanswered(context),
        }
    }

    /// Nobody answers at the moment. Somebody who pressed Ctrl-C is not kept waiting for that.
    fn unanswered(self, context: &Context) -> State {
        let patience = match self.why {
            EndReason::Interrupted(_) => Patience::Until(context.now + INTERRUPT_PATIENCE),
            EndReason::NotUp | EndReason::Superseded | EndReason::SaidFail(_) => Patience::Endless,
        };
        State::AwaitingVerdict(AwaitingVerdict { patience, ..self })
    }

    pub(super) fn handle(self, input: Input, context: &mut Context) -> State {
        match input {
            Input::Linked => AwaitingVerdict::enter(self.server, self.why, context),
            Input::Notice(notice) => self.notice(notice, context),
            Input::NotResponding => self.unanswered(context),
            Input::Verdict(DecidedVerdict::End) => self.condemned(context),
            Input::Verdict(DecidedVerdict::Keep) => self.keep(context),
            Input::Exited { exit, leftovers } => self.exited(exit, leftovers, context),
            Input::StopSignal(signal) => {
                let cause = super::starting::cause(signal, context);
                Stopping::terminate(self.server, cause, context)
            }
            Input::BarrierPassed | Input::Spawned { .. } | Input::SpawnFailed(_) | Input::LeftoversGone => {
                State::AwaitingVerdict(self)
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        match self.patience {
            Patience::Endless => None,
            Patience::Until(until) => Some(until),
        }
    }

    /// What serves something is not ended without the arbiter's consent.
    pub(super) fn due(self, context: &mut Context) -> State {
        if context.addresses.serving().is_empty() { self.end(context) } else { self.keep(context) }
    }

    fn notice(self, notice: Notice, context: &mut Context) -> State {
        match (notice, self.why) {
            (Notice::Up, EndReason::NotUp | EndReason::Superseded) => Up::enter(self.server, context),
            (Notice::Done, EndReason::NotUp | EndReason::Superseded) => {
                Up::enter(self.server, context).handle(Input::Notice(Notice::Done), context)
            }
            (Notice::Done, EndReason::Interrupted(signal)) => {
                context.reach(Reached::Up);
                exit_policy::over(Ending::Left(signal), context)
            }
            (Notice::Up, why @ EndReason::Interrupted(_)) => {
                context.reach(Reached::Up);
                State::AwaitingVerdict(AwaitingVerdict { why, ..self })
            }
            (Notice::SaidFail(reason), EndReason::NotUp | EndReason::Superseded) => {
                context.report(Report::SaidFail { pid: self.server.pid, reason: reason.clone() });
                State::AwaitingVerdict(AwaitingVerdict { why: EndReason::SaidFail(reason), ..self })
            }
            (Notice::Up | Notice::Done, why @ EndReason::SaidFail(_))
            | (Notice::SaidFail(_), why @ (EndReason::SaidFail(_) | EndReason::Interrupted(_)))
            | (Notice::News | Notice::OwnDrain(_), why) => {
                State::AwaitingVerdict(AwaitingVerdict { why, ..self })
            }
        }
    }

    /// Where it was granted anything, it may have begun to serve.
    fn condemned(self, context: &mut Context) -> State {
        if context.addresses.is_anything_to_drain() && !context.addresses.is_on_probation() {
            return Stopping::taken_down(self.server, Cause::Refused(self.why), context);
        }
        self.end(context)
    }

    /// On probation it has accepted connections, and gets to answer them.
    fn end(self, context: &mut Context) -> State {
        let cause = Cause::Refused(self.why);
        if context.addresses.is_on_probation() {
            Stopping::roll_back(self.server, cause, context)
        } else {
            Stopping::terminate(self.server, cause, context)
        }
    }

    /// It serves something, or finishes what it served; so it goes on.
    fn keep(self, context: &mut Context) -> State {
        let addresses = context.addresses.serving();
        if !addresses.is_empty() {
            context.reach(Reached::Serving);
        }
        let flaw = match self.why {
            EndReason::NotUp => Degraded::Late,
            EndReason::SaidFail(reason) => Degraded::SaidFail(reason),
            EndReason::Superseded => Degraded::None,
            EndReason::Interrupted(signal) => {
                let ending = match context.reached {
                    Reached::Up => Ending::Left(signal),
                    Reached::Nothing | Reached::Serving => Ending::LeftServing(signal),
                };
                return exit_policy::over(ending, context);
            }
        };
        context.report(Report::Kept { pid: self.server.pid, addresses });
        Up::kept(self.server, flaw, context)
    }

    fn exited(self, exit: ServerExit, leftovers: Leftovers, context: &mut Context) -> State {
        // The arbiter may have ended it already, and its word that we may is still on the way.
        let was_late = self.why == EndReason::NotUp && context.addresses.owned().is_empty();
        let cause = match self.why {
            why @ (EndReason::SaidFail(_) | EndReason::Interrupted(_)) => Cause::Refused(why),
            why @ EndReason::NotUp if was_late => Cause::Refused(why),
            EndReason::NotUp | EndReason::Superseded => Cause::Itself,
        };
        let ended = Ended { server: self.server, exit, cause, up_for: Duration::ZERO };
        ReapingGroup::enter(ended, leftovers, context)
    }
}
