//! `greet`: what most cases begin with.

use std::os::fd::OwnedFd;

use serde_json::{Map, Value, json};
use serverswap_protocol::message::Limits;

use super::ClientRun;
use crate::connection::{Received, Validation, same_file};
use crate::runner::Failure;
use crate::scenario::{Greet, Template};

impl ClientRun {
    pub(super) fn greet(&mut self, greet: &Greet) -> Result<(), Failure> {
        let greeting = json!({
            "type": "greeting",
            "versions": [1],
            "arbiter": {"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION"), "pid": std::process::id()},
            "capabilities": {},
            "limits": Limits::V1,
        });
        self.send_replaced(&greet.on, greeting, greet.greeting.as_ref())?;
        let hello = self.await_type(&greet.on, "hello", greet.within_ms)?;
        let object = hello.object.clone().unwrap_or_default();
        if let Some(pattern) = &greet.hello {
            let checked = pattern.check(Some(&object), &mut self.variables);
            checked.map_err(|mismatch| Failure::Subject(format!("`{}`: {mismatch}", hello.text)))?;
        }
        let mut received = vec![hello];
        while more(received.last()) {
            received.push(self.await_type(&greet.on, "holding", greet.within_ms)?);
        }
        if let Some(names) = &greet.fds {
            self.check_attached(&received, names)?;
        }
        let mut welcome = json!({"type": "welcome", "re": object["id"], "version": object["version"]});
        if let Some(generation) = object.get("generation") {
            welcome["generation"] = generation.clone();
        }
        welcome["capabilities"] = json!({});
        self.send_replaced(&greet.on, welcome, greet.welcome.as_ref())
    }

    /// Whether the descriptors of `hello` and its `holding` lines are these, in any order.
    fn check_attached(&self, received: &[Received], names: &[String]) -> Result<(), Failure> {
        let attached: Vec<(&str, &OwnedFd)> = received.iter().flat_map(attached).collect();
        if attached.len() != names.len() {
            let (came, wanted) = (attached.len(), names.len());
            return Err(Failure::Subject(format!(
                "`hello` came with {came} descriptors instead of {wanted}"
            )));
        }
        for name in names {
            let (wanted, address) = (self.fixtures.descriptor(name)?, self.fixtures.address(name)?);
            let is_it =
                |(named, fd): &(&str, &OwnedFd)| *named == address && same_file(fd, wanted).unwrap_or(false);
            if !attached.iter().any(is_it) {
                return Err(Failure::Subject(format!(
                    "`hello` came without the listener of {address} under its name"
                )));
            }
        }
        Ok(())
    }

    /// Sends a line of which a scenario may have replaced keys; then it is not validated.
    fn send_replaced(&mut self, name: &str, line: Value, replaced: Option<&Template>) -> Result<(), Failure> {
        let Some(template) = replaced else { return self.send_line(name, &line, Validation::Required) };
        let Value::Object(mut line) = line else { return Ok(()) };
        for (key, value) in self.filled_object(name, template)? {
            if value.is_null() {
                line.remove(&key);
            } else {
                line.insert(key, value);
            }
        }
        self.send_line(name, &Value::Object(line), Validation::Waived)
    }

    fn filled_object(&mut self, name: &str, template: &Template) -> Result<Map<String, Value>, Failure> {
        let filled = self.filled(name, template)?;
        let object = filled.as_object().cloned();
        object.ok_or_else(|| Failure::scenario(&format!("{filled} is no object")))
    }
}

/// The descriptors of a line, each with its name in it.
fn attached(received: &Received) -> impl Iterator<Item = (&str, &OwnedFd)> {
    let names = received.object.as_ref().and_then(|line| line["fds"].as_array());
    names.into_iter().flatten().filter_map(Value::as_str).zip(&received.fds)
}

fn more(received: Option<&Received>) -> bool {
    received.and_then(|received| received.object.as_ref()).is_some_and(|line| line["more"] == true)
}
