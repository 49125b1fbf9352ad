//! One case from beginning to end.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::ClientRun;
use super::driver::Driver;
use super::error::SuiteError;
use super::settings::{ClientSettings, DriverCommand};
use super::steps::Client;
use crate::contract::{Answer, CONTRACT, EXIT_MILLIS_MAX, HelloReply};
use crate::report::{Case, Outcome};
use crate::runner::{CaseResult, Exited, Failure};
use crate::scenario::Instance;
use crate::suite::SUITE;

/// What [`crate::runner::WIRE_VALID`] proves in every case.
pub const WIRE_VALID_SPEC: [&str; 19] = [
    "SS-LINE-1",
    "SS-LINE-2",
    "SS-LINE-3",
    "SS-LINE-4",
    "SS-LINE-5",
    "SS-LINE-6",
    "SS-LINE-7",
    "SS-LINE-8",
    "SS-LINE-9",
    "SS-LINE-15/1",
    "SS-FD-1",
    "SS-FD-6",
    "SS-FD-8",
    "SS-REQ-1",
    "SS-REQ-2",
    "SS-REQ-3",
    "SS-ERR-2",
    "SS-SUP-9",
    "SS-STATE-1",
];

/// The check that the driver ends with status 0 after the end of its standard input.
pub const CLEAN_EXIT: &str = "clean-exit";

/// What a server finds as its generation.
const GENERATION: &str = "81234567890-4711";

/// Plays one case and reports it.
pub(super) fn play(
    instance: &Instance,
    command: &DriverCommand,
    introduction: &HelloReply,
    settings: &ClientSettings,
) -> Case {
    let scenario = &instance.scenario;
    let missing = scenario.needs.iter().find(|need| !introduction.supports.contains(need));
    if let Some(missing) = missing {
        let word = serde_json::to_value(missing).ok().and_then(|word| word.as_str().map(str::to_owned));
        let why = format!("the driver does not declare `{}`", word.unwrap_or_default());
        return CaseResult::none(Outcome::Skipped { why }).of(instance);
    }
    let directory = match tempfile::Builder::new().prefix("serverswap-").tempdir() {
        Ok(directory) => directory,
        Err(error) => {
            let why = format!("no temporary directory: {error}");
            return CaseResult::none(Outcome::Suite { why }).of(instance);
        }
    };
    let mut run = Client::run_in(directory.path(), settings.budget, (settings.faults)(&instance.id));
    let played = run
        .open(instance)
        .and_then(|()| run.start(command, &environment(&run, &scenario.environment)))
        .and_then(|()| run.play(scenario))
        .and_then(|()| run.leave());
    run.finish(played).of(instance)
}

/// What a supervisor sets for a server, and what the scenario says instead.
pub(super) fn environment(
    run: &ClientRun,
    of_scenario: &BTreeMap<String, Option<String>>,
) -> BTreeMap<String, Option<String>> {
    let directory = run.subject.arbiter.path().parent().map(|path| path.display().to_string());
    let mut environment = BTreeMap::from([
        ("SERVERSWAP_SOCKET".to_owned(), Some(run.subject.arbiter.path().display().to_string())),
        ("SERVERSWAP_GENERATION".to_owned(), Some(GENERATION.to_owned())),
        ("SERVERSWAP_DIR".to_owned(), directory),
    ]);
    for (name, value) in of_scenario {
        let filled =
            value.as_ref().map(|value| run.variables.fill_text(value).unwrap_or_else(|_| value.clone()));
        environment.insert(name.clone(), filled);
    }
    environment
}

impl ClientRun {
    /// Gives names their first values and begins to listen.
    pub fn open(&mut self, instance: &Instance) -> Result<(), Failure> {
        let socket = self.subject.arbiter.path().display().to_string();
        let directory = self.subject.arbiter.path().parent().map(|path| path.display().to_string());
        self.variables.set("socket", socket);
        self.variables.set("dir", directory.unwrap_or_default());
        self.variables.set("generation", GENERATION);
        self.variables.set("pid", std::process::id());
        self.prepare(instance);
        self.subject.arbiter.listen().map_err(Failure::io("cannot bind the socket of the arbiter"))
    }

    /// Starts the driver and greets it.
    pub fn start(
        &mut self,
        command: &DriverCommand,
        environment: &BTreeMap<String, Option<String>>,
    ) -> Result<(), Failure> {
        let driver = Driver::start(command, environment);
        let driver =
            driver.map_err(|error| Failure::Driver(format!("`{command}` cannot be run: {error}")))?;
        self.variables.set("driver_pid", driver.pid());
        self.subject.driver = Some(driver);
        self.hello().map(|_| ())
    }

    /// Who the driver is.
    pub fn hello(&mut self) -> Result<HelloReply, Failure> {
        let hello = json!({"cmd": "hello", "contract": [CONTRACT], "suite": SUITE.to_string()});
        let hello = hello.as_object().cloned().unwrap_or_else(Map::new);
        let seq = self.tell(hello)?;
        let reply = self.await_reply("hello", seq, None).map_err(|failure| match failure {
            // The client has not been asked for anything yet.
            Failure::Subject(message) => {
                Failure::Driver(format!("{message}; does it flush its standard output after each line?"))
            }
            Failure::Driver(_) | Failure::Suite(_) => failure,
        })?;
        let said = Value::Object(reply.object.clone());
        if reply.answer != Answer::Ok {
            return Err(Failure::Driver(format!("`hello` was answered with {said}")));
        }
        let contract = reply.object.get("contract");
        if contract != Some(&json!(CONTRACT)) {
            let theirs = contract.map_or("none".to_owned(), Value::to_string);
            return Err(Failure::Driver(format!(
                "it speaks the contract version {theirs}, and this suite speaks {CONTRACT}"
            )));
        }
        Ok(reply.hello()?)
    }

    /// Ends the driver's standard input and checks its end, unless the case has ended it.
    pub fn leave(&mut self) -> Result<(), Failure> {
        let Some(driver) = &mut self.subject.driver else { return Ok(()) };
        if driver.ends {
            return Ok(());
        }
        driver.end_input();
        let what = "the end of the driver after the end of its standard input";
        let exited = self.wait(&what, Some(EXIT_MILLIS_MAX), &mut |run| {
            Ok(run.subject.driver.as_ref().and_then(Driver::exited))
        });
        let result = match exited {
            Ok(Exited::Status(0)) => Ok(()),
            Ok(exited) => Err(format!("the driver ended {exited} at the end of the case")),
            Err(Failure::Subject(message)) => Err(message),
            Err(failure @ (Failure::Driver(_) | Failure::Suite(_))) => return Err(failure),
        };
        self.note(CLEAN_EXIT, Vec::new(), result);
        Ok(())
    }
}

/// A case without a scenario: the contract alone, or the vectors.
pub(super) fn bare(
    settings: &ClientSettings,
    id: &str,
) -> Result<(tempfile::TempDir, ClientRun), SuiteError> {
    let directory = tempfile::Builder::new().prefix("serverswap-").tempdir();
    let directory = directory.map_err(SuiteError::io("cannot make a temporary directory"))?;
    let run = Client::run_in(directory.path(), settings.budget, (settings.faults)(id));
    Ok((directory, run))
}
