//! The scripted arbiter without a driver: it waits on its socket, as long as it takes, while
//! somebody runs a client in a debugger.
//!
//! Commands for the driver are printed for the person; its events are taken on trust.

use std::io::Write;

use super::error::SuiteError;
use super::progress_log::ProgressLog;
use super::steps::Client;
use super::{ClientRun, case};
use crate::report::{Check, Outcome, TraceLine};
use crate::runner::{Budget, CaseResult, Failure, NoFault};
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

/// Plays the suite's side of one case and prints to `out` what it does and what is to be done.
///
/// # Errors
/// No directory for the socket.
pub fn serve(instance: &Instance, out: Box<dyn Write + Send>) -> Result<Served, SuiteError> {
    let directory = tempfile::Builder::new().prefix("serverswap-").tempdir();
    let directory = directory.map_err(SuiteError::io("cannot make a temporary directory"))?;
    let mut run = Client::run_in(directory.path(), Budget::Endless, Box::new(NoFault));
    run.subject.progress_log = Some(ProgressLog::new(out));
    let played = run.open(instance).and_then(|()| {
        run.introduce_to_person(instance);
        run.play(&instance.scenario)
    });
    run.log_trace();
    let failure = played.as_ref().err().map(Failure::to_string);
    let told = failure.map_or_else(|| "the end".to_owned(), |failure| format!("it ends here: {failure}"));
    if let Some(log) = &mut run.subject.progress_log {
        log.print(&told);
    }
    let CaseResult { outcome, checks, trace, .. } = run.finish(played);
    Ok(Served { outcome, checks, trace })
}

impl ClientRun {
    fn introduce_to_person(&mut self, instance: &Instance) {
        let environment = case::environment(self, &instance.scenario.environment);
        let Some(log) = &mut self.subject.progress_log else { return };
        log.print(&format!("{}: {}", instance.id, instance.scenario.title));
        log.print("start your client with:");
        for (name, value) in environment {
            log.print(&match value {
                Some(value) => format!("  export {name}={value}"),
                None => format!("  unset {name}"),
            });
        }
    }
}
