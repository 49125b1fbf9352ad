//! `supervisor -- COMMAND`: the cases of the role `supervisor`, against anybody's command that
//! starts a server under an arbiter.
//!
//! The suite appends a server to COMMAND, a *puppet*: it connects as a server does and hands its connection
//! to the suite. So the arbiter's peer is the process that COMMAND has started, and the suite
//! says what no client library would.
//!
//! It deliberately does not look into the runtime directory, and knows nothing of options:
//! `SERVERSWAP_DIR` in the environment of COMMAND is a private directory, which it is to use.
//!
//! Rules:
//! - One case is one sandbox. Everything that was started is ended with it.
//! - Every wait is for an event and has a limit; barriers are `ping` and `pong`.

mod awaited;
mod case;
mod control;
mod failure;
mod fault;
mod filtered;
mod handing;
mod play;
mod process;
mod processes;
mod puppet;
mod speaking;
mod stage;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::engine::Budget;
use crate::report::{Case, Report, Role, Subject, Suite};
use crate::sandbox::{Sandbox, SandboxError};
use crate::scenario::{Catalogue, Instance, LEVEL_MAX, Selection, Start, Variables};

pub use case::{WIRE_VALID, WIRE_VALID_SPEC, play as play_case};
pub use fault::{ArbiterFault, ArbiterLine, NoFault};
pub use puppet::puppet;

use failure::Failure;
use stage::Stage;

/// The command under test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupervisorCommand {
    /// The program and its arguments; the server's command is appended.
    pub words: Vec<String>,
    /// The program that has the hidden command `puppet`, usually this one.
    pub puppet: PathBuf,
}

/// How cases are run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
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
    settings: Settings,
) -> Result<Report, SupervisorError> {
    let subject = introduce(command, settings)?;
    let instances = catalogue.select(Role::Supervisor, selection);
    if instances.is_empty() {
        return Err(SupervisorError::NoCase(selection.only.join(" ")));
    }
    let cases =
        in_parallel(&instances, |instance| case::play(instance, command, settings, Box::new(NoFault)));
    let level = selection.level.unwrap_or(LEVEL_MAX);
    Ok(Report { suite: Suite::this(), subject, protocol: 1, level, cases })
}

/// What `play` makes of each case, in order; as many at once as there are processors.
fn in_parallel(instances: &[Instance], play: impl Fn(&Instance) -> Case + Sync) -> Vec<Case> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut played = Vec::new();
        while let Some((index, instance)) = next_of(instances, &next) {
            played.push((index, play(instance)));
        }
        played
    };
    let mut played: Vec<(usize, Case)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a case does not panic")).collect()
    });
    played.sort_by_key(|(index, _)| *index);
    played.into_iter().map(|(_, case)| case).collect()
}

fn next_of<'a>(instances: &'a [Instance], next: &AtomicUsize) -> Option<(usize, &'a Instance)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    Some((index, instances.get(index)?))
}

/// Starts the command once; its arbiter says in `greeting` who it is.
fn introduce(command: &SupervisorCommand, settings: Settings) -> Result<Subject, SupervisorError> {
    if !command.words.first().is_some_and(|program| process::is_there(program)) {
        return Err(SupervisorError::Missing(command.clone()));
    }
    let sandbox = Sandbox::new()?;
    let mut stage = Stage::new(&sandbox, command, settings.budget, Variables::default(), &[]);
    let greeting = stage.introduction().map_err(|failure| {
        let said: String = stage.started.values().map(process::Started::said).collect();
        SupervisorError::NoSupervisor { command: command.clone(), why: format!("{failure}\n{said}") }
    })?;
    let text = |key: &str| greeting["arbiter"][key].as_str().unwrap_or_default().to_owned();
    Ok(Subject {
        role: Role::Supervisor,
        name: text("name"),
        version: text("version"),
        language: None,
        language_version: None,
        homepage: None,
    })
}

impl Stage<'_> {
    fn introduction(&mut self) -> Result<Value, Failure> {
        self.start(&Start::from("s1".to_owned()))?;
        let puppet = crate::scenario::Puppet {
            of: "s1".to_owned(),
            name: "c1".to_owned(),
            check: None,
            spec: Vec::new(),
            within_ms: None,
        };
        self.take_puppet(&puppet)?;
        Ok(self.await_type("c1", "greeting")?.object.unwrap_or_default())
    }
}

impl fmt::Display for SupervisorCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words.join(" "))
    }
}

/// The server's command that is appended.
fn puppet_words(program: &Path, control: &Path) -> [String; 3] {
    [program.display().to_string(), "puppet".to_owned(), control.display().to_string()]
}
