//! The server is started as soon as there is an arbiter.

use std::time::Duration;

use super::SupervisorAction;
use super::context::Context;
use super::exit_policy;
use super::input::StopSignal;
use super::life_cycle::{ChildServer, EndReason, LifeCycle, Phase, PhaseInput};
use super::predecessors::DrainDeadlines;
use super::running::Running;
use super::stopping::Stopping;
use crate::ui::{Report, RunEnding, WaitingFor};

/// The first connection to an arbiter is awaited: without one, nothing is started.
#[derive(Debug, Clone)]
pub(super) struct AwaitingLink;

/// [`SupervisorAction::Spawn`] was requested.
#[derive(Debug, Clone)]
pub(super) struct Starting;

/// The same, and a signal came meanwhile: the server is ended as soon as it runs.
#[derive(Debug, Clone)]
pub(super) struct Cancelled {
    signal: StopSignal,
}

impl Phase for AwaitingLink {
    fn handle(self, input: PhaseInput, context: &mut Context) -> LifeCycle {
        match input {
            PhaseInput::Linked => Starting::enter(context),
            PhaseInput::StopSignal(signal) => exit_policy::done(RunEnding::Interrupted(signal), context),
            PhaseInput::NotResponding
            | PhaseInput::Notice(_)
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
        Some(context.waits_for_arbiter())
    }
}

impl Starting {
    pub(super) fn enter(context: &mut Context) -> LifeCycle {
        context.out.push(SupervisorAction::Spawn);
        Starting.into()
    }
}

impl Phase for Starting {
    fn handle(self, input: PhaseInput, context: &mut Context) -> LifeCycle {
        match input {
            PhaseInput::Spawned(server) => {
                started(server, context);
                Running::enter(server, context)
            }
            PhaseInput::SpawnFailed(failure) => exit_policy::after_failed_start(failure, context),
            PhaseInput::StopSignal(signal) => Cancelled { signal }.into(),
            PhaseInput::Linked
            | PhaseInput::NotResponding
            | PhaseInput::Notice(_)
            | PhaseInput::Verdict(_)
            | PhaseInput::BarrierPassed
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

    fn waits_for(&self, _: &Context) -> Option<WaitingFor> {
        None
    }
}

impl Phase for Cancelled {
    fn handle(self, input: PhaseInput, context: &mut Context) -> LifeCycle {
        match input {
            PhaseInput::Spawned(server) => {
                started(server, context);
                Stopping::terminate(server, EndReason::Signal(self.signal), context)
            }
            PhaseInput::SpawnFailed(_) => exit_policy::after_signal(self.signal, context),
            PhaseInput::Linked
            | PhaseInput::NotResponding
            | PhaseInput::Notice(_)
            | PhaseInput::Verdict(_)
            | PhaseInput::BarrierPassed
            | PhaseInput::Launched(_)
            | PhaseInput::Exited { .. }
            | PhaseInput::LeftoversGone
            | PhaseInput::Signalled { .. }
            | PhaseInput::StopSignal(_)
            | PhaseInput::Due => self.into(),
        }
    }

    fn deadline(&self) -> Option<Duration> {
        None
    }

    fn waits_for(&self, _: &Context) -> Option<WaitingFor> {
        None
    }
}

fn started(server: ChildServer, context: &mut Context) {
    let restarts = context.starts;
    context.pid = Some(server.pid);
    context.spawned_at = context.now;
    context.starts += 1;
    context.not_ready = None;
    context.becomes_ready = context.plan.starts.clone();
    (context.own_connections, context.own_deadlines) = (None, DrainDeadlines::default());
    context.addresses.server_started();
    context.report(Report::Started { command: context.plan.command.clone(), pid: server.pid, restarts });
}
