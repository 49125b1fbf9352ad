//! One case from beginning to end.

use serde_json::Value;

use super::failure::Failure;
use super::fault::ArbiterFault;
use super::stage::Stage;
use super::{Settings, SupervisorCommand};
use crate::report::{Case, Check, Outcome};
use crate::sandbox::{Sandbox, free_address};
use crate::scenario::{Instance, Scenario, Variables};

/// The check that every line of the arbiter fits the strict schema and the state tables.
pub const WIRE_VALID: &str = "wire-valid";

/// What [`WIRE_VALID`] proves in every case.
pub const WIRE_VALID_SPEC: [&str; 13] = [
    "SS-LINE-1",
    "SS-LINE-2",
    "SS-LINE-3",
    "SS-LINE-4",
    "SS-LINE-5",
    "SS-LINE-6",
    "SS-LINE-7",
    "SS-LINE-8",
    "SS-FD-1",
    "SS-FD-7",
    "SS-REQ-2",
    "SS-REQ-3",
    "SS-REQ-4",
];

/// Plays one case against a command, with the fault of a mutant or none, and reports it.
#[must_use]
pub fn play(
    instance: &Instance,
    command: &SupervisorCommand,
    settings: Settings,
    fault: Box<dyn ArbiterFault>,
) -> Case {
    let Instance { id, scenario, .. } = instance;
    let Scenario { title, level, spec, .. } = scenario.as_ref();
    let mut case = Case {
        id: id.clone(),
        title: title.clone(),
        level: *level,
        spec: spec.clone(),
        outcome: Outcome::Passed,
        checks: Vec::new(),
        millis: 0,
        trace: Vec::new(),
        stderr: String::new(),
    };
    let sandbox = match Sandbox::new() {
        Ok(sandbox) => sandbox,
        Err(error) => {
            case.outcome = Outcome::Suite { why: error.to_string() };
            return case;
        }
    };
    let mut stage =
        Stage::new(&sandbox, command, settings.budget, given(instance, &sandbox), &scenario.steps);
    stage.fault = fault;
    let played = stage.play(&scenario.steps);
    case.outcome = outcome(&mut stage, played);
    case.stderr = stage.started.iter().map(|(name, started)| said(name, &started.said())).collect();
    let Stage { checks, trace, .. } = stage;
    (case.checks, case.millis, case.trace) = (checks, trace.millis(), trace.into_lines());
    case
}

/// The names that a case begins with.
fn given(instance: &Instance, sandbox: &Sandbox) -> Variables {
    let mut variables = Variables::default();
    variables.set("dir", sandbox.runtime_dir().display().to_string());
    variables.set("suite_pid", std::process::id());
    variables.set("address", free_address().to_string());
    variables.set("other_address", free_address().to_string());
    for (name, text) in &instance.scenario.texts {
        variables.set(name.clone(), text.repeat.repeat(text.times));
    }
    for (name, value) in &instance.values {
        variables.set(name.clone(), Value::clone(value));
    }
    variables
}

fn outcome(stage: &mut Stage<'_>, played: Result<(), Failure>) -> Outcome {
    let message = stage.wire_fault.take();
    let spec = WIRE_VALID_SPEC.map(str::to_owned).to_vec();
    stage.checks.push(Check { name: WIRE_VALID.to_owned(), spec, passed: message.is_none(), message });
    match played {
        Err(Failure::Suite(why)) => Outcome::Suite { why },
        Ok(()) | Err(Failure::Subject(_)) => {
            if stage.checks.iter().all(|check| check.passed) {
                Outcome::Passed
            } else {
                Outcome::Failed
            }
        }
    }
}

fn said(name: &str, text: &str) -> String {
    text.lines().map(|line| format!("{name}: {line}\n")).collect()
}
