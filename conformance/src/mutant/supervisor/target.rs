//! Which checks the cases of the role supervisor have.

use crate::mutant::Target;
use crate::report::Role;
use crate::runner::WIRE_VALID;
use crate::scenario::{Catalogue, Instance, Selection, Step};

/// Every check of the cases for supervisors, with that of the whole case last. Every permutation of
/// a matrix is a case.
#[must_use]
pub fn supervisor_checks(catalogue: &Catalogue) -> Vec<Target> {
    let cases = catalogue.select(Role::Supervisor, &Selection::default());
    cases.iter().flat_map(of_case).collect()
}

fn of_case(instance: &Instance) -> Vec<Target> {
    let mut targets = Vec::new();
    let target = |check: &str, step, of: &str| Target {
        case: instance.id.clone(),
        check: check.to_owned(),
        step,
        of: of.to_owned(),
        is_slow: false,
    };
    for step in &instance.scenario.steps {
        step.value.visit(&mut |step| {
            let check = step.checked().and_then(|checked| checked.check.as_deref());
            targets.extend(check.map(|check| target(check, Some(step.word()), about(step))));
        });
    }
    targets.push(target(WIRE_VALID, None, ""));
    targets
}

/// The type of an `expect`; of `exits`, whether the status is looked at or only the end.
fn about(step: &Step) -> &str {
    if let Step::Expect(expect) = step {
        return expect.message.text("type").unwrap_or_default();
    }
    let Step::Exits(exits) = step else { return "" };
    if exits.status.is_some() || exits.signal.is_some() { "status" } else { "end" }
}
