//! What each step does.

use super::failure::Failure;
use super::stage::Stage;
use crate::report::Check;
use crate::scenario::{Located, Short, Step};

/// The check of expectations that have no name of their own.
const UNNAMED: &str = "steps";

impl Stage<'_> {
    /// Plays the steps up to the first that fails.
    pub(super) fn play(&mut self, steps: &[Located<Step>]) -> Result<(), Failure> {
        for step in steps {
            if let Err(failure) = self.play_step(step) {
                let said = format!("line {}, `{}`: {failure}", step.line, step.value.word());
                return Err(match failure {
                    Failure::Subject(message) => {
                        self.failed(&step.value, said);
                        Failure::Subject(message)
                    }
                    Failure::Suite(_) => Failure::Suite(said),
                });
            }
        }
        Ok(())
    }

    fn play_step(&mut self, step: &Located<Step>) -> Result<(), Failure> {
        self.reach(&step.value)?;
        match &step.value {
            Step::Expect(_) | Step::Closed(_) => return self.await_all(std::slice::from_ref(step)),
            Step::AnyOrder(steps) => return self.await_all(steps),
            Step::Start(Short(start)) => self.start(start)?,
            Step::Puppet(puppet) => self.take_puppet(puppet)?,
            Step::Kill(Short(kill)) => self.signal_to(&kill.name, rustix::process::Signal::KILL)?,
            Step::Signal(signal) => self.signal(signal)?,
            Step::Exits(exits) => self.exits(exits)?,
            Step::Probe(probe) => self.probe(probe)?,
            Step::Greet(Short(greet)) => self.greet(&greet.on)?,
            Step::Send(send) => self.send(send)?,
            Step::Quiet(Short(quiet)) => self.quiet(&quiet.on)?,
            Step::Close(Short(on)) => self.close(&on.on)?,
            Step::Shutdown(Short(on)) => self.link(&on.on)?.shutdown(),
            Step::Stall(Short(on)) => self.link(&on.on)?.stall(true),
            Step::Resume(Short(on)) => self.link(&on.on)?.stall(false),
            Step::Descriptor(descriptor) => self.open(descriptor)?,
            Step::Listener(listener) => self.listen(listener)?,
            Step::Driver(_)
            | Step::Accept(_)
            | Step::Event(_)
            | Step::ConnectTo(_)
            | Step::Answered(_)
            | Step::Reset(_)
            | Step::Unlisten(_)
            | Step::Listen {}
            | Step::Limit(_)
            | Step::Descriptors(_) => {
                let word = step.value.word();
                return Err(Failure::Suite(format!("`{word}` belongs to scenarios of the role `client`")));
            }
        }
        self.passed(&step.value);
        Ok(())
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
        let mut steps = Vec::new();
        step.visit(&mut |step| steps.push(step));
        let named = steps.iter().filter_map(|step| step.checked());
        let mut named = named.filter_map(|checked| Some((checked.check.clone()?, checked.spec.clone())));
        let unmet =
            named.find(|(name, _)| !self.checks.iter().any(|check| check.name == *name && check.passed));
        let (name, spec) = unmet.unwrap_or((UNNAMED.to_owned(), Vec::new()));
        self.checks.push(Check { name, spec, passed: false, message: Some(message) });
    }
}
