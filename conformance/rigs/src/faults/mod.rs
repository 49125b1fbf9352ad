//! The fault matrix: every process of a handover is killed or stopped at every point of it, under load.
//!
//! Deliberately nothing is left to timing. The programs under test are built with the feature `points`
//! (`serverswap::sys::points`): before and after each message, each write of the state, the lock, the socket and
//! each spawn they report their point to this harness and wait until it lets them go on, so a process is dead or stopped at
//! exactly one point. Which points there are is recorded in an undisturbed handover.
//! (The alternative, a proxy between the processes and a watch on the state file, observes what was sent,
//! not what was decided, and nothing between the write of the state and the send.)
//!
//! A cell is green when
//! - the right version serves the address, and no connection was refused while a server or supervisor of it lives;
//! - only requests are lost that a killed server had accepted;
//! - `serverswap status`, the exit statuses and the answers of the servers agree;
//! - the next deploy works without a gap, and ends everything that it replaces;
//! - nothing is left: no process, no file, no entry of the state, and no descriptor in the processes that stay that they
//!   would not have after an undisturbed handover.

mod aftermath;
mod allowed_losses;
mod concurrent_deploys;
mod deployment;
mod fault_case;
mod leak_check;
mod matrix;
mod matrix_text;
mod open_descriptors;
mod points;
mod processes;
mod roles;
mod status_check;
mod undisturbed;

pub use concurrent_deploys::{ManyDeploys, at_once, in_a_row};
pub use fault_case::{CellOutcome, FaultCase, Played};
pub use matrix::{Extent, Matrix, Selection, run};
pub use points::Point;
pub use roles::{Fault, Mode, Role, Scene};

use serverswap_conformance::sandbox::SandboxError;
use serverswap_load::{Failure, LoadError};

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum FaultsError {
    /// A program is missing or failed.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The load failed.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A request got no good answer.
    #[error("a question was lost: {0}")]
    Lost(#[from] Failure),
    /// A system call failed.
    #[error("the machine refuses something")]
    Machine(#[source] std::io::Error),
    /// The programs report no points.
    #[error(
        "a handover passes no point; the programs must be built with `--all-features`, without `--release`"
    )]
    NoPoints,
    /// A handover without a fault is not as it must be.
    #[error("a handover that nothing disturbs goes wrong:\n{0}")]
    Undisturbed(String),
    /// After an undisturbed handover, processes go on opening and closing descriptors.
    #[error("after a handover that nothing disturbs it does not become quiet")]
    Restless,
    /// Too many deploys have ended.
    #[error("every deploy has ended, and one must serve")]
    NobodyServes,
    /// Something that cannot be a process id.
    #[error("that is no process id")]
    NoPid,
    /// A process that was killed lives on.
    #[error("pid {0} was killed and lives on")]
    Immortal(u32),
    /// `serverswap status --json` printed no JSON.
    #[error("`serverswap status --json` failed:\n{0}")]
    Status(String),
    /// `status` and the servers do not agree.
    #[error("status does not tell the truth: {0}")]
    Untrue(String),
}
