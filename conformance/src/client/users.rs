//! `connect_to`, `answered`: users of what is handed over.

use super::ClientRun;
use crate::runner::Failure;
use crate::scenario::ConnectTo;

/// The name of a user's connection that has none in the scenario.
const NAMELESS: &str = "";

impl ClientRun {
    pub(super) fn connect_to(&mut self, step: &ConnectTo) -> Result<(), Failure> {
        let address = match (&step.listener, &step.address) {
            (Some(listener), _) => self.fixtures.address(listener)?.to_owned(),
            (None, Some(address)) => self.variables.fill_text(address)?,
            (None, None) => return Err(Failure::Suite("`connect_to` names no address".to_owned())),
        };
        let name = step.name.as_deref().unwrap_or(NAMELESS);
        let send = step.send.as_deref().unwrap_or_default();
        self.trace.remark(None, &format!("a user connects to {address} and sends {send:?}"));
        let connected = self.fixtures.connect(name, &address, send.as_bytes());
        if !self.fault.lets_in() {
            return Err(Failure::Subject(format!("a user's connection to {address} was refused")));
        }
        connected
            .map_err(|error| Failure::Subject(format!("a user's connection to {address} failed: {error}")))?;
        match &step.expect {
            Some(expect) => self.answered(name, expect),
            None => Ok(()),
        }
    }

    pub(super) fn answered(&mut self, name: &str, expect: &str) -> Result<(), Failure> {
        if self.fixtures.user(name).is_none() {
            return Err(Failure::scenario(&format!("no user is named `{name}`")));
        }
        let what = format!("the answer {expect:?} to a user");
        let received = self.wait(&what, None, &mut |run| {
            let user = run.fixtures.user(name);
            let done = user.filter(|user| user.ended || user.received.len() >= expect.len());
            Ok(done.map(|user| user.received.clone()))
        })?;
        self.fixtures.leave(name);
        let received = self.fault.answered(received);
        if received.starts_with(expect.as_bytes()) {
            return Ok(());
        }
        let received = String::from_utf8_lossy(&received).into_owned();
        Err(Failure::Subject(format!("a user got {received:?} instead of {expect:?}")))
    }
}
