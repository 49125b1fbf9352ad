//! `greet`: what most cases begin with.

use std::os::fd::OwnedFd;

use serde_json::{Map, Value, json};
use serverswap_protocol::message::Limits;

use crate::engine::failure::Failure;
use crate::engine::stage::Stage;
use crate::peer::{Heard, Judged, same_file};
use crate::scenario::{Greet, Template};

impl Stage {
    pub(super) fn greet(&mut self, greet: &Greet) -> Result<(), Failure> {
        let greeting = json!({
            "type": "greeting",
            "versions": [1],
            "arbiter": {"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION"), "pid": std::process::id()},
            "capabilities": {},
            "limits": Limits::V1,
        });
        self.say_replaced(&greet.on, greeting, greet.greeting.as_ref())?;
        let hello = self.await_hello(greet)?;
        let object = hello.object.clone().unwrap_or_default();
        if let Some(pattern) = &greet.hello {
            let checked = pattern.check(Some(&object), &mut self.variables);
            checked.map_err(|mismatch| Failure::Client(format!("`{}`: {mismatch}", hello.text)))?;
        }
        let mut heard = vec![hello];
        while more(heard.last()) {
            heard.push(self.await_type(&greet.on, "holding", greet.within_ms)?);
        }
        if let Some(names) = &greet.fds {
            self.check_attached(&heard, names)?;
        }
        let mut welcome = json!({"type": "welcome", "re": object["id"], "version": object["version"]});
        if let Some(generation) = object.get("generation") {
            welcome["generation"] = generation.clone();
        }
        welcome["capabilities"] = json!({});
        self.say_replaced(&greet.on, welcome, greet.welcome.as_ref())
    }

    fn await_hello(&mut self, greet: &Greet) -> Result<Heard, Failure> {
        self.await_type(&greet.on, "hello", greet.within_ms)
    }

    fn await_type(&mut self, name: &str, kind: &str, within: Option<u64>) -> Result<Heard, Failure> {
        let what = format!("`{kind}` on `{name}`");
        let heard = self.wait(&what, within, &mut |stage| {
            let link = stage.link(name)?;
            match (link.take(), link.ended()) {
                (Some(heard), _) => Ok(Some(heard)),
                (None, Some(_)) => {
                    Err(Failure::Client(format!("the client has ended `{name}`; {what} was awaited")))
                }
                (None, None) => Ok(None),
            }
        })?;
        if heard.object.as_ref().is_some_and(|line| line["type"] == kind) {
            return Ok(heard);
        }
        Err(Failure::Client(format!("`{}` came on `{name}`; `{kind}` was awaited", heard.text)))
    }

    /// Whether the descriptors of `hello` and its `holding` lines are these, in any order.
    fn check_attached(&self, heard: &[Heard], names: &[String]) -> Result<(), Failure> {
        let attached: Vec<(&str, &OwnedFd)> = heard.iter().flat_map(attached).collect();
        if attached.len() != names.len() {
            let (came, wanted) = (attached.len(), names.len());
            return Err(Failure::Client(format!("`hello` came with {came} descriptors instead of {wanted}")));
        }
        for name in names {
            let (wanted, address) = (self.props.descriptor(name)?, self.props.address(name)?);
            let is_it =
                |(named, fd): &(&str, &OwnedFd)| *named == address && same_file(fd, wanted).unwrap_or(false);
            if !attached.iter().any(is_it) {
                return Err(Failure::Client(format!(
                    "`hello` came without the listener of {address} under its name"
                )));
            }
        }
        Ok(())
    }

    /// Says a line of which a scenario may have replaced keys; then it is not held against it.
    fn say_replaced(&mut self, name: &str, line: Value, replaced: Option<&Template>) -> Result<(), Failure> {
        let Some(template) = replaced else { return self.send_line(name, &line, Judged::Yes) };
        let Value::Object(mut line) = line else { return Ok(()) };
        for (key, value) in self.filled_object(name, template)? {
            if value.is_null() {
                line.remove(&key);
            } else {
                line.insert(key, value);
            }
        }
        self.send_line(name, &Value::Object(line), Judged::No)
    }

    fn filled_object(&mut self, name: &str, template: &Template) -> Result<Map<String, Value>, Failure> {
        let filled = self.filled(name, template)?;
        let object = filled.as_object().cloned();
        object.ok_or_else(|| Failure::Suite(format!("the scenario is wrong: {filled} is no object")))
    }
}

/// The descriptors of a line, each with its name in it.
fn attached(heard: &Heard) -> impl Iterator<Item = (&str, &OwnedFd)> {
    let names = heard.object.as_ref().and_then(|line| line["fds"].as_array());
    names.into_iter().flatten().filter_map(Value::as_str).zip(&heard.fds)
}

fn more(heard: Option<&Heard>) -> bool {
    heard.and_then(|heard| heard.object.as_ref()).is_some_and(|line| line["more"] == true)
}
