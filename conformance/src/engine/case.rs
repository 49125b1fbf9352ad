//! One case from beginning to end.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::driver::{Driver, told};
use super::failure::{Failure, SuiteError};
use super::fault::Exited;
use super::settings::{DriverCommand, Settings};
use super::stage::Stage;
use crate::contract::{Answer, CONTRACT, EXIT_MILLIS_MAX, HelloReply};
use crate::report::{Case, Check, Outcome};
use crate::scenario::{Instance, Pattern, Scenario, Step};

/// The check that every line of the client fits the strict schema and the state tables.
pub const WIRE_VALID: &str = "wire-valid";

/// What [`WIRE_VALID`] proves in every case.
pub const WIRE_VALID_SPEC: [&str; 17] = [
    "SS-LINE-1",
    "SS-LINE-2",
    "SS-LINE-3",
    "SS-LINE-4",
    "SS-LINE-5",
    "SS-LINE-6",
    "SS-LINE-7",
    "SS-LINE-8",
    "SS-FD-1",
    "SS-FD-6",
    "SS-FD-8",
    "SS-REQ-1",
    "SS-REQ-2",
    "SS-REQ-3",
    "SS-REQ-4",
    "SS-ERR-2",
    "SS-SUP-9",
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
    settings: &Settings,
) -> Case {
    let scenario = &instance.scenario;
    let missing = scenario.needs.iter().find(|need| !introduction.supports.contains(need));
    if let Some(missing) = missing {
        let word = serde_json::to_value(missing).ok().and_then(|word| word.as_str().map(str::to_owned));
        let why = format!("the driver does not declare `{}`", word.unwrap_or_default());
        return report(instance, None, Outcome::Skipped { why });
    }
    let directory = match tempfile::Builder::new().prefix("serverswap-").tempdir() {
        Ok(directory) => directory,
        Err(error) => return report(instance, None, suite(&format!("no temporary directory: {error}"))),
    };
    let mut stage = Stage::new(directory.path(), settings.budget, (settings.faults)(&instance.id));
    let played = stage
        .open(instance)
        .and_then(|()| stage.start(command, &environment(&stage, &scenario.environment)))
        .and_then(|()| stage.play(&scenario.steps))
        .and_then(|()| stage.leave());
    let outcome = outcome(&mut stage, played);
    report(instance, Some(stage), outcome)
}

fn suite(why: &str) -> Outcome {
    Outcome::Suite { why: why.to_owned() }
}

/// What the checks and the failure of a case say together.
pub(super) fn outcome(stage: &mut Stage, played: Result<(), Failure>) -> Outcome {
    let message = stage.wire_fault.take();
    let spec = WIRE_VALID_SPEC.map(str::to_owned).to_vec();
    stage.checks.push(Check { name: WIRE_VALID.to_owned(), spec, passed: message.is_none(), message });
    match played {
        Err(failure @ (Failure::Driver(_) | Failure::Suite(_))) => suite(&failure.to_string()),
        Ok(()) | Err(Failure::Client(_)) => {
            if stage.checks.iter().all(|check| check.passed) {
                Outcome::Passed
            } else {
                Outcome::Failed
            }
        }
    }
}

fn report(instance: &Instance, stage: Option<Stage>, outcome: Outcome) -> Case {
    let Instance { id, scenario, .. } = instance;
    let Scenario { title, level, spec, .. } = scenario.as_ref();
    let (id, title, level, spec) = (id.clone(), title.clone(), *level, spec.clone());
    let Some(mut stage) = stage else {
        let (checks, trace, stderr) = (Vec::new(), Vec::new(), String::new());
        return Case { id, title, level, spec, outcome, checks, millis: 0, trace, stderr };
    };
    let stderr = stage.driver.as_mut().map(Driver::stderr).unwrap_or_default();
    let Stage { checks, trace, .. } = stage;
    let millis = trace.millis();
    Case { id, title, level, spec, outcome, checks, millis, trace: trace.into_lines(), stderr }
}

/// What a supervisor sets for a server, and what the scenario says instead.
pub(super) fn environment(
    stage: &Stage,
    of_scenario: &BTreeMap<String, Option<String>>,
) -> BTreeMap<String, Option<String>> {
    let directory = stage.arbiter.path().parent().map(|path| path.display().to_string());
    let mut environment = BTreeMap::from([
        ("SERVERSWAP_SOCKET".to_owned(), Some(stage.arbiter.path().display().to_string())),
        ("SERVERSWAP_GENERATION".to_owned(), Some(GENERATION.to_owned())),
        ("SERVERSWAP_DIR".to_owned(), directory),
    ]);
    for (name, value) in of_scenario {
        let filled =
            value.as_ref().map(|value| stage.variables.fill_text(value).unwrap_or_else(|_| value.clone()));
        environment.insert(name.clone(), filled);
    }
    environment
}

impl Stage {
    /// Gives names their first values and begins to listen.
    pub fn open(&mut self, instance: &Instance) -> Result<(), Failure> {
        let socket = self.arbiter.path().display().to_string();
        let directory = self.arbiter.path().parent().map(|path| path.display().to_string());
        self.variables.set("socket", socket);
        self.variables.set("dir", directory.unwrap_or_default());
        self.variables.set("generation", GENERATION);
        self.variables.set("pid", std::process::id());
        for (name, text) in &instance.scenario.texts {
            self.variables.set(name.clone(), text.repeat.repeat(text.times));
        }
        for (name, value) in &instance.values {
            self.variables.set(name.clone(), value.clone());
        }
        self.answers_pings = !expects_pings(&instance.scenario);
        self.arbiter.listen().map_err(Failure::io("cannot bind the socket of the arbiter"))
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
        self.driver = Some(driver);
        self.hello().map(|_| ())
    }

    /// Who the driver is.
    pub fn hello(&mut self) -> Result<HelloReply, Failure> {
        let hello = json!({"cmd": "hello", "contract": [CONTRACT], "suite": env!("CARGO_PKG_VERSION")});
        let hello = hello.as_object().cloned().unwrap_or_else(Map::new);
        let seq = self.tell(hello)?;
        let reply = self.await_reply("hello", seq, None).map_err(|failure| match failure {
            // The client has not been asked for anything yet.
            Failure::Client(message) => {
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
        let Some(driver) = &mut self.driver else { return Ok(()) };
        if driver.ends {
            return Ok(());
        }
        driver.end_input();
        let what = "the end of the driver after the end of its standard input";
        let exited = self.wait(&what, Some(EXIT_MILLIS_MAX), &mut |stage| {
            Ok(stage.driver.as_ref().and_then(Driver::exited))
        });
        let message = match exited {
            Ok(Exited::Status(0)) => None,
            Ok(exited) => Some(format!("the driver ended {} at the end of the case", told(exited))),
            Err(Failure::Client(message)) => Some(message),
            Err(failure @ (Failure::Driver(_) | Failure::Suite(_))) => return Err(failure),
        };
        let passed = message.is_none();
        self.checks.push(Check { name: CLEAN_EXIT.to_owned(), spec: Vec::new(), passed, message });
        Ok(())
    }
}

/// Whether a scenario looks at pings by itself.
fn expects_pings(scenario: &Scenario) -> bool {
    let mut expects = false;
    for step in &scenario.steps {
        step.value.visit(&mut |step| {
            expects |= matches!(step, Step::Expect(expect) if kind(&expect.message) == Some("ping"));
        });
    }
    expects
}

fn kind(pattern: &Pattern) -> Option<&str> {
    pattern.text("type")
}

/// A case without a scenario: the contract alone, or the vectors.
pub(super) fn bare(settings: &Settings, id: &str) -> Result<(tempfile::TempDir, Stage), SuiteError> {
    let directory = tempfile::Builder::new().prefix("serverswap-").tempdir();
    let directory = directory.map_err(SuiteError::io("cannot make a temporary directory"))?;
    let stage = Stage::new(directory.path(), settings.budget, (settings.faults)(id));
    Ok((directory, stage))
}
