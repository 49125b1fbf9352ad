//! The scripted arbiter without a driver: it waits on its socket, as long as it takes, while
//! somebody runs a client in a debugger.
//!
//! What the driver would be told is told to the person; what it would tell is taken on trust.

use std::io::Write;

use super::budget::Budget;
use super::case;
use super::failure::{Failure, SuiteError};
use super::fault::NoFault;
use super::narrator::Narrator;
use super::stage::Stage;
use crate::report::{Check, Outcome, TraceLine};
use crate::scenario::Instance;

/// What came of serving a case.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    /// How it ended.
    pub outcome: Outcome,
    /// The expectations that were reached.
    pub checks: Vec<Check>,
    /// What was said.
    pub trace: Vec<TraceLine>,
}

/// Plays the suite's side of one case and says on `out` what it does and what is to be done.
///
/// # Errors
/// No directory for the socket.
pub fn serve(instance: &Instance, out: Box<dyn Write + Send>) -> Result<Served, SuiteError> {
    let directory = tempfile::Builder::new().prefix("serverswap-").tempdir();
    let directory = directory.map_err(SuiteError::io("cannot make a temporary directory"))?;
    let mut stage = Stage::new(directory.path(), Budget::Endless, Box::new(NoFault));
    stage.narrator = Some(Narrator::new(out));
    let played = stage.open(instance).and_then(|()| {
        stage.introduce_to_person(instance);
        stage.play(&instance.scenario.steps)
    });
    stage.narrate_trace();
    let failure = played.as_ref().err().map(Failure::to_string);
    let outcome = case::outcome(&mut stage, played);
    let told = failure.map_or_else(|| "the end".to_owned(), |failure| format!("it ends here: {failure}"));
    if let Some(narrator) = &mut stage.narrator {
        narrator.say(&told);
    }
    let Stage { checks, trace, .. } = stage;
    Ok(Served { outcome, checks, trace: trace.into_lines() })
}

impl Stage {
    fn introduce_to_person(&mut self, instance: &Instance) {
        let environment = case::environment(self, &instance.scenario.environment);
        let Some(narrator) = &mut self.narrator else { return };
        narrator.say(&format!("{}: {}", instance.id, instance.scenario.title));
        narrator.say("start your client with:");
        for (name, value) in environment {
            narrator.say(&match value {
                Some(value) => format!("  export {name}={value}"),
                None => format!("  unset {name}"),
            });
        }
    }
}
