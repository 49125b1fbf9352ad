//! The names that a step needs and binds, and what of a step the schema does not check.

use serde_json::{Map, Value};

use crate::contract;
use crate::scenario::pattern::Pattern;
use crate::scenario::process::{FakeServer, Probe, SilentServer, Start};
use crate::scenario::short::Short;
use crate::scenario::step::{ConnectTo, Descriptors, DriverStep, EventStep, Expect, Greet, Send, Step};
use crate::scenario::template::Template;
use crate::scenario::variables::names;
use crate::scenario::{Located, Offset, Split};

/// The names that a step needs and binds.
#[derive(Default)]
pub(super) struct Uses {
    pub needed: Vec<String>,
    pub bound: Vec<String>,
}

impl Uses {
    /// Adds those of a step.
    pub fn of_step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Driver(step) => self.of_driver(step),
            Step::Event(step) => self.of_event(step),
            Step::Send(send) => self.of_send(send),
            Step::Greet(greet) => {
                self.of_greet(greet);
                Ok(())
            }
            Step::Expect(Expect { message, .. }) => {
                message.names(&mut self.needed, &mut self.bound);
                Ok(())
            }
            Step::Listener(listener) => {
                self.needed.extend(names(&listener.at).map(str::to_owned));
                self.bound.push(format!("{}.address", listener.name));
                Ok(())
            }
            Step::ConnectTo(connect) => self.of_connect(connect),
            Step::Descriptors(step) => of_descriptors(step),
            Step::AnyOrder(steps) => any_order(steps),
            Step::Start(Short(Start { name, .. })) => {
                self.bound.push(format!("{name}.pid"));
                Ok(())
            }
            Step::FakeServer(FakeServer { name, .. }) => {
                self.bound.extend(["pid", "generation"].map(|fact| format!("{name}.{fact}")));
                Ok(())
            }
            Step::SilentServer(SilentServer { name, .. }) => {
                self.bound.push(format!("{name}.pid"));
                Ok(())
            }
            Step::Probe(Probe { begin, end, .. }) => {
                self.needed.extend(begin.iter().chain(end).flat_map(|text| names(text)).map(str::to_owned));
                Ok(())
            }
            Step::Kill(_) => Ok(()),
            Step::Accept(_)
            | Step::Quiet(_)
            | Step::Descriptor(_)
            | Step::Answered(_)
            | Step::Closed(_)
            | Step::Close(_)
            | Step::Shutdown(_)
            | Step::Reset(_)
            | Step::Stall(_)
            | Step::Resume(_)
            | Step::Unlisten(_)
            | Step::Limit(_)
            | Step::Listen {}
            | Step::Signal(_)
            | Step::Exits(_) => Ok(()),
        }
    }

    fn of_driver(&mut self, step: &DriverStep) -> Result<(), String> {
        contract::check_template(&step.cmd, &step.fields)?;
        self.of_object(&step.fields)?;
        if let Some(reply) = &step.reply {
            reply.names(&mut self.needed, &mut self.bound);
        }
        Ok(())
    }

    fn of_event(&mut self, step: &EventStep) -> Result<(), String> {
        contract::check_event_keys(&step.event, &step.fields)?;
        let pattern = Pattern::new(Value::Object(step.fields.clone())).map_err(|error| error.to_string())?;
        pattern.names(&mut self.needed, &mut self.bound);
        Ok(())
    }

    fn of_send(&mut self, send: &Send) -> Result<(), String> {
        let forms =
            [send.message.is_some(), send.lines.is_some(), send.raw.is_some(), send.raw_b64.is_some()];
        if forms.iter().filter(|there| **there).count() != 1 {
            return Err("exactly one of `message`, `lines`, `raw` and `raw_b64` is there".to_owned());
        }
        for template in send.message.iter().chain(send.lines.iter().flatten()) {
            template.names(&mut self.needed, &mut self.bound);
        }
        self.needed.extend(send.raw.iter().flat_map(|raw| names(raw)).map(str::to_owned));
        let Split(offsets) = &send.split;
        for offset in offsets.iter().chain(send.cut.iter().flat_map(|Split(cut)| cut)) {
            match offset {
                Offset::Variable(name) => self.needed.push(name.clone()),
                Offset::Bytes(_) | Offset::Each => {}
            }
        }
        Ok(())
    }

    fn of_greet(&mut self, greet: &Greet) {
        for template in greet.greeting.iter().chain(&greet.welcome) {
            template.names(&mut self.needed, &mut self.bound);
        }
        if let Some(hello) = &greet.hello {
            hello.names(&mut self.needed, &mut self.bound);
        }
    }

    fn of_connect(&mut self, connect: &ConnectTo) -> Result<(), String> {
        if connect.listener.is_some() == connect.address.is_some() {
            return Err("exactly one of `listener` and `address` is there".to_owned());
        }
        self.needed.extend(connect.address.iter().flat_map(|text| names(text)).map(str::to_owned));
        Ok(())
    }

    fn of_object(&mut self, fields: &Map<String, Value>) -> Result<(), String> {
        let template = Template::new(Value::Object(fields.clone())).map_err(|error| error.to_string())?;
        template.names(&mut self.needed, &mut self.bound);
        Ok(())
    }
}

fn of_descriptors(step: &Descriptors) -> Result<(), String> {
    let forms = [step.remember.is_some(), step.equal.is_some(), step.of.is_some(), step.sockets.is_some()];
    if forms.iter().filter(|there| **there).count() != 1 {
        return Err("exactly one of `remember`, `equal`, `of` and `sockets` is there".to_owned());
    }
    let about = [step.count.is_some(), step.at_least.is_some(), step.close_on_exec, step.non_blocking];
    if about.iter().filter(|there| **there).count() != usize::from(step.of.is_some()) {
        return Err(
            "with `of`, exactly one of `count`, `at_least`, `close_on_exec` and `non_blocking` is there"
                .to_owned(),
        );
    }
    Ok(())
}

fn any_order(steps: &[Located<Step>]) -> Result<(), String> {
    let waits = |step: &Step| matches!(step, Step::Expect(_) | Step::Event(_) | Step::Closed(_));
    match steps.iter().find(|step| !waits(&step.value)) {
        Some(other) => Err(format!(
            "`{}` cannot be in `any_order`: `expect`, `event` and `closed` can",
            other.value.word()
        )),
        None => Ok(()),
    }
}
