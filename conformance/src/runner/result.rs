//! How a case begins and what its report says.

use super::{CaseRun, Failure, SubjectUnderTest, WIRE_VALID};
use crate::report::{Case, Check, Outcome, TraceLine};
use crate::scenario::{Instance, Scenario, Step};

/// What came of playing a case.
pub(crate) struct CaseResult {
    pub outcome: Outcome,
    pub checks: Vec<Check>,
    pub millis: u64,
    pub trace: Vec<TraceLine>,
    pub stderr: String,
}

impl CaseResult {
    /// A case that was not played.
    pub fn none(outcome: Outcome) -> CaseResult {
        CaseResult { outcome, checks: Vec::new(), millis: 0, trace: Vec::new(), stderr: String::new() }
    }

    /// The same for a subject of which no line was validated.
    pub fn without_wire(mut self) -> CaseResult {
        self.checks.retain(|check| check.name != WIRE_VALID);
        self
    }

    /// The result of a case of the catalogue.
    pub fn of(self, instance: &Instance) -> Case {
        let Scenario { title, level, spec, .. } = instance.scenario.as_ref();
        self.named(&instance.id, title, *level, spec.clone())
    }

    /// The result of a case with this id.
    pub fn named(self, id: &str, title: &str, level: u8, spec: Vec<String>) -> Case {
        let CaseResult { outcome, checks, millis, trace, stderr } = self;
        Case {
            id: id.to_owned(),
            title: title.to_owned(),
            level,
            spec,
            outcome,
            checks,
            millis,
            trace,
            stderr,
        }
    }
}

impl<S: SubjectUnderTest> CaseRun<S> {
    /// Takes over what a scenario says of the whole case.
    pub fn prepare(&mut self, instance: &Instance) {
        for (name, text) in &instance.scenario.texts {
            self.variables.set(name.clone(), text.repeat.repeat(text.times));
        }
        for (name, value) in &instance.values {
            self.variables.set(name.clone(), value.clone());
        }
        self.answers_pings = !expects_pings(&instance.scenario);
    }

    /// Notes a check that no step has.
    pub fn note(&mut self, name: &str, spec: Vec<String>, result: Result<(), String>) {
        let message = result.err();
        self.checks.push(Check { name: name.to_owned(), spec, passed: message.is_none(), message });
    }

    /// What the checks and the failure of a case mean together.
    pub fn finish(mut self, played: Result<(), Failure>) -> CaseResult {
        let wire = self.wire_fault.take().map_or(Ok(()), Err);
        self.note(WIRE_VALID, S::WIRE_VALID_SPEC.iter().map(|&id| id.to_owned()).collect(), wire);
        let stderr = self.subject.stderr();
        let CaseRun { checks, trace, .. } = self;
        let outcome = outcome_of(played, &checks);
        CaseResult { outcome, checks, millis: trace.millis(), trace: trace.into_lines(), stderr }
    }
}

/// What checks and a failure mean together.
fn outcome_of(played: Result<(), Failure>, checks: &[Check]) -> Outcome {
    match played {
        Err(failure @ (Failure::Driver(_) | Failure::Suite(_))) => {
            Outcome::Suite { why: failure.to_string() }
        }
        Ok(()) | Err(Failure::Subject(_)) => {
            if checks.iter().all(|check| check.passed) {
                Outcome::Passed
            } else {
                Outcome::Failed
            }
        }
    }
}

/// Whether a scenario looks at pings by itself.
fn expects_pings(scenario: &Scenario) -> bool {
    let mut expects = false;
    for step in &scenario.steps {
        step.value.visit(&mut |step| {
            expects |= matches!(step, Step::Expect(expect) if expect.message.text("type") == Some("ping"));
        });
    }
    expects
}
