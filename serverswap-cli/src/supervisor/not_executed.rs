//! The command could not be executed, and the process that was to become the server is about to end.

use std::time::Duration;

use super::context::Context;
use super::exit_policy;
use super::life_cycle::{LifeCycle, Phase, PhaseInput};
use crate::spawn::SpawnFailure;
use crate::ui::WaitingFor;

/// The process has said why, and ends by itself.
#[derive(Debug, Clone)]
pub(super) struct NotExecuted {
    pub(super) failure: SpawnFailure,
}

impl Phase for NotExecuted {
    fn handle(self, input: PhaseInput, context: &mut Context) -> LifeCycle {
        match input {
            PhaseInput::Exited { .. } => exit_policy::after_failed_start(self.failure, context),
            PhaseInput::Linked
            | PhaseInput::NotResponding
            | PhaseInput::Notice(_)
            | PhaseInput::Verdict(_)
            | PhaseInput::BarrierPassed
            | PhaseInput::Spawned(_)
            | PhaseInput::SpawnFailed(_)
            | PhaseInput::Launched(_)
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
