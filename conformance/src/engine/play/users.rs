//! `listener`, `connect_to`, `answered`: what is handed over, and who uses it.

use crate::engine::failure::Failure;
use crate::engine::stage::Stage;
use crate::scenario::{ConnectTo, ListenerStep};

/// The name of a user's connection that has none in the scenario.
const NAMELESS: &str = "";

impl Stage {
    pub(super) fn listener(&mut self, step: &ListenerStep) -> Result<(), Failure> {
        let at = self.variables.fill_text(&step.at)?;
        let address = self.props.listen(&step.name, &at);
        let address =
            address.map_err(|error| Failure::Suite(format!("cannot open a listener at `{at}`: {error}")))?;
        self.variables.set(format!("{}.address", step.name), address);
        Ok(())
    }

    pub(super) fn connect_to(&mut self, step: &ConnectTo) -> Result<(), Failure> {
        let address = match (&step.listener, &step.address) {
            (Some(listener), _) => self.props.address(listener)?.to_owned(),
            (None, Some(address)) => self.variables.fill_text(address)?,
            (None, None) => return Err(Failure::Suite("`connect_to` names no address".to_owned())),
        };
        let name = step.name.as_deref().unwrap_or(NAMELESS);
        let send = step.send.as_deref().unwrap_or_default();
        self.trace.remark(None, &format!("a user connects to {address} and sends {send:?}"));
        let connected = self.props.connect(name, &address, send.as_bytes());
        if !self.fault.lets_in() {
            return Err(Failure::Client(format!("a user's connection to {address} was refused")));
        }
        connected
            .map_err(|error| Failure::Client(format!("a user's connection to {address} failed: {error}")))?;
        match &step.expect {
            Some(expect) => self.answered(name, expect),
            None => Ok(()),
        }
    }

    pub(super) fn answered(&mut self, name: &str, expect: &str) -> Result<(), Failure> {
        if self.props.user(name).is_none() {
            return Err(Failure::Suite(format!("the scenario is wrong: no user is named `{name}`")));
        }
        let what = format!("the answer {expect:?} to a user");
        let received = self.wait(&what, None, &mut |stage| {
            let user = stage.props.user(name);
            let done = user.filter(|user| user.ended || user.received.len() >= expect.len());
            Ok(done.map(|user| user.received.clone()))
        })?;
        self.props.leave(name);
        let received = self.fault.answered(received);
        if received.starts_with(expect.as_bytes()) {
            return Ok(());
        }
        let received = String::from_utf8_lossy(&received).into_owned();
        Err(Failure::Client(format!("a user got {received:?} instead of {expect:?}")))
    }
}
