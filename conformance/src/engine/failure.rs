//! What ends a case or a run, and whose fault it is.

use std::io;

use super::settings::DriverCommand;
use crate::contract::{ContractError, ReplyBodyError};
use crate::scenario::Unbound;

/// What ends a case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The client under test does not do what is expected.
    #[error("{0}")]
    Client(String),
    /// The driver breaks its contract. It says nothing about the client.
    #[error("the driver broke its contract: {0}")]
    Driver(String),
    /// The suite or the machine failed. It says nothing about the client.
    #[error("the suite failed: {0}")]
    Suite(String),
}

/// What ends a run before there is a report.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// The driver cannot be started: the command line's fault.
    #[error("cannot run the driver `{command}`: {}", why(source))]
    Start {
        /// The command line.
        command: DriverCommand,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The driver's answer to `hello` is not one: the driver's fault.
    #[error(
        "the driver `{command}` broke its contract: {why}; this is a fault of the driver, not of the suite{}",
        said(stderr)
    )]
    Driver {
        /// The command line.
        command: DriverCommand,
        /// What is wrong.
        why: String,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// No such case.
    #[error("there is no case `{0}`; `serverswap-conformance run --list` names them")]
    NoCase(String),
    /// Something of this machine failed: the suite's fault.
    #[error("{what}")]
    Io {
        /// What was attempted.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

impl SuiteError {
    pub(super) fn io(what: &'static str) -> impl FnOnce(io::Error) -> SuiteError {
        move |source| SuiteError::Io { what, source }
    }
}

fn why(error: &io::Error) -> &'static str {
    use rustix::io::Errno;
    match Errno::from_io_error(error) {
        Some(Errno::NOENT) => "there is no such program",
        Some(Errno::ACCESS) => "it is not executable; `chmod +x` makes it so",
        Some(Errno::NOEXEC) => "it is not a program; a script begins with `#!`",
        Some(_) | None => "the system refuses",
    }
}

fn said(stderr: &str) -> String {
    let stderr = stderr.trim_end();
    if stderr.is_empty() { String::new() } else { format!("\nits standard error:\n{stderr}") }
}

impl Failure {
    /// Something of this machine failed.
    pub(super) fn io(what: &str) -> impl FnOnce(io::Error) -> Failure {
        move |error| Failure::Suite(format!("{what}: {error}"))
    }
}

impl From<ContractError> for Failure {
    fn from(error: ContractError) -> Self {
        Failure::Driver(error.to_string())
    }
}

impl From<ReplyBodyError> for Failure {
    fn from(error: ReplyBodyError) -> Self {
        Failure::Driver(error.to_string())
    }
}

impl From<Unbound> for Failure {
    fn from(error: Unbound) -> Self {
        Failure::Suite(format!("the scenario is wrong: {error}"))
    }
}
