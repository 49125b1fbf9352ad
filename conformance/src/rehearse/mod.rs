//! `rehearse -- serverswap node server.js`: swaps of somebody's own server under load, in a
//! private directory, and a verdict.
//!
//! It deliberately knows nothing of the server but its command: who serves is what
//! `serverswap status --json` says, and everything else is seen from the outside.
//!
//! Rules:
//! - The server is started as a person starts it: in this folder, with this environment, but for
//!   `SERVERSWAP_DIR`.
//! - A finding is about the server and has advice; an error is about the rehearsal.
//! - Everything that was started is ended, however it goes.

mod advice;
mod findings;
mod findings_text;
mod overview;
mod said;
mod server;
mod status_poll;
mod swap_command;
mod swaps;

use std::io;
use std::time::Duration;

use serverswap_protocol::Address;

use crate::sandbox::{Sandbox, SandboxError};
use serverswap_load::{LoadError, TargetError};

pub use findings::{Beside, Finding, Rehearsed, Speaks};
pub use findings_text::print;
pub use overview::report;
pub use server::Language;

use swap_command::SwapCommand;
use swaps::RehearsalRun;

/// What is rehearsed.
#[derive(Debug, Clone)]
pub struct Rehearsal {
    /// The command, from `serverswap` or `serverswap-deploy` on.
    pub command: Vec<String>,
    /// How many swaps after the first start.
    pub swaps: u32,
    /// Where the requests go; without, every address that the server serves.
    pub address: Option<Address>,
    /// The path that is asked for.
    pub path: String,
    /// The longest time that one start or swap may take.
    pub limit: Duration,
}

/// Why a rehearsal could not be made. Nothing is said about the server.
#[derive(Debug, thiserror::Error)]
pub enum RehearseError {
    /// The command is not one of `serverswap`.
    #[error(
        "`{command}` does not run serverswap; write it as you would start it: `rehearse -- serverswap {command}`, \
         with the options that `serverswap explain {command}` names if the server does not use the library"
    )]
    NotServerswap {
        /// The command.
        command: String,
    },
    /// There is no server in the command.
    #[error("`{command}` starts no server")]
    NothingToStart {
        /// The command.
        command: String,
    },
    /// The command names a runtime directory.
    #[error("a rehearsal uses a runtime directory of its own; leave `--dir` out")]
    OwnDirectory,
    /// `serverswap status` cannot be run.
    #[error("`{program} status` cannot be run")]
    Status {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// `serverswap status --json` said something else.
    #[error("`{program} status --json` does not say who serves; it said:\n{said}")]
    NoStatus {
        /// The program.
        program: String,
        /// What it said.
        said: String,
        /// Why that is no status.
        #[source]
        source: serde_json::Error,
    },
    /// An address to which no request can go.
    #[error("no request can be sent there; `--address` names another one")]
    Target(#[from] TargetError),
    /// A program could not be run.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The load could not be run.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// Makes a rehearsal. [`print`] shows what it found.
///
/// # Errors
/// [`RehearseError`] if the rehearsal itself failed; a bad server is no error.
pub async fn run(rehearsal: &Rehearsal) -> Result<Rehearsed, RehearseError> {
    let sandbox = Sandbox::new()?;
    let recording = sandbox.recording();
    let command = SwapCommand::from_words(&rehearsal.command, sandbox.programs(), &recording)?;
    RehearsalRun::new(&sandbox, command, rehearsal).play().await
}
