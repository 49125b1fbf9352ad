//! What each step does.

mod awaited;
mod barrier;
mod descriptors;
mod greet;
mod process;
mod sending;
mod talking;
mod users;

use super::failure::Failure;
use super::stage::Stage;
use crate::report::Check;
use crate::scenario::{Located, Short, Step, Unlisten};

/// The check of expectations that have no name of their own.
const UNNAMED: &str = "steps";

impl Stage {
    /// Plays the steps up to the first that fails.
    pub fn play(&mut self, steps: &[Located<Step>]) -> Result<(), Failure> {
        for step in steps {
            self.narrate(step);
            if let Err(failure) = self.play_times(step) {
                let said = format!("line {}, `{}`: ", step.line, step.value.word());
                return Err(match failure {
                    Failure::Client(message) => {
                        self.failed(&step.value, format!("{said}{message}"));
                        Failure::Client(message)
                    }
                    Failure::Driver(message) => {
                        Failure::Driver(format!("{message} ({})", said.trim_end_matches(": ")))
                    }
                    Failure::Suite(message) => Failure::Suite(format!("{said}{message}")),
                });
            }
        }
        Ok(())
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

    /// Tells the fault which checks come now.
    fn reach_checks(&mut self, step: &Step) -> Result<(), Failure> {
        let mut checks = Vec::new();
        step.visit(&mut |step| checks.extend(step.checked().and_then(|checked| checked.check.clone())));
        checks.iter().try_for_each(|check| self.reach(check))
    }

    fn play_step(&mut self, step: &Located<Step>) -> Result<(), Failure> {
        match &step.value {
            Step::Expect(_) | Step::Event(_) | Step::Closed(_) => {
                return self.await_all(std::slice::from_ref(step));
            }
            Step::AnyOrder(steps) => return self.await_all(steps),
            Step::Driver(driver) => self.command(driver)?,
            Step::Accept(Short(accept)) => {
                let socket = self.accept(&"a connection of the client", accept.within_ms)?;
                self.add_link(&accept.on, socket);
            }
            Step::Send(send) => self.send(send)?,
            Step::Greet(Short(greet)) => self.greet(greet)?,
            Step::Quiet(Short(quiet)) => self.quiet(&quiet.on)?,
            Step::Listener(listener) => self.listener(listener)?,
            Step::Descriptor(descriptor) => {
                let opened = self.props.open(&descriptor.name, descriptor.kind);
                opened.map_err(Failure::io("cannot open a descriptor"))?;
            }
            Step::ConnectTo(connect) => self.connect_to(connect)?,
            Step::Answered(answered) => self.answered(&answered.on, &answered.expect)?,
            Step::Close(Short(on)) => self.close(&on.on)?,
            Step::Shutdown(Short(on)) => self.link(&on.on)?.shutdown(),
            Step::Reset(Short(on)) => self.reset(&on.on)?,
            Step::Stall(Short(on)) => self.link(&on.on)?.stall(true),
            Step::Resume(Short(on)) => self.link(&on.on)?.stall(false),
            Step::Unlisten(Unlisten { leave }) => {
                self.trace.remark(None, "nobody listens on the socket of the arbiter any more");
                self.arbiter.unlisten(*leave).map_err(Failure::io("cannot remove the socket"))?;
            }
            Step::Listen {} => {
                self.trace.remark(None, "another arbiter binds the socket");
                self.arbiter.listen().map_err(Failure::io("cannot bind the socket"))?;
            }
            Step::Signal(signal) => self.signal(signal)?,
            Step::Exits(exits) => self.exits(exits)?,
            Step::Descriptors(descriptors) => self.descriptors_step(descriptors)?,
            Step::Limit(limit) => self.limit(limit.nofile)?,
            Step::Start(_) | Step::Puppet(_) | Step::Kill(_) | Step::Probe(_) => {
                let word = step.value.word();
                return Err(Failure::Suite(format!(
                    "`{word}` belongs to scenarios of the role `supervisor`"
                )));
            }
        }
        self.passed(&step.value);
        Ok(())
    }

    /// Notes that an expectation with a name was met.
    fn passed(&mut self, step: &Step) {
        if let Some(checked) = step.checked()
            && let Some(name) = checked.check
        {
            let (name, spec) = (name.clone(), checked.spec.clone());
            self.checks.push(Check { name, spec, passed: true, message: None });
        }
    }

    fn failed(&mut self, step: &Step, message: String) {
        let checked = self.failing(step).unwrap_or((UNNAMED.to_owned(), Vec::new()));
        let (name, spec) = checked;
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
