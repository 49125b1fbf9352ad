//! Plays the steps of one case: what is the same whether a client or a supervisor is under test.
//!
//! It deliberately knows neither drivers nor commands: those are the [`SubjectUnderTest`], in `client` and in `supervisor`. It
//! reads no files of scenarios (`scenario` does) and prints nothing (`report` does).
//!
//! Rules:
//! - One thread plays one case. It waits for all descriptors at once, and every wait has a limit.
//! - The first step that fails ends the case. A program that has crashed satisfies no expectation.
//! - Whose fault a failure is, is its variant: the subject's, the driver's, the suite's.
//! - Everything that the subject sends passes through the [`Fault`] first: none but in the tests of the suite.

mod barrier;
mod budget;
mod connections;
mod expectations;
mod failure;
mod fault;
mod fixtures;
mod parallel;
mod result;
mod sending;
mod signals;
mod socket_address;
mod steps;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use serverswap_protocol::trace::Side;

use crate::connection::{ScriptedConnection, Trace, ready};
use crate::report::Check;
use crate::scenario::{Located, Pattern, Step, Variables};

pub use budget::Budget;
pub use failure::Failure;
pub use fault::{Exited, Fault, NoFault, WireLine};

pub(crate) use expectations::MatchResult;
pub(crate) use fixtures::Fixtures;
pub(crate) use parallel::in_parallel;
pub(crate) use result::CaseResult;
pub(crate) use signals::{kernel_signal, signal_name};

/// The check that every line of the subject fits the strict schema and the state tables.
pub const WIRE_VALID: &str = "wire-valid";

/// One case under way.
pub(crate) struct CaseRun<S> {
    /// What is under test.
    pub subject: S,
    /// By their names in the scenario.
    pub connections: BTreeMap<String, ScriptedConnection>,
    pub fixtures: Fixtures,
    pub variables: Variables,
    pub trace: Trace,
    pub checks: Vec<Check>,
    pub fault: Box<dyn Fault>,
    pub budget: Budget,
    /// Whether pings of the subject are answered without a step.
    answers_pings: bool,
    /// The first line of the subject that the protocol forbids.
    wire_fault: Option<String>,
}

/// What is under test, as far as the runner has to know.
pub(crate) trait SubjectUnderTest: Sized {
    /// The side that the suite plays.
    const SUITE_SIDE: Side;

    /// How failures call the subject.
    const NAME: &'static str;

    /// What [`WIRE_VALID`] proves in every case.
    const WIRE_VALID_SPEC: &'static [&'static str];

    /// Plays a step that is not an expectation.
    fn play_step(run: &mut CaseRun<Self>, step: &Step) -> Result<(), Failure>;

    /// What becomes readable when something happens to it.
    fn descriptors(&self) -> Vec<BorrowedFd<'_>>;

    /// Takes in what has happened to it.
    fn read(&mut self, fault: &mut dyn Fault, trace: &mut Trace) -> Result<(), Failure>;

    /// Skips the next lines of a connection that may come at any time, unless one of them is `wanted`.
    fn skip_passing(connection: &mut ScriptedConnection, wanted: Option<&Pattern>);

    /// How it has ended; after that nothing but what it has left behind is waited for.
    fn exited(&self) -> Option<Exited> {
        None
    }

    /// Whether these expectations are taken on trust: nobody is there who could meet them.
    fn trusts(&self, _expected: &[Located<Step>]) -> bool {
        false
    }

    /// Looks for what a step expects besides lines and ends of connections.
    fn look(_run: &mut CaseRun<Self>, step: &Step, _pending: &[&Step]) -> Result<MatchResult, Failure> {
        Err(Failure::Suite(format!("`{}` is nothing to wait for", step.word())))
    }

    /// A step is about to be played.
    fn begins(_run: &mut CaseRun<Self>, _number: usize, _step: &Step) {}

    /// A piece of a line was sent, and another one follows.
    fn between_pieces(_run: &mut CaseRun<Self>) -> Result<(), Failure> {
        Ok(())
    }

    /// The fault was switched on: what has come and was not looked at passes through it again.
    fn refilter(&mut self, _fault: &mut dyn Fault) {}

    /// What it wrote to standard error.
    fn stderr(&mut self) -> String;
}

/// What waits for something: found, not yet, or never.
pub(crate) type Look<'a, S, T> = &'a mut dyn FnMut(&mut CaseRun<S>) -> Result<Option<T>, Failure>;

impl<S: SubjectUnderTest> CaseRun<S> {
    /// A case that begins.
    pub fn new(subject: S, budget: Budget, fault: Box<dyn Fault>) -> CaseRun<S> {
        CaseRun {
            subject,
            connections: BTreeMap::new(),
            fixtures: Fixtures::default(),
            variables: Variables::default(),
            trace: Trace::default(),
            checks: Vec::new(),
            fault,
            budget,
            answers_pings: true,
            wire_fault: None,
        }
    }

    /// Waits until `look` has found something.
    ///
    /// # Errors
    /// What `look` says; that the subject has ended; that it took too long.
    pub fn wait<T>(
        &mut self,
        what: &dyn Display,
        within: Option<u64>,
        look: Look<'_, S, T>,
    ) -> Result<T, Failure> {
        let deadline = self.budget.deadline(within);
        loop {
            if let Some(found) = look(self)? {
                return Ok(found);
            }
            if let Some(exited) = self.subject.exited() {
                // What it has left behind is looked at before it counts as dead.
                if !self.take_in(Some(Instant::now()))? {
                    return Err(Failure::Subject(format!(
                        "{what} was awaited, but the driver ended {exited}"
                    )));
                }
            } else if deadline.is_some_and(|deadline| Instant::now() >= deadline)
                || !self.take_in(deadline)?
            {
                // Something may be readable all the time that no step looks at, so the clock comes first.
                return Err(Failure::Subject(self.too_late(what, within)));
            }
        }
    }

    fn too_late(&self, what: &dyn Display, within: Option<u64>) -> String {
        let seconds = self.budget.duration(within).unwrap_or_default().as_secs_f64();
        let last = self.trace.lines().last();
        let last = last.map_or(String::new(), |line| format!("; the last line was {}", line.line));
        format!("{what} was awaited and did not come within {seconds} s{last}")
    }

    /// Waits for anything until `deadline`, and takes it in. Whether there was anything.
    fn take_in(&mut self, deadline: Option<Instant>) -> Result<bool, Failure> {
        let poll_failed = Failure::io("cannot wait for descriptors");
        let any = ready(&self.descriptors(), deadline).map_err(poll_failed)?.contains(&true);
        if any {
            // Connections before the process: what it has sent before it died was sent.
            self.read_connections()?;
            self.fixtures.read();
            self.subject.read(self.fault.as_mut(), &mut self.trace)?;
        }
        Ok(any)
    }

    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let connections =
            self.connections.values().filter(|connection| connection.is_read()).map(AsFd::as_fd);
        connections.chain(self.subject.descriptors()).chain(self.fixtures.waiting()).collect()
    }
}
