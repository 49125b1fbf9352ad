//! The server is being started.

use serverswap::protocol::message::Form;

use super::context::Context;
use super::event::StopSignal;
use super::exit_policy;
use super::plan::Restart;
use super::running::Running;
use super::state::{Cause, EndReason, Input, Server, State};
use super::stopping::Stopping;
use super::{Action, between_servers::Backoff};
use crate::spawn::SpawnFailure;
use crate::ui::{Ending, Report};

/// The first connection to an arbiter is awaited: without one, nothing is started.
#[derive(Debug, Clone)]
pub(super) struct Connecting {}

/// [`Action::Spawn`] was asked for.
#[derive(Debug, Clone)]
pub(super) struct Starting {}

/// The same, and a signal came meanwhile: the server is ended as soon as it runs.
#[derive(Debug, Clone)]
pub(super) struct Cancelled {
    signal: StopSignal,
}

impl Connecting {
    pub(super) fn handle(self, input: Input, context: &mut Context) -> State {
        match input {
            Input::Linked => Starting::enter(context),
            Input::StopSignal(signal) => exit_policy::over(Ending::Interrupted(signal), context),
            Input::Notice(_)
            | Input::Verdict(_)
            | Input::BarrierPassed
            | Input::NotResponding
            | Input::Spawned { .. }
            | Input::SpawnFailed(_)
            | Input::Exited { .. }
            | Input::LeftoversGone => State::Connecting(self),
        }
    }
}

impl Starting {
    pub(super) fn enter(context: &mut Context) -> State {
        context.out.push(Action::Spawn);
        State::Starting(Starting {})
    }

    pub(super) fn handle(self, input: Input, context: &mut Context) -> State {
        match input {
            Input::Spawned { pid } => Running::enter(spawned(pid, context), context),
            Input::SpawnFailed(failure) => not_started(failure, context),
            Input::StopSignal(signal) => State::Cancelled(Cancelled { signal }),
            Input::Linked
            | Input::NotResponding
            | Input::Notice(_)
            | Input::Verdict(_)
            | Input::BarrierPassed
            | Input::Exited { .. }
            | Input::LeftoversGone => State::Starting(self),
        }
    }
}

impl Cancelled {
    pub(super) fn handle(self, input: Input, context: &mut Context) -> State {
        match input {
            Input::Spawned { pid } => {
                Stopping::terminate(spawned(pid, context), cause(self.signal, context), context)
            }
            Input::SpawnFailed(_) => exit_policy::stopped(self.signal, context),
            Input::Linked
            | Input::NotResponding
            | Input::Notice(_)
            | Input::Verdict(_)
            | Input::BarrierPassed
            | Input::Exited { .. }
            | Input::LeftoversGone
            | Input::StopSignal(_) => State::Cancelled(self),
        }
    }
}

/// Why a server ends when the supervisor is asked to stop.
pub(super) fn cause(signal: StopSignal, context: &Context) -> Cause {
    match context.plan.form {
        Form::Stay => Cause::Stop(signal),
        Form::Leave => Cause::Refused(EndReason::Interrupted(signal)),
    }
}

fn spawned(pid: u32, context: &mut Context) -> Server {
    context.pid = Some(pid);
    context.spawned_at = context.now;
    context.addresses.forget_claims();
    let restarts = context.starts;
    context.starts += 1;
    context.report(Report::Started { command: context.plan.command.clone(), pid, restarts });
    Server { pid }
}

/// A first start that fails is the end; a later one is tried again, for a file that is
/// being replaced may be back in a moment.
fn not_started(failure: SpawnFailure, context: &mut Context) -> State {
    let again = !context.addresses.owned().is_empty()
        && context.plan.form == Form::Stay
        && context.plan.restart != Restart::Never;
    if again {
        context.report(Report::NotStarted { failure });
        return Backoff::enter(std::time::Duration::ZERO, context);
    }
    exit_policy::over(Ending::NotStarted(failure), context)
}
