//! `supervisor -- COMMAND`: the cases of the role `supervisor`, against anybody's command that
//! starts a server under an arbiter.
//!
//! The suite appends a server to COMMAND, a *fake server*: it connects as a server does and hands its connection
//! to the suite. So the arbiter's peer is the process that COMMAND has started, and the suite
//! says what no client library would.
//!
//! It deliberately does not look into the runtime directory, and knows nothing of options:
//! `SERVERSWAP_DIR` in the environment of COMMAND is a private directory, which it is to use.
//!
//! Rules:
//! - One case is one sandbox. Everything that was started is ended with it.
//! - Every wait is for an event and has a limit; barriers are `ping` and `pong`.

mod case;
mod command;
mod fake_server;
mod fake_servers;
mod handover;
mod processes;
mod silent_server;
mod silent_servers;
mod steps;

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::report::{Outcome, Report, Role, Subject, Suite};
use crate::runner::{Budget, CaseResult, CaseRun, Failure, NoFault, in_parallel};
use crate::sandbox::{Sandbox, SandboxError};
use crate::scenario::{Catalogue, LEVEL_MAX, Scenario, Selection, Start};

pub use case::{WIRE_VALID_SPEC, play as play_case};
pub use fake_server::fake_server;
pub use silent_server::silent_server;

use steps::{Supervisor, SupervisorRun};

/// The command under test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupervisorCommand {
    /// The program and its arguments; the server's command is appended.
    pub words: Vec<String>,
    /// The program that has the hidden command `fake-server`, usually this one.
    pub fake_server: PathBuf,
}

/// How cases are run.
#[derive(Debug, Clone, Copy, Default)]
pub struct SupervisorSettings {
    /// How long single waits last.
    pub budget: Budget,
}

/// What ends a run before there is a report.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// The command is not there.
    #[error("cannot run `{0}`: there is no such program")]
    Missing(SupervisorCommand),
    /// No server came up with a connection, or the arbiter did not greet it.
    #[error("`{command}` does not supervise a server: {why}")]
    NoSupervisor {
        /// The command line.
        command: SupervisorCommand,
        /// What was awaited, and what it said.
        why: String,
    },
    /// No such case.
    #[error("there is no case `{0}` of the role supervisor")]
    NoCase(String),
    /// A sandbox could not be made.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

/// Runs the selected cases of the role `supervisor`.
///
/// # Errors
/// The command cannot be started or supervises nothing; no case is selected.
pub fn run(
    catalogue: &Catalogue,
    selection: &Selection,
    command: &SupervisorCommand,
    settings: SupervisorSettings,
) -> Result<Report, SupervisorError> {
    let (subject, capabilities) = introduce(command, settings)?;
    let instances = catalogue.select(Role::Supervisor, selection);
    if instances.is_empty() {
        return Err(SupervisorError::NoCase(selection.only.join(" ")));
    }
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let order: Vec<usize> = (0..instances.len()).collect();
    let cases = in_parallel(jobs, &order, |index| {
        let instance = &instances[index];
        match lacking(&instance.scenario, &capabilities) {
            Some(why) => CaseResult::none(Outcome::Skipped { why }).of(instance),
            None => case::play(instance, command, settings, Box::new(NoFault)),
        }
    });
    let level = selection.level.unwrap_or(LEVEL_MAX);
    Ok(Report { suite: Suite::this(), subject, protocol: 1, level, cases })
}

/// Why a case is skipped.
fn lacking(scenario: &Scenario, capabilities: &Value) -> Option<String> {
    let missing = scenario.capabilities.iter().find(|wanted| capabilities.get(wanted).is_none())?;
    Some(format!("the arbiter does not have the capability `{missing}`"))
}

/// Starts the command once; its arbiter says in `greeting` who it is, and what it can do.
fn introduce(
    command: &SupervisorCommand,
    settings: SupervisorSettings,
) -> Result<(Subject, Value), SupervisorError> {
    if !command.words.first().is_some_and(|program| command::is_there(program)) {
        return Err(SupervisorError::Missing(command.clone()));
    }
    let sandbox = Sandbox::new()?;
    let mut run = CaseRun::new(Supervisor::new(&sandbox, command), settings.budget, Box::new(NoFault));
    let greeting = run.introduction().map_err(|failure| {
        let said: String = run.subject.started.values().map(command::StartedCommand::stderr).collect();
        SupervisorError::NoSupervisor { command: command.clone(), why: format!("{failure}\n{said}") }
    })?;
    let text = |key: &str| greeting["arbiter"][key].as_str().unwrap_or_default().to_owned();
    let subject = Subject {
        role: Role::Supervisor,
        name: text("name"),
        version: text("version"),
        language: None,
        language_version: None,
        homepage: None,
    };
    Ok((subject, greeting["capabilities"].clone()))
}

impl SupervisorRun<'_> {
    fn introduction(&mut self) -> Result<Value, Failure> {
        self.start(&Start::from("s1".to_owned()))?;
        let server = crate::scenario::FakeServer {
            of: "s1".to_owned(),
            name: "c1".to_owned(),
            check: None,
            spec: Vec::new(),
            within_ms: None,
        };
        self.await_server(&server)?;
        Ok(self.await_type("c1", "greeting", None)?.object.unwrap_or_default())
    }
}

impl fmt::Display for SupervisorCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words.join(" "))
    }
}

/// The server's command that is appended.
fn fake_server_words(program: &Path, control: &Path) -> [String; 3] {
    [program.display().to_string(), "fake-server".to_owned(), control.display().to_string()]
}
