//! The connections of a case: lines that come are filtered, validated and kept; lines that are sent are validated.

use std::os::fd::{BorrowedFd, OwnedFd};

use serde_json::{Value, json};

use super::{CaseRun, Failure, SubjectUnderTest, WireLine};
use crate::connection::{ConnectionEnd, RawLine, ScriptedConnection, Validation};
use crate::scenario::Step;

impl<S: SubjectUnderTest> CaseRun<S> {
    /// A connection.
    pub fn connection(&mut self, name: &str) -> Result<&mut ScriptedConnection, Failure> {
        self.connections.get_mut(name).ok_or_else(|| Failure::unknown("connection", name))
    }

    /// Names a new connection.
    pub fn add_connection(&mut self, name: &str, socket: OwnedFd) {
        self.trace.remark(Some(name), "connected");
        let connection = ScriptedConnection::new(name, socket, S::SUITE_SIDE);
        self.connections.insert(name.to_owned(), connection);
    }

    pub(super) fn read_connections(&mut self) -> Result<(), Failure> {
        let read = self.connections.iter().filter(|(_, connection)| connection.is_read());
        let names: Vec<String> = read.map(|(name, _)| name.clone()).collect();
        for name in names {
            let read = self.connection(&name)?.read();
            let (lines, ended) = read.map_err(Failure::io("cannot read a connection"))?;
            for RawLine { bytes, fds } in lines {
                self.filter_line(WireLine { on: name.clone(), bytes, fds })?;
            }
            if let Some(ended) = ended {
                self.filter_end(&name, ended)?;
            }
        }
        Ok(())
    }

    fn filter_line(&mut self, line: WireLine) -> Result<(), Failure> {
        let lines = self.fault.line(line);
        self.receive(lines)
    }

    fn receive(&mut self, lines: Vec<WireLine>) -> Result<(), Failure> {
        for WireLine { on, bytes, fds } in lines {
            let Some(connection) = self.connections.get_mut(&on) else { continue };
            if let Err(fault) = connection.receive(RawLine { bytes, fds }, &mut self.trace) {
                let line = connection.newest().map(|received| received.text.clone()).unwrap_or_default();
                self.wire_fault.get_or_insert(format!("{line}: {fault}"));
            }
            self.answer_ping(&on)?;
        }
        Ok(())
    }

    fn answer_ping(&mut self, name: &str) -> Result<(), Failure> {
        if !self.answers_pings {
            return Ok(());
        }
        let connection = self.connection(name)?;
        let ping = connection.newest().and_then(|received| received.object.as_ref());
        let id = ping.filter(|line| line["type"] == "ping").and_then(|line| line["id"].as_u64());
        let Some(id) = id.filter(|_| connection.is_open()) else { return Ok(()) };
        connection.take_back();
        self.send_line(name, &json!({"type": "pong", "re": id}), Validation::Required)
    }

    fn filter_end(&mut self, name: &str, ended: ConnectionEnd) -> Result<(), Failure> {
        let ended = self.fault.closing(name, ended);
        let CaseRun { connections, trace, wire_fault, .. } = self;
        let Some(connection) = connections.get_mut(name) else { return Ok(()) };
        match ended {
            Some(ended) => {
                if let Err(fault) = connection.end(ended, trace) {
                    wire_fault.get_or_insert(fault);
                }
            }
            None => connection.stall(true),
        }
        Ok(())
    }

    /// Shows the fault which checks come now, and again what has come and was not looked at.
    pub(super) fn reach_checks(&mut self, step: &Step) -> Result<(), Failure> {
        let mut again = false;
        step.visit(&mut |step| {
            let check = step.checked().and_then(|checked| checked.check.as_ref());
            again |= check.is_some_and(|check| self.fault.reached(check));
        });
        if !again {
            return Ok(());
        }
        let names: Vec<String> = self.connections.keys().cloned().collect();
        for name in names {
            for received in self.connection(&name)?.take_unread() {
                let (bytes, fds) = (received.text.into_bytes(), received.fds);
                self.filter_line(WireLine { on: name.clone(), bytes, fds })?;
            }
            if let Some(ended) = self.connection(&name)?.forget_end() {
                self.filter_end(&name, ended)?;
            }
        }
        self.subject.refilter(self.fault.as_mut());
        Ok(())
    }

    /// Sends one line without descriptors.
    pub fn send_line(&mut self, name: &str, line: &Value, validation: Validation) -> Result<(), Failure> {
        let mut bytes = line.to_string().into_bytes();
        bytes.push(b'\n');
        self.validate_sent(name, line, validation)?;
        self.send_bytes(name, &bytes, &[], validation)?;
        self.show_sent(name, &bytes)
    }

    /// Validates a line that is about to be sent.
    pub(super) fn validate_sent(
        &mut self,
        name: &str,
        line: &Value,
        validation: Validation,
    ) -> Result<(), Failure> {
        let Value::Object(object) = line else {
            return Err(Failure::scenario(&format!("{line} is no message")));
        };
        match self.connection(name)?.validate_sent(object, validation) {
            // What follows a line that the protocol forbids has no state to be validated by.
            Err(fault) if self.wire_fault.is_none() => {
                Err(Failure::Suite(format!("harness-valid: the scenario sends {line}: {fault}")))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Sends bytes with descriptors of the fixtures, and traces them.
    pub(super) fn send_bytes(
        &mut self,
        name: &str,
        bytes: &[u8],
        fds: &[String],
        validation: Validation,
    ) -> Result<(), Failure> {
        let CaseRun { connections, fixtures, trace, budget, .. } = self;
        let connection = connections.get_mut(name).ok_or_else(|| Failure::unknown("connection", name))?;
        let attached: Vec<BorrowedFd<'_>> =
            fds.iter().map(|fd| fixtures.descriptor(fd)).collect::<Result<_, _>>()?;
        connection.trace_sent(bytes, fds, validation, trace);
        connection.send(bytes, &attached, budget.deadline(None)).map_err(|error| {
            if error.kind() == std::io::ErrorKind::TimedOut {
                return Failure::Subject(format!("the {} does not read `{name}`", S::NAME));
            }
            Failure::io("cannot send")(error)
        })
    }

    /// Shows the fault the whole lines that were sent.
    pub(super) fn show_sent(&mut self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        for line in String::from_utf8_lossy(bytes).lines() {
            let lines = self.fault.sent(name, line);
            self.receive(lines)?;
        }
        Ok(())
    }
}
