//! `upgrade --from DIR`: another build of serverswap and this one, deployed in turn, under load.
//!
//! Deliberately nothing is said of how a build does it, only of what may be seen from the outside:
//! no request is lost, every command ends as it should, nothing is left behind.
//!
//! Rules:
//! - Each server is of the build that deploys it, if that build has [`SERVER`], so that an old client
//!   meets a new arbiter and the other way round.
//! - What a build says in words is not read, but for `up after`.

mod alternation;
mod builds;
mod upgrade_text;

use std::path::PathBuf;

use serverswap_conformance::sandbox::{Sandbox, SandboxError};
use serverswap_load::{LoadError, Tally};

pub use builds::Build;
pub use upgrade_text::print;

use alternation::Play;
use builds::Builds;

/// A server that says neither its version nor its process: every build since the first has it.
const SERVER: &str = "on-tokio";

/// So few deploys have every form of a command after every other one, in both directions, and
/// room for the kills.
pub const DEPLOYS_MIN: u32 = 12;

/// What is played.
#[derive(Debug, Clone)]
pub struct Upgrade {
    /// The folder with the programs of the other build.
    pub from: PathBuf,
    /// How many deploys after the first start, which is the other build's.
    pub deploys: u32,
}

/// What was seen.
#[derive(Debug)]
pub struct Upgraded {
    /// Whose programs they were.
    pub builds: Builds,
    /// How many deploys went from the other build to this one.
    pub forth: u32,
    /// How many went back.
    pub back: u32,
    /// Whose arbiter was killed.
    pub killed: Vec<Build>,
    /// Everything about the requests.
    pub tally: Tally,
    /// What is not as it must be, but for the requests.
    pub wrong: Vec<String>,
}

impl Upgraded {
    /// Whether no request is lost and everything is as it must be.
    pub fn is_good(&self) -> bool {
        self.tally.failed() == 0 && self.wrong.is_empty()
    }
}

/// Why it could not be played. Nothing is said about the builds.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    /// A program is missing or cannot be run.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The load could not be run.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// Plays it. [`print`] shows what was seen.
///
/// # Errors
/// [`UpgradeError`] if it could not be played; a lost request is no error.
pub async fn run(upgrade: &Upgrade) -> Result<Upgraded, UpgradeError> {
    let sandbox = Sandbox::new()?;
    let builds = Builds::new(&upgrade.from, sandbox.programs());
    Play::begin(&sandbox, &builds).await?.until_the_end(upgrade.deploys).await
}
