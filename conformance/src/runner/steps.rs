//! The steps of a case, one after the other, and the checks that follow from them.

use super::{CaseRun, Failure, SubjectUnderTest};
use crate::report::Check;
use crate::scenario::{DescriptorStep, ListenerStep, Located, Scenario, Step};

/// The check of expectations that have no name of their own.
const UNNAMED: &str = "steps";

impl<S: SubjectUnderTest> CaseRun<S> {
    /// Plays the steps up to the first that fails.
    pub fn play(&mut self, scenario: &Scenario) -> Result<(), Failure> {
        for (number, step) in scenario.numbered() {
            S::begins(self, number, &step.value);
            if let Err(failure) = self.play_times(step) {
                let place = self.place(scenario, number, step);
                return Err(match failure {
                    Failure::Subject(message) => {
                        self.failed(&step.value, format!("{place}: {message}"));
                        Failure::Subject(message)
                    }
                    Failure::Driver(message) => Failure::Driver(format!("{message} ({place})")),
                    Failure::Suite(message) => Failure::Suite(format!("{place}: {message}")),
                });
            }
        }
        Ok(())
    }

    /// Where a step stands: its number is the one of `explain`; only a file of the user's has lines to look at.
    fn place(&self, scenario: &Scenario, number: usize, step: &Located<Step>) -> String {
        let file = scenario.file.as_ref().map(|file| format!("{file}:{}: ", step.line)).unwrap_or_default();
        let time = match (step.value.times(), self.variables.value("i")) {
            (Some(times), Ok(count)) => format!(", time {count} of {times}"),
            (Some(_) | None, Ok(_) | Err(_)) => String::new(),
        };
        format!("{file}step {number}, `{}`{time}", step.value.word())
    }

    /// Plays a step as often as it says.
    fn play_times(&mut self, step: &Located<Step>) -> Result<(), Failure> {
        self.reach_checks(&step.value)?;
        let Some(times) = step.value.times() else { return self.play_step(step) };
        let passed = self.checks.len();
        for count in 1..=times {
            self.variables.set("i", count);
            self.checks.truncate(passed);
            self.play_step(step)?;
        }
        Ok(())
    }

    fn play_step(&mut self, step: &Located<Step>) -> Result<(), Failure> {
        if matches!(step.value, Step::Expect(_) | Step::Event(_) | Step::Closed(_)) {
            return self.await_all(std::slice::from_ref(step));
        }
        if let Step::AnyOrder(steps) = &step.value {
            return self.await_all(steps);
        }
        S::play_step(self, &step.value)?;
        self.passed(&step.value);
        Ok(())
    }

    /// Opens the listener of an address.
    pub fn listener(&mut self, step: &ListenerStep) -> Result<(), Failure> {
        let at = self.variables.fill_text(&step.at)?;
        let address = self.fixtures.listen(&step.name, &at);
        let address =
            address.map_err(|error| Failure::Suite(format!("cannot open a listener at `{at}`: {error}")))?;
        self.variables.set(format!("{}.address", step.name), address);
        Ok(())
    }

    /// Opens a descriptor.
    pub fn descriptor(&mut self, step: &DescriptorStep) -> Result<(), Failure> {
        self.fixtures.open(&step.name, step.kind).map_err(Failure::io("cannot open a descriptor"))
    }

    /// Notes that an expectation with a name was met.
    pub(super) fn passed(&mut self, step: &Step) {
        if let Some(checked) = step.checked()
            && let Some(name) = checked.check
        {
            let (name, spec) = (name.clone(), checked.spec.clone());
            self.checks.push(Check { name, spec, passed: true, message: None });
        }
    }

    fn failed(&mut self, step: &Step, message: String) {
        let (name, spec) = self.failing(step).unwrap_or((UNNAMED.to_owned(), Vec::new()));
        self.checks.push(Check { name, spec, passed: false, message: Some(message) });
    }

    /// The name of the check that fails with a step: in `any_order`, the first that was not met.
    fn failing(&self, step: &Step) -> Option<(String, Vec<String>)> {
        let mut steps = Vec::new();
        step.visit(&mut |step| steps.push(step));
        let named = steps.iter().filter_map(|step| step.checked());
        let mut named = named.filter_map(|checked| Some((checked.check.clone()?, checked.spec.clone())));
        named.find(|(name, _)| !self.checks.iter().any(|check| check.name == *name && check.passed))
    }
}
