//! No server runs, and the generation goes on: it starts one again after a delay, or waits until
//! a newer generation serves what it released (S4).

use std::time::Duration;

use super::context::Context;
use super::exit_policy;
use super::starting::Starting;
use super::state::{Input, Phase, State};
use crate::ui::{Ending, Report};

/// The server is started again after a delay. Connections wait in the backlog: the supervisor keeps
/// the listener meanwhile.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    until: Duration,
}

/// A newer generation has asked for what this one owns, and does not serve it yet.
#[derive(Debug, Clone)]
pub(super) struct AwaitingSuccessor;

impl Backoff {
    /// After a server that was up for `up_for`.
    pub(super) fn enter(up_for: Duration, context: &mut Context) -> State {
        let delay = context.restart_delay.next(up_for);
        context.report(Report::RestartIn { delay });
        Backoff { until: context.now + delay }.into()
    }

    fn on_due(context: &mut Context) -> State {
        if context.addresses.is_all_requested() {
            AwaitingSuccessor::enter(context)
        } else {
            Starting::enter(context)
        }
    }
}

impl Phase for Backoff {
    fn handle(self, input: Input, context: &mut Context) -> State {
        match input {
            Input::Notice(_) if context.addresses.owned().is_empty() => {
                exit_policy::done(Ending::Replaced, context)
            }
            Input::StopSignal(signal) => exit_policy::after_signal(signal, context),
            Input::Due => Backoff::on_due(context),
            Input::Notice(_)
            | Input::Linked
            | Input::NotResponding
            | Input::Verdict(_)
            | Input::BarrierPassed
            | Input::Spawned(_)
            | Input::SpawnFailed(_)
            | Input::Exited { .. }
            | Input::LeftoversGone => self.into(),
        }
    }

    fn deadline(&self) -> Option<Duration> {
        Some(self.until)
    }
}

impl AwaitingSuccessor {
    pub(super) fn enter(context: &mut Context) -> State {
        context.report(Report::Waiting { addresses: context.addresses.owned() });
        AwaitingSuccessor.into()
    }
}

impl Phase for AwaitingSuccessor {
    fn handle(self, input: Input, context: &mut Context) -> State {
        match input {
            Input::Notice(_) if context.addresses.owned().is_empty() => {
                exit_policy::done(Ending::Replaced, context)
            }
            Input::Notice(_) if !context.addresses.vacant().is_empty() => take_back(context),
            Input::StopSignal(signal) => exit_policy::after_signal(signal, context),
            Input::Notice(_)
            | Input::Linked
            | Input::NotResponding
            | Input::Verdict(_)
            | Input::BarrierPassed
            | Input::Spawned(_)
            | Input::SpawnFailed(_)
            | Input::Exited { .. }
            | Input::LeftoversGone
            | Input::Due => self.into(),
        }
    }

    fn deadline(&self) -> Option<Duration> {
        None
    }
}

/// The newer generation failed: the server is started again for what was released.
pub(super) fn take_back(context: &mut Context) -> State {
    context.report(Report::Resuming { addresses: context.addresses.vacant() });
    Starting::enter(context)
}
