//! Barriers: what comes is there when they are passed.

use serde_json::{Map, Value, json};

use super::awaited::is_passing;
use crate::engine::failure::Failure;
use crate::engine::stage::Stage;
use crate::peer::Judged;

impl Stage {
    /// Nothing more comes on these connections and from the driver.
    pub(super) fn quiet(&mut self, on: &[String]) -> Result<(), Failure> {
        let links = || on.iter().filter(|name| !["driver", "arbiter"].contains(&name.as_str()));
        for name in links() {
            self.ping(name)?;
        }
        if on.iter().any(|name| name == "driver") {
            self.sync()?;
            self.no_event()?;
        }
        for name in links() {
            self.no_line(name)?;
        }
        if on.iter().any(|name| name == "arbiter") {
            self.nobody_connects()?;
        }
        Ok(())
    }

    /// Everything that was sent on a connection has been processed. One that is not negotiated
    /// has no barrier: the driver's has to do.
    fn ping(&mut self, name: &str) -> Result<(), Failure> {
        self.no_line(name)?;
        let link = self.link(name)?;
        if !link.is_open() || link.mid_line {
            return Ok(());
        }
        let id = self.link(name)?.next_id();
        self.send_line(name, &json!({"type": "ping", "id": id}), Judged::Yes)?;
        let what = format!("`pong` for the `ping` {id} on `{name}`");
        let heard = self.wait(&what, None, &mut |stage| {
            let link = stage.link(name)?;
            link.put_aside();
            match (link.take(), link.ended()) {
                (Some(heard), _) => Ok(Some(heard)),
                (None, Some(_)) => {
                    Err(Failure::Client(format!("the client has ended `{name}`; nothing was to come")))
                }
                (None, None) => Ok(None),
            }
        })?;
        let is_pong = heard.object.is_some_and(|line| line["type"] == "pong" && line["re"] == id);
        if is_pong { Ok(()) } else { Err(unexpected(&heard.text, name)) }
    }

    fn no_line(&mut self, name: &str) -> Result<(), Failure> {
        let link = self.link(name)?;
        link.put_aside();
        match (link.peek(), link.ended()) {
            (Some(heard), _) => Err(unexpected(&heard.text, name)),
            (None, Some(_)) => {
                Err(Failure::Client(format!("the client has ended `{name}`; nothing was to come")))
            }
            (None, None) => Ok(()),
        }
    }

    fn nobody_connects(&mut self) -> Result<(), Failure> {
        let connection =
            self.arbiter.accept().map_err(Failure::io("cannot accept a connection of the client"))?;
        match connection {
            Some(_) => Err(Failure::Client(
                "the client has connected to the arbiter, and nothing was to come".to_owned(),
            )),
            None => Ok(()),
        }
    }

    /// The driver has processed everything and told what follows from it.
    pub(super) fn sync(&mut self) -> Result<(), Failure> {
        if self.driver.is_none() {
            return Ok(());
        }
        let seq = self.tell(Map::from_iter([("cmd".to_owned(), Value::from("sync"))]))?;
        let reply = self.await_reply("sync", seq, None)?;
        match reply.answer {
            crate::contract::Answer::Ok => Ok(()),
            crate::contract::Answer::Unsupported { .. } | crate::contract::Answer::Errored { .. } => {
                Err(Failure::Driver(format!("`sync` was answered with {}", Value::Object(reply.object))))
            }
        }
    }

    fn no_event(&mut self) -> Result<(), Failure> {
        let Some(driver) = &mut self.driver else { return Ok(()) };
        match driver.events().iter().find(|event| !is_passing(event)) {
            Some(event) => {
                let event = Value::Object(event.clone());
                Err(Failure::Client(format!("the driver told {event}, and nothing was to come")))
            }
            None => Ok(()),
        }
    }
}

fn unexpected(text: &str, name: &str) -> Failure {
    Failure::Client(format!("`{text}` came on `{name}`, and nothing was to come"))
}
