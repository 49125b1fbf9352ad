//! A private sandbox for one run: a runtime directory of its own, the real programs, and the
//! certainty that no process outlives it.
//!
//! It deliberately knows nothing of what the programs do. Every wait is for an event (a line, an
//! exit, the end of a process) and has a limit, and reaching the limit is an error.
//!
//! Rules:
//! - Everything started here has this sandbox's `SERVERSWAP_DIR` in its environment, and so has
//!   everything that it starts: by that, all of it is found and ended when the sandbox is dropped. So is whatever works
//!   in its folder: a program may write its title over its environment.
//! - Programs write to files, never to a pipe of ours: a server outlives the one who started it.

mod invocation;
mod ports;
mod programs;
mod remaining;
mod started;
mod transcript;
mod write_watch;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serverswap_protocol::{Address, Endpoint};
use tempfile::TempDir;

pub use invocation::Invocation;
pub use ports::free_port;
pub use programs::Programs;
pub use remaining::Remaining;
pub use started::{Exit, Started};

/// How long anything that is waited for may take. Reaching it is a failure.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A private runtime directory and the programs to run in it.
#[derive(Debug)]
pub struct Sandbox {
    directory: TempDir,
    programs: Programs,
}

/// The address `127.0.0.1:PORT` of a free port.
pub fn free_address() -> Address {
    Address::Tcp(Endpoint::Ip(([127, 0, 0, 1], free_port()).into()))
}

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A program that is not built.
    #[error("there is no `{}`; `make build` makes it, or `SERVERSWAP_BIN_DIR` says where it is", program.display())]
    Missing {
        /// Where it should be.
        program: PathBuf,
    },
    /// Something of this machine failed.
    #[error("{what}")]
    Io {
        /// What was attempted.
        what: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A program ended before it said what it was waited for.
    #[error("`{command}` ended with {status} before it said `{text}`; it said:\n{said}")]
    Ended {
        /// The command.
        command: String,
        /// Its exit status.
        status: i32,
        /// What was waited for.
        text: String,
        /// Everything that it said.
        said: String,
    },
    /// A program did not do in time what it was waited for.
    #[error("`{command}` {expected} within {} s; it said:\n{said}", LIMIT.as_secs())]
    TooLate {
        /// The command.
        command: String,
        /// What did not happen, as a clause.
        expected: String,
        /// Everything that it said.
        said: String,
    },
}

/// The first arguments with which `serverswap` deploys nothing.
pub const NO_DEPLOYS: [&str; 11] = [
    "status",
    "reload",
    "logs",
    "history",
    "events",
    "metrics",
    "explain",
    "stop",
    "hold",
    "completions",
    "man",
];

fn without_probation<S: Into<String>>(arguments: impl IntoIterator<Item = S>) -> Vec<String> {
    let arguments: Vec<String> = arguments.into_iter().map(Into::into).collect();
    let deploys = arguments.first().is_some_and(|first| !NO_DEPLOYS.contains(&first.as_str()));
    let is_named = arguments.iter().any(|argument| argument == "--probation");
    let option: &[&str] = if deploys && !is_named { &["--probation", "0"] } else { &[] };
    option.iter().map(|word| (*word).to_owned()).chain(arguments).collect()
}

impl Sandbox {
    /// Where commands that are started here record, if they do.
    pub fn recording(&self) -> PathBuf {
        self.directory.path().join("trace.ndjson")
    }

    /// An empty sandbox.
    ///
    /// # Errors
    /// If no temporary directory can be made.
    pub fn new() -> Result<Sandbox, SandboxError> {
        let directory = tempfile::Builder::new().prefix("serverswap-").tempdir();
        let directory =
            directory.map_err(|source| SandboxError::Io { what: "no temporary directory".into(), source })?;
        Ok(Sandbox { directory, programs: Programs::find() })
    }

    /// The folder that belongs to this sandbox and goes with it.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Its runtime directory, `SERVERSWAP_DIR`. The first supervisor makes it.
    pub fn runtime_dir(&self) -> PathBuf {
        self.directory.path().join("run")
    }

    /// The parent of its directory of logs, `XDG_STATE_HOME`.
    pub fn state_home(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// Where the programs are.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// `serverswap ARGUMENTS…`; a deploy without a probation, unless the arguments name one.
    pub fn serverswap<S: Into<String>>(&self, arguments: impl IntoIterator<Item = S>) -> Invocation {
        self.command(&self.programs.serverswap, without_probation(arguments))
    }

    /// `serverswap-deploy ARGUMENTS…`; without a probation, unless the arguments name one.
    pub fn deploy<S: Into<String>>(&self, arguments: impl IntoIterator<Item = S>) -> Invocation {
        self.command(&self.programs.serverswap_deploy, without_probation(arguments))
    }

    /// Any program, in this sandbox.
    pub fn command<S: Into<String>>(
        &self,
        program: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Invocation {
        Invocation::new(program, arguments, self.path())
            .env("SERVERSWAP_DIR", self.runtime_dir())
            .env("XDG_STATE_HOME", self.state_home())
    }

    /// Every process of this sandbox that lives, but no temporary arbiter: that ends by itself.
    pub fn remaining(&self) -> Vec<Remaining> {
        let mut remaining = remaining::of(&self.runtime_dir());
        remaining.retain(|process| !process.is_temporary_arbiter());
        remaining
    }

    /// Those that servers have started where there was no arbiter, and that have not ended yet.
    pub fn temporary_arbiters(&self) -> Vec<Remaining> {
        let mut remaining = remaining::of(&self.runtime_dir());
        remaining.retain(Remaining::is_temporary_arbiter);
        remaining
    }

    /// Ends every process of this sandbox and waits until all are gone.
    pub fn end(&self) {
        remaining::end(&self.runtime_dir(), self.path());
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.end();
    }
}
