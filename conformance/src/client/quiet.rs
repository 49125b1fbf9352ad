//! `quiet`: nothing comes from the client that no step has looked at.

use serde_json::{Map, Value};

use super::ClientRun;
use super::events::is_passing;
use crate::contract::Answer;
use crate::runner::Failure;

impl ClientRun {
    /// Nothing more comes on these connections and from the driver.
    pub(super) fn quiet(&mut self, on: &[String]) -> Result<(), Failure> {
        let connections = || on.iter().filter(|name| !["driver", "arbiter"].contains(&name.as_str()));
        for name in connections() {
            self.ping(name)?;
        }
        if on.iter().any(|name| name == "driver") {
            self.sync()?;
            self.no_event()?;
        }
        for name in connections() {
            self.nothing_came(name)?;
        }
        if on.iter().any(|name| name == "arbiter") {
            self.nobody_connects()?;
        }
        Ok(())
    }

    fn nobody_connects(&mut self) -> Result<(), Failure> {
        let connection = self.subject.arbiter.accept();
        match connection.map_err(Failure::io("cannot accept a connection of the client"))? {
            Some(_) => Err(Failure::Subject(
                "the client has connected to the arbiter, and nothing was to come".to_owned(),
            )),
            None => Ok(()),
        }
    }

    /// The driver has processed everything and told what follows from it.
    pub(super) fn sync(&mut self) -> Result<(), Failure> {
        if self.subject.driver.is_none() {
            return Ok(());
        }
        let seq = self.tell(Map::from_iter([("cmd".to_owned(), Value::from("sync"))]))?;
        let reply = self.await_reply("sync", seq, None)?;
        match reply.answer {
            Answer::Ok => Ok(()),
            Answer::Unsupported { .. } | Answer::Errored { .. } => {
                Err(Failure::Driver(format!("`sync` was answered with {}", Value::Object(reply.object))))
            }
        }
    }

    fn no_event(&mut self) -> Result<(), Failure> {
        let Some(driver) = &mut self.subject.driver else { return Ok(()) };
        match driver.events().iter().find(|event| !is_passing(event)) {
            Some(event) => {
                let event = Value::Object(event.clone());
                Err(Failure::Subject(format!("the driver told {event}, and nothing was to come")))
            }
            None => Ok(()),
        }
    }
}
