//! No server runs, but the generation is not over: it starts one again after a delay, or
//! waits until a newer generation serves what it gave up (rule 5).

use std::time::Duration;

use super::context::Context;
use super::event::StopSignal;
use super::exit_policy;
use super::starting::Starting;
use super::state::{Input, State};
use crate::ui::{Ending, Report};

/// The backoff runs. Connections wait in the backlog: we keep the listener meanwhile.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    pub(super) until: Duration,
}

/// A newer generation has asked for everything and does not serve it yet.
#[derive(Debug, Clone)]
pub(super) struct AwaitingSuccessor {}

impl Backoff {
    /// After a server that was up for `up_for`.
    pub(super) fn enter(up_for: Duration, context: &mut Context) -> State {
        let delay = context.backoff.next(up_for);
        context.report(Report::RestartIn { delay });
        State::Backoff(Backoff { until: context.now + delay })
    }

    pub(super) fn handle(self, input: Input, context: &mut Context) -> State {
        match input {
            Input::Notice(_) if context.addresses.owned().is_empty() => {
                exit_policy::over(Ending::Replaced, context)
            }
            Input::StopSignal(signal) => stop(signal, context),
            Input::Notice(_)
            | Input::Linked
            | Input::Verdict(_)
            | Input::BarrierPassed
            | Input::NotResponding
            | Input::Spawned { .. }
            | Input::SpawnFailed(_)
            | Input::Exited { .. }
            | Input::LeftoversGone => State::Backoff(self),
        }
    }

    pub(super) fn due(self, context: &mut Context) -> State {
        if context.addresses.is_all_busy() {
            return AwaitingSuccessor::enter(context);
        }
        Starting::enter(context)
    }
}

impl AwaitingSuccessor {
    pub(super) fn enter(context: &mut Context) -> State {
        context.report(Report::Waiting { addresses: context.addresses.owned() });
        State::AwaitingSuccessor(AwaitingSuccessor {})
    }

    pub(super) fn handle(self, input: Input, context: &mut Context) -> State {
        match input {
            Input::Notice(_) if context.addresses.owned().is_empty() => {
                exit_policy::over(Ending::Replaced, context)
            }
            Input::Notice(_) if !context.addresses.vacant().is_empty() => resume(context),
            Input::StopSignal(signal) => stop(signal, context),
            Input::Notice(_)
            | Input::Linked
            | Input::Verdict(_)
            | Input::BarrierPassed
            | Input::NotResponding
            | Input::Spawned { .. }
            | Input::SpawnFailed(_)
            | Input::Exited { .. }
            | Input::LeftoversGone => State::AwaitingSuccessor(self),
        }
    }
}

/// The newer generation failed: what was given up is taken back.
pub(super) fn resume(context: &mut Context) -> State {
    context.report(Report::Resuming { addresses: context.addresses.vacant() });
    Starting::enter(context)
}

fn stop(signal: StopSignal, context: &mut Context) -> State {
    exit_policy::stopped(signal, context)
}
