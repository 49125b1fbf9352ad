//! Barriers, and single lines that are awaited: what comes is there when they are passed.

use serde_json::json;

use super::{CaseRun, Failure, SubjectUnderTest};
use crate::connection::{Received, Validation};

impl<S: SubjectUnderTest> CaseRun<S> {
    /// The next line of a connection has this type.
    pub fn await_type(&mut self, name: &str, kind: &str, within: Option<u64>) -> Result<Received, Failure> {
        let received = self.await_line(name, &format!("`{kind}` on `{name}`"), within)?;
        if received.object.as_ref().is_some_and(|line| line["type"] == kind) {
            return Ok(received);
        }
        Err(Failure::Subject(format!("`{}` came on `{name}`; `{kind}` was awaited", received.text)))
    }

    fn await_line(&mut self, name: &str, what: &str, within: Option<u64>) -> Result<Received, Failure> {
        self.wait(&what, within, &mut |run| {
            let connection = run.connection(name)?;
            S::skip_passing(connection, None);
            match (connection.take(), connection.ended()) {
                (Some(received), _) => Ok(Some(received)),
                (None, Some(_)) => {
                    Err(Failure::Subject(format!("the {} has ended `{name}`; {what} was awaited", S::NAME)))
                }
                (None, None) => Ok(None),
            }
        })
    }

    /// Everything that was sent on a connection has been processed: a `ping` is answered with nothing before its
    /// `pong`. A connection that is not negotiated has no barrier: the subject's has to do.
    pub fn ping(&mut self, name: &str) -> Result<(), Failure> {
        self.nothing_came(name)?;
        let connection = self.connection(name)?;
        if !connection.is_open() || connection.is_mid_line() {
            return Ok(());
        }
        let id = connection.next_id();
        self.send_line(name, &json!({"type": "ping", "id": id}), Validation::Required)?;
        let received = self.await_line(name, &format!("`pong` for the `ping` {id} on `{name}`"), None)?;
        let is_pong = received.object.is_some_and(|line| line["type"] == "pong" && line["re"] == id);
        if is_pong { Ok(()) } else { Err(unexpected(&received.text, name)) }
    }

    /// Nothing was received on a connection that no step has looked at.
    pub fn nothing_came(&mut self, name: &str) -> Result<(), Failure> {
        let connection = self.connection(name)?;
        S::skip_passing(connection, None);
        match (connection.peek(), connection.ended()) {
            (Some(received), _) => Err(unexpected(&received.text, name)),
            (None, Some(_)) => {
                Err(Failure::Subject(format!("the {} has ended `{name}`; nothing was to come", S::NAME)))
            }
            (None, None) => Ok(()),
        }
    }
}

fn unexpected(text: &str, name: &str) -> Failure {
    Failure::Subject(format!("`{text}` came on `{name}`, and nothing was to come"))
}
