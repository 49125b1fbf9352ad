//! One case from beginning to end.

use super::steps::Supervisor;
use super::{SupervisorCommand, SupervisorSettings};
use crate::report::{Case, Outcome};
use crate::runner::{CaseResult, CaseRun, Fault};
use crate::sandbox::{Sandbox, free_address};
use crate::scenario::Instance;

/// What [`crate::runner::WIRE_VALID`] proves in every case.
pub const WIRE_VALID_SPEC: [&str; 20] = [
    "SS-LINE-1",
    "SS-LINE-2",
    "SS-LINE-3",
    "SS-LINE-4",
    "SS-LINE-5",
    "SS-LINE-6",
    "SS-LINE-7",
    "SS-LINE-8",
    "SS-LINE-9",
    "SS-LINE-15/1",
    "SS-FD-1",
    "SS-FD-7/1",
    "SS-FD-7/2",
    "SS-FD-6",
    "SS-REQ-2",
    "SS-REQ-3",
    "SS-REQ-4",
    "SS-REQ-1",
    "SS-ERR-2",
    "SS-STATE-1",
];

/// Plays one case against a command, with the fault of a mutant or none, and reports it.
#[must_use]
pub fn play(
    instance: &Instance,
    command: &SupervisorCommand,
    settings: SupervisorSettings,
    fault: Box<dyn Fault>,
) -> Case {
    let sandbox = match Sandbox::new() {
        Ok(sandbox) => sandbox,
        Err(error) => return CaseResult::none(Outcome::Suite { why: error.to_string() }).of(instance),
    };
    let mut run = CaseRun::new(Supervisor::new(&sandbox, command), settings.budget, fault);
    run.variables.set("dir", sandbox.runtime_dir().display().to_string());
    run.variables.set("suite_pid", std::process::id());
    run.variables.set("address", free_address().to_string());
    run.variables.set("other_address", free_address().to_string());
    run.prepare(instance);
    let played = run.play(&instance.scenario);
    run.finish(played).of(instance)
}
