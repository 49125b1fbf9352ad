//! The driver contract alone: what every driver has to do before there is a protocol.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::driver::Driver;
use super::error::SuiteError;
use super::run::{introduce, report};
use super::settings::{ClientSettings, DriverCommand};
use super::{CLEAN_EXIT, ClientRun, case};
use crate::contract::{Answer, Reply};
use crate::report::Report;
use crate::runner::Failure;

/// The id of the one case.
pub const SMOKE: &str = "smoke";

/// What it is about.
pub const SMOKE_TITLE: &str = "The driver keeps the contract";

/// Its checks, in their order, each with what it asks for.
pub const SMOKE_CHECKS: [(&str, &str); 9] = [
    (
        "hello",
        "`hello`, the first command, is answered with `contract`, `client`, `protocol`, `level` and `supports`",
    ),
    ("unknown-command", "a command that is in no contract is answered `unsupported`"),
    ("sync-before-connect", "`sync` is `ok`, although there is no client yet: nothing is to be processed"),
    ("close-before-connect", "`close` is `ok`, although there is no client yet, and does not end the driver"),
    ("unknown-keys", "a `sync` with a key that is in no contract is `ok` all the same"),
    ("in-order", "three commands that come at once are answered once each, in their order"),
    ("alone", "`connect` without `SERVERSWAP_SOCKET` is `ok` with `supervised: false`"),
    ("close", "`close` is `ok`, and once more when there is no client any more"),
    (CLEAN_EXIT, "at the end of standard input the driver exits with status 0, within 2 seconds"),
];

/// Checks the contract of a driver.
///
/// # Errors
/// The driver cannot be started, or does not introduce itself.
pub fn smoke(command: &DriverCommand, settings: &ClientSettings) -> Result<Report, SuiteError> {
    let introduction = introduce(command, settings)?;
    let (_directory, mut run) = case::bare(settings, SMOKE)?;
    let driver = Driver::start(command, &BTreeMap::from([("SERVERSWAP_SOCKET".to_owned(), None)]));
    run.subject.driver =
        Some(driver.map_err(|source| SuiteError::Start { command: command.clone(), source })?);
    let played = run.smoke().and_then(|()| run.leave());
    if let Err(Failure::Subject(message)) = &played {
        run.note("contract", Vec::new(), Err(message.clone()));
    }
    let result = run.finish(played).without_wire();
    let case = result.named(SMOKE, SMOKE_TITLE, 0, Vec::new());
    Ok(report(&introduction, 0, vec![case]))
}

impl ClientRun {
    fn smoke(&mut self) -> Result<(), Failure> {
        self.hello()?;
        self.note("hello", Vec::new(), Ok(()));
        let reply = self.ask("unknown-command", json!({"cmd": "noSuchCommand"}))?;
        let unsupported = matches!(reply.answer, Answer::Unsupported { .. });
        self.note("unknown-command", Vec::new(), expected(unsupported, "`unsupported`", &reply));
        self.is_ok("sync-before-connect", json!({"cmd": "sync"}))?;
        self.is_ok("close-before-connect", json!({"cmd": "close"}))?;
        self.is_ok("unknown-keys", json!({"cmd": "sync", "noSuchKey": {"deep": [1]}}))?;
        self.smoke_in_order()?;
        let reply = self.ask("alone", json!({"cmd": "connect"}))?;
        let alone = reply.answer == Answer::Ok && !reply.connect()?.supervised;
        self.note(
            "alone",
            Vec::new(),
            expected(alone, "`ok` and `supervised: false`, for there is no supervisor", &reply),
        );
        self.is_ok("close", json!({"cmd": "close"}))?;
        self.is_ok("close", json!({"cmd": "close"}))
    }

    /// A command is `ok`. A check that has failed already stays as it is.
    fn is_ok(&mut self, check: &str, command: Value) -> Result<(), Failure> {
        let reply = self.ask(check, command)?;
        let result = expected(reply.answer == Answer::Ok, "`ok`", &reply);
        match self.checks.last_mut().filter(|last| last.name == check) {
            Some(last) => {
                last.passed &= result.is_ok();
                last.message = last.message.take().or(result.err());
            }
            None => self.note(check, Vec::new(), result),
        }
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
