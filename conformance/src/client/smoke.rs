//! The driver contract alone: what every driver has to do before there is a protocol.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::driver::Driver;
use super::error::SuiteError;
use super::run::{introduce, report};
use super::settings::{ClientSettings, DriverCommand};
use super::{ClientRun, case};
use crate::contract::{Answer, Reply};
use crate::report::Report;
use crate::runner::Failure;

/// Checks the contract of a driver.
///
/// # Errors
/// The driver cannot be started, or does not introduce itself.
pub fn smoke(command: &DriverCommand, settings: &ClientSettings) -> Result<Report, SuiteError> {
    let introduction = introduce(command, settings)?;
    let (_directory, mut run) = case::bare(settings, "smoke")?;
    let driver = Driver::start(command, &BTreeMap::from([("SERVERSWAP_SOCKET".to_owned(), None)]));
    run.subject.driver =
        Some(driver.map_err(|source| SuiteError::Start { command: command.clone(), source })?);
    let played = run.smoke().and_then(|()| run.leave());
    if let Err(Failure::Subject(message)) = &played {
        run.note("contract", Vec::new(), Err(message.clone()));
    }
    let result = run.finish(played).without_wire();
    let case = result.named("smoke", "The driver keeps the contract", 0, Vec::new());
    Ok(report(&introduction, 0, vec![case]))
}

impl ClientRun {
    fn smoke(&mut self) -> Result<(), Failure> {
        self.hello()?;
        self.note("hello", Vec::new(), Ok(()));
        let reply = self.ask("unknown-command", json!({"cmd": "noSuchCommand"}))?;
        let unsupported = matches!(reply.answer, Answer::Unsupported { .. });
        self.note("unknown-command", Vec::new(), expected(unsupported, "`unsupported`", &reply));
        let reply = self.ask("unknown-keys", json!({"cmd": "sync", "noSuchKey": {"deep": [1]}}))?;
        self.note("unknown-keys", Vec::new(), expected(reply.answer == Answer::Ok, "`ok`", &reply));
        self.smoke_in_order()?;
        let reply = self.ask("alone", json!({"cmd": "connect"}))?;
        let alone = reply.answer == Answer::Ok && !reply.connect()?.supervised;
        self.note(
            "alone",
            Vec::new(),
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
        self.note("in-order", Vec::new(), Ok(()));
        Ok(())
    }

    fn ask(&mut self, check: &str, command: Value) -> Result<Reply, Failure> {
        let seq = self.tell(object(command))?;
        self.await_reply(check, seq, None)
    }
}

fn object(value: Value) -> serde_json::Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn expected(met: bool, what: &str, reply: &Reply) -> Result<(), String> {
    if met { Ok(()) } else { Err(format!("expected {what}, got {}", Value::Object(reply.object.clone()))) }
}
