//! What ends a run before there is a report, and whose fault it is.

use std::io;

use super::settings::DriverCommand;

/// What ends a run before there is a report.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// The driver cannot be started: the command line's fault.
    #[error("cannot run the driver `{command}`: {}", why(command, source))]
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
        with_stderr(stderr)
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
    #[error("there is no case `{0}`; `serverswap-conformance list` names them")]
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

fn why(command: &DriverCommand, error: &io::Error) -> &'static str {
    use rustix::io::Errno;
    let is_path = command.program.as_encoded_bytes().contains(&b'/');
    match Errno::from_io_error(error) {
        Some(Errno::NOENT) if is_path => {
            "there is no such program; does it have to be built first (`go build`, `cargo build`, `make`)?"
        }
        Some(Errno::NOENT) => "there is no such program on the PATH",
        Some(Errno::ACCESS) => "it is not executable; `chmod +x` makes it so",
        Some(Errno::NOEXEC) => "it is not a program; a script begins with `#!`",
        Some(_) | None => "the system refuses",
    }
}

fn with_stderr(stderr: &str) -> String {
    let stderr = stderr.trim_end();
    if stderr.is_empty() { String::new() } else { format!("\nits standard error:\n{stderr}") }
}
