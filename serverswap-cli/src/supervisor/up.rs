//! The server is up; or it is not, and kept because it serves something (rule 7).

use std::time::Duration;

use serverswap::protocol::message::Form;

use super::arbiter_events::Notice;
use super::awaiting_verdict::AwaitingVerdict;
use super::context::Context;
use super::event::StopSignal;
use super::exit_policy;
use super::reaping_group::ReapingGroup;
use super::state::{Cause, EndReason, Ended, Input, Server, State};
use super::stopping::Stopping;
use crate::ui::{Ending, Reached, Report};

/// The server goes on; nothing here has a deadline.
#[derive(Debug, Clone)]
pub(super) struct Up {
    server: Server,
    since: Duration,
    flaw: Degraded,
}

/// What is wrong with a server that goes on all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Degraded {
    /// Nothing.
    None,
    /// It was not up in time.
    Late,
    /// It said `fail`.
    SaidFail(String),
}

impl Up {
    pub(super) fn enter(server: Server, context: &mut Context) -> State {
        context.reach(Reached::Up);
        let after = context.since_spawn();
        match context.plan.form {
            Form::Stay => context.report(Report::Up { after }),
            Form::Leave => {}
        }
        State::Up(Up { server, since: context.now, flaw: Degraded::None })
    }

    /// The arbiter said that it may not be ended.
    pub(super) fn kept(server: Server, flaw: Degraded, context: &mut Context) -> State {
        Up { server, since: context.now, flaw }.leave_if_nothing_is_left(context)
    }

    /// It was never up as a whole, and finishes what it served.
    pub(super) fn draining(server: Server, context: &mut Context) -> State {
        State::Up(Up { server, since: context.now, flaw: Degraded::None })
    }

    pub(super) fn handle(self, input: Input, context: &mut Context) -> State {
        match input {
            Input::Notice(notice) => self.notice(notice, context),
            Input::Exited { exit, leftovers } => {
                let up_for = context.now.saturating_sub(self.since);
                let cause = match self.flaw {
                    Degraded::SaidFail(reason) => Cause::Refused(EndReason::SaidFail(reason)),
                    Degraded::None | Degraded::Late => Cause::Itself,
                };
                ReapingGroup::enter(Ended { server: self.server, exit, cause, up_for }, leftovers, context)
            }
            Input::StopSignal(signal) => self.stop_signal(signal, context),
            Input::Linked
            | Input::Verdict(_)
            | Input::BarrierPassed
            | Input::NotResponding
            | Input::Spawned { .. }
            | Input::SpawnFailed(_)
            | Input::LeftoversGone => State::Up(self),
        }
    }

    fn notice(self, notice: Notice, context: &mut Context) -> State {
        match notice {
            Notice::Up => self.up_after_all(context),
            Notice::Done => self.done(context),
            Notice::SaidFail(reason) => {
                context.report(Report::SaidFail { pid: self.server.pid, reason: reason.clone() });
                AwaitingVerdict::enter(self.server, EndReason::SaidFail(reason), context)
            }
            Notice::News if context.addresses.is_superseded() => {
                AwaitingVerdict::enter(self.server, EndReason::Superseded, context)
            }
            Notice::News => self.leave_if_nothing_is_left(context),
            Notice::OwnDrain(_) => State::Up(self),
        }
    }

    fn up_after_all(self, context: &mut Context) -> State {
        match self.flaw {
            Degraded::Late => Up::enter(self.server, context),
            Degraded::None | Degraded::SaidFail(_) => {
                context.reach(Reached::Up);
                State::Up(self)
            }
        }
    }

    fn done(self, context: &mut Context) -> State {
        match context.plan.form {
            Form::Stay => State::Up(self),
            Form::Leave => {
                context.reach(Reached::Up);
                let ending = match self.flaw {
                    Degraded::SaidFail(reason) => Ending::SaidFail(reason),
                    Degraded::None | Degraded::Late if context.addresses.is_any_failed() => {
                        Ending::DoneInPart
                    }
                    Degraded::None | Degraded::Late => Ending::Done,
                };
                exit_policy::over(ending, context)
            }
        }
    }

    /// A deploy that went wrong does not wait for an `up` that may never come: it ends as
    /// soon as no older server is known to drain.
    fn leave_if_nothing_is_left(self, context: &mut Context) -> State {
        match (context.plan.form, self.flaw.clone()) {
            (Form::Leave, Degraded::Late) if context.predecessors.is_empty() => {
                exit_policy::over(Ending::NotUpKept, context)
            }
            (Form::Leave, Degraded::SaidFail(reason)) if context.predecessors.is_empty() => {
                exit_policy::over(Ending::SaidFail(reason), context)
            }
            (Form::Leave | Form::Stay, Degraded::None | Degraded::Late | Degraded::SaidFail(_)) => {
                State::Up(self)
            }
        }
    }

    fn stop_signal(self, signal: StopSignal, context: &mut Context) -> State {
        match context.plan.form {
            Form::Stay => Stopping::stop(self.server, signal, context),
            Form::Leave => {
                let ending = match context.reached {
                    Reached::Up => Ending::Left(signal),
                    Reached::Nothing | Reached::Serving => Ending::LeftServing(signal),
                };
                exit_policy::over(ending, context)
            }
        }
    }
}
