//! Mistakes that the schema does not find: names without a value or a meaning, checks with
//! the same name, steps of the other role, unknown commands and requirements.

mod places;
mod uses;

use std::collections::BTreeSet;

use self::places::Places;
use self::uses::Uses;
use super::step::Step;
use super::{Located, Scenario, matrix};
use crate::report::{Role, check_citation};

/// A mistake and where it is.
pub(super) enum Mistake {
    /// In a key of the head.
    Head { key: &'static str, message: String },
    /// In a step.
    Step { line: u64, message: String },
}

/// The values that every case of a role begins with; `i` counts repetitions of a step.
fn given(role: Role) -> &'static [&'static str] {
    match role {
        Role::Client => &["socket", "dir", "generation", "pid", "driver_pid", "i"],
        Role::Supervisor => &["dir", "suite_pid", "address", "other_address", "i"],
    }
}

/// Finds the first mistake.
pub(super) fn review(scenario: &Scenario, id: &str) -> Result<(), Mistake> {
    let head = |key, message| Err(Mistake::Head { key, message });
    if scenario.id != id {
        return head("id", format!("the id of this file is `{id}`, not `{}`", scenario.id));
    }
    if !(1..=3).contains(&scenario.level) {
        return head("level", format!("a level is 1, 2 or 3, not {}", scenario.level));
    }
    if let Err(message) = check_citations(&scenario.spec, scenario.role) {
        return head("spec", message);
    }
    if scenario.role == Role::Client && !scenario.capabilities.is_empty() {
        return head("capabilities", "they are those of an arbiter, which here is the suite".to_owned());
    }
    if let Err(message) = matrix::review(scenario) {
        return head("matrix", message);
    }
    let role = scenario.role;
    let mut review =
        Review { role, known: BTreeSet::new(), checks: BTreeSet::new(), places: Places::new(role) };
    review.known.extend(given(role).iter().map(|name| (*name).to_owned()));
    review.known.extend(scenario.matrix.keys().cloned());
    review.known.extend(scenario.texts.keys().cloned());
    review.steps(&scenario.steps)
}

struct Review {
    role: Role,
    /// The names that have a value.
    known: BTreeSet<String>,
    checks: BTreeSet<String>,
    places: Places,
}

impl Review {
    fn steps(&mut self, steps: &[Located<Step>]) -> Result<(), Mistake> {
        for Located { line, value } in steps {
            if let Step::AnyOrder(steps) = value {
                self.steps(steps)?;
            }
            self.step(value).map_err(|message| Mistake::Step { line: *line, message })?;
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        if let Some(role) = step.role().filter(|role| *role != self.role) {
            let role = match role {
                Role::Client => "client",
                Role::Supervisor => "supervisor",
            };
            return Err(format!("`{}` belongs to scenarios of the role `{role}`", step.word()));
        }
        if let Some(checked) = step.checked() {
            if let Some(name) = checked.check
                && !self.checks.insert(name.clone())
            {
                return Err(format!("another step has the check `{name}`, too"));
            }
            check_citations(checked.spec, self.role)?;
        }
        self.places.of_step(step)?;
        let mut uses = Uses::default();
        uses.of_step(step)?;
        for name in &uses.needed {
            if !self.known.contains(name) {
                return Err(format!("`${name}` has no value here: no step before it binds it"));
            }
        }
        self.known.extend(uses.bound);
        Ok(())
    }
}

fn check_citations(spec: &[String], role: Role) -> Result<(), String> {
    spec.iter().try_for_each(|citation| check_citation(citation, role))
}
