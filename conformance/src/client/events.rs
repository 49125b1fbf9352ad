//! `event`: what the driver tells.

use serde_json::{Map, Value, json};

use super::ClientRun;
use crate::runner::{Failure, MatchResult};
use crate::scenario::{EventStep, Pattern, Step};

/// Events that tell of no outcome: a driver may write them or not.
const PASSING: [&str; 2] = ["waiting", "warning"];

impl ClientRun {
    /// Looks at the next event.
    pub(super) fn look_at_event(
        &mut self,
        step: &EventStep,
        pending: &[&Step],
    ) -> Result<MatchResult, Failure> {
        let wanted = |event: &str| {
            pending
                .iter()
                .any(|step| matches!(step, Step::Event(EventStep { event: name, or, .. }) if name == event || or.iter().any(|other| other == event)))
        };
        let Some(driver) = &mut self.subject.driver else { return Ok(MatchResult::Met) };
        while driver.events().front().is_some_and(|event| is_passing(event) && !wanted(name(event))) {
            driver.pop_event();
        }
        let Some(head) = driver.events().front() else {
            return Ok(if step.before_reply { not_told(step) } else { MatchResult::Nothing });
        };
        let names: Vec<&String> = std::iter::once(&step.event).chain(&step.or).collect();
        let named =
            if step.or.is_empty() { Value::from(step.event.as_str()) } else { json!({"$one_of": names}) };
        let mut fields = Map::from_iter([("event".to_owned(), named)]);
        fields.extend(step.fields.clone());
        let pattern =
            Pattern::new(Value::Object(fields)).map_err(|error| Failure::Suite(error.to_string()))?;
        let head = Value::Object(head.clone());
        let mut bound = self.variables.clone();
        if let Err(mismatch) = pattern.check(Some(&head), &mut bound) {
            return Ok(MatchResult::Else(format!("the driver told {head}: {mismatch}")));
        }
        let told_before = driver.pop_event();
        self.variables = bound;
        Ok(if step.before_reply && !told_before { not_told(step) } else { MatchResult::Met })
    }
}

fn not_told(step: &EventStep) -> MatchResult {
    MatchResult::Else(format!("the event `{}` was not told before the driver's last reply", step.event))
}

/// Whether an event tells of no outcome.
pub(super) fn is_passing(event: &Map<String, Value>) -> bool {
    PASSING.contains(&name(event))
}

fn name(event: &Map<String, Value>) -> &str {
    event.get("event").and_then(Value::as_str).unwrap_or_default()
}
