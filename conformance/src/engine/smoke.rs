//! The driver contract alone: what every driver has to do before there is a protocol.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::case;
use super::driver::Driver;
use super::failure::{Failure, SuiteError};
use super::run::{introduce, report};
use super::settings::{DriverCommand, Settings};
use super::stage::Stage;
use crate::contract::{Answer, Reply};
use crate::report::{Case, Check, Report};

/// Checks the contract of a driver.
///
/// # Errors
/// The driver cannot be started, or does not introduce itself.
pub fn smoke(command: &DriverCommand, settings: &Settings) -> Result<Report, SuiteError> {
    let introduction = introduce(command, settings)?;
    let (_directory, mut stage) = case::bare(settings, "smoke")?;
    let driver = Driver::start(command, &BTreeMap::from([("SERVERSWAP_SOCKET".to_owned(), None)]));
    stage.driver = Some(driver.map_err(|source| SuiteError::Start { command: command.clone(), source })?);
    let played = stage.smoke().and_then(|()| stage.leave());
    if let Err(Failure::Client(message)) = &played {
        stage.note("contract", Err(message.clone()));
    }
    let outcome = case::outcome(&mut stage, played);
    let stderr = stage.driver.as_mut().map(Driver::stderr).unwrap_or_default();
    let Stage { mut checks, trace, .. } = stage;
    checks.retain(|check| check.name != case::WIRE_VALID);
    let case = Case {
        id: "smoke".to_owned(),
        title: "The driver keeps the contract".to_owned(),
        level: 0,
        spec: Vec::new(),
        outcome,
        checks,
        millis: trace.millis(),
        trace: trace.into_lines(),
        stderr,
    };
    Ok(report(&introduction, 0, vec![case]))
}

impl Stage {
    fn smoke(&mut self) -> Result<(), Failure> {
        self.hello()?;
        self.note("hello", Ok(()));
        let reply = self.ask("unknown-command", json!({"cmd": "noSuchCommand"}))?;
        let unsupported = matches!(reply.answer, Answer::Unsupported { .. });
        self.note("unknown-command", expected(unsupported, "`unsupported`", &reply));
        let reply = self.ask("unknown-keys", json!({"cmd": "sync", "noSuchKey": {"deep": [1]}}))?;
        self.note("unknown-keys", expected(reply.answer == Answer::Ok, "`ok`", &reply));
        self.smoke_in_order()?;
        let reply = self.ask("alone", json!({"cmd": "connect"}))?;
        let alone = reply.answer == Answer::Ok && !reply.connect()?.supervised;
        self.note(
            "alone",
            expected(alone, "`ok` and `supervised: false`, for there is no supervisor", &reply),
        );
        Ok(())
    }

    /// Commands that are there at once are answered one after the other.
    fn smoke_in_order(&mut self) -> Result<(), Failure> {
        let mut seqs = Vec::new();
        for _ in 0..3 {
            seqs.push(self.tell(object(json!({"cmd": "sync"})))?);
        }
        for seq in seqs {
            self.await_reply("sync", seq, None)?;
        }
        self.note("in-order", Ok(()));
        Ok(())
    }

    fn ask(&mut self, check: &str, command: Value) -> Result<Reply, Failure> {
        let seq = self.tell(object(command))?;
        self.await_reply(check, seq, None)
    }

    /// Notes a check.
    pub fn note(&mut self, name: &str, result: Result<(), String>) {
        let message = result.err();
        let passed = message.is_none();
        self.checks.push(Check { name: name.to_owned(), spec: Vec::new(), passed, message });
    }
}

fn object(value: Value) -> serde_json::Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn expected(met: bool, what: &str, reply: &Reply) -> Result<(), String> {
    if met { Ok(()) } else { Err(format!("expected {what}, got {}", Value::Object(reply.object.clone()))) }
}
