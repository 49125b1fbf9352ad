//! No server runs, and the generation goes on: it starts one again after a delay, or waits until
//! a newer generation serves what it released (S4).

use std::time::Duration;

use super::context::Context;
use super::exit_policy;
use super::life_cycle::{LifeCycle, Phase, PhaseInput};
use super::starting::Starting;
use crate::ui::{Report, RunEnding, SomeAddresses, WaitingFor};

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
    pub(super) fn enter(up_for: Duration, context: &mut Context) -> LifeCycle {
        let delay = context.restart_delay.next(up_for);
        context.report(Report::RestartIn { delay });
        Backoff { until: context.now + delay }.into()
    }

    fn on_due(context: &mut Context) -> LifeCycle {
        if context.addresses.is_all_requested() {
            AwaitingSuccessor::enter(context)
        } else {
            Starting::enter(context)
        }
    }
}

impl Phase for Backoff {
    fn handle(self, input: PhaseInput, context: &mut Context) -> LifeCycle {
        match input {
            PhaseInput::Notice(_) if context.addresses.owned().is_empty() => {
                exit_policy::done(RunEnding::Replaced, context)
            }
            PhaseInput::StopSignal(signal) => exit_policy::after_signal(signal, context),
            PhaseInput::Due => Backoff::on_due(context),
            PhaseInput::Notice(_)
            | PhaseInput::Linked
            | PhaseInput::NotResponding
            | PhaseInput::Verdict(_)
            | PhaseInput::BarrierPassed
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
        Some(WaitingFor::Restart { remaining: context.until(self.until) })
    }
}

impl AwaitingSuccessor {
    pub(super) fn enter(context: &mut Context) -> LifeCycle {
        context.report(Report::Waiting { addresses: context.addresses.owned() });
        AwaitingSuccessor.into()
    }
}

impl Phase for AwaitingSuccessor {
    fn handle(self, input: PhaseInput, context: &mut Context) -> LifeCycle {
        match input {
            PhaseInput::Notice(_) if context.addresses.owned().is_empty() => {
                exit_policy::done(RunEnding::Replaced, context)
            }
            PhaseInput::Notice(_) if !context.addresses.vacant().is_empty() => take_back(context),
            PhaseInput::StopSignal(signal) => exit_policy::after_signal(signal, context),
            PhaseInput::Notice(_)
            | PhaseInput::Linked
            | PhaseInput::NotResponding
            | PhaseInput::Verdict(_)
            | PhaseInput::BarrierPassed
            | PhaseInput::Spawned(_)
            | PhaseInput::SpawnFailed(_)
            | PhaseInput::Launched(_)
            | PhaseInput::Exited { .. }
            | PhaseInput::LeftoversGone
            | PhaseInput::Signalled { .. }
            | PhaseInput::Due => self.into(),
        }
    }

    fn deadline(&self) -> Option<Duration> {
        None
    }

    fn waits_for(&self, context: &Context) -> Option<WaitingFor> {
        Some(WaitingFor::Successor { addresses: SomeAddresses::of(&context.addresses.owned()) })
    }
}

/// The newer generation failed: the server is started again for what was released.
pub(super) fn take_back(context: &mut Context) -> LifeCycle {
    context.report(Report::Resuming { addresses: context.addresses.vacant() });
    Starting::enter(context)
}
