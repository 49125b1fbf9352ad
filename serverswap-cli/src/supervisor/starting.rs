//! The server is started as soon as there is an arbiter.

use std::time::Duration;

use super::Action;
use super::context::Context;
use super::event::StopSignal;
use super::exit_policy;
use super::running::Running;
use super::state::{EndReason, Input, Phase, Server, State};
use super::stopping::Stopping;
use crate::ui::{Ending, Report};

/// The first connection to an arbiter is awaited: without one, nothing is started.
#[derive(Debug, Clone)]
pub(super) struct Connecting;

/// [`Action::Spawn`] was requested.
#[derive(Debug, Clone)]
pub(super) struct Starting;

/// The same, and a signal came meanwhile: the server is ended as soon as it runs.
#[derive(Debug, Clone)]
pub(super) struct Cancelled {
    signal: StopSignal,
}

impl Phase for Connecting {
    fn handle(self, input: Input, context: &mut Context) -> State {
        match input {
            Input::Linked => Starting::enter(context),
            Input::StopSignal(signal) => exit_policy::done(Ending::Interrupted(signal), context),
            Input::NotResponding
            | Input::Notice(_)
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

impl Starting {
    pub(super) fn enter(context: &mut Context) -> State {
        context.out.push(Action::Spawn);
        Starting.into()
    }
}

impl Phase for Starting {
    fn handle(self, input: Input, context: &mut Context) -> State {
        match input {
            Input::Spawned(server) => {
                started(server, context);
                Running::enter(server, context)
            }
            Input::SpawnFailed(failure) => exit_policy::after_failed_start(failure, context),
            Input::StopSignal(signal) => Cancelled { signal }.into(),
            Input::Linked
            | Input::NotResponding
            | Input::Notice(_)
            | Input::Verdict(_)
            | Input::BarrierPassed
            | Input::Exited { .. }
            | Input::LeftoversGone
            | Input::Due => self.into(),
        }
    }

    fn deadline(&self) -> Option<Duration> {
        None
    }
}

impl Phase for Cancelled {
    fn handle(self, input: Input, context: &mut Context) -> State {
        match input {
            Input::Spawned(server) => {
                started(server, context);
                Stopping::terminate(server, EndReason::Signal(self.signal), context)
            }
            Input::SpawnFailed(_) => exit_policy::after_signal(self.signal, context),
            Input::Linked
            | Input::NotResponding
            | Input::Notice(_)
            | Input::Verdict(_)
            | Input::BarrierPassed
            | Input::Exited { .. }
            | Input::LeftoversGone
            | Input::StopSignal(_)
            | Input::Due => self.into(),
        }
    }

    fn deadline(&self) -> Option<Duration> {
        None
    }
}

fn started(server: Server, context: &mut Context) {
    let restarts = context.starts;
    context.pid = Some(server.pid);
    context.spawned_at = context.now;
    context.starts += 1;
    context.addresses.server_started();
    context.report(Report::Started { command: context.plan.command.clone(), pid: server.pid, restarts });
}
