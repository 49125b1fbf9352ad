//! `interop`: every driver with every other, as the old server and as the new one, against the
//! real supervisor, under load.
//!
//! It deliberately proves nothing that a case of the catalogue proves: it observes only the whole, through
//! its clients and through the exit statuses of its commands.
//!
//! Rules:
//! - The drivers speak the driver contract; a supervised one is reached through [`relay`].
//! - Each cell is a sandbox of its own.
//! - A driver that cannot receive descriptors binds the address. Then the swap has a gap, and a request
//!   that fails as it must on a closed listener is no fault.

mod driven_server;
mod driver_control;
mod drivers;
mod relay;
mod swap;
mod swap_table;

use std::path::{Path, PathBuf};

use serverswap_conformance::sandbox::SandboxError;

pub use drivers::Driver;
pub use relay::relay;
pub use swap::{Handover, Swap, SwapOutcome};
pub use swap_table::print;

use swap::SwapError;

/// The whole table.
#[derive(Debug)]
pub struct Interop {
    /// The names, in the order of rows and columns.
    pub drivers: Vec<String>,
    /// Row by row: every new one for the first old one, and so on.
    pub cells: Vec<Swap>,
}

/// Why the table could not be made. It says nothing about the drivers.
#[derive(Debug, thiserror::Error)]
pub enum InteropError {
    /// A driver that is not there.
    #[error("the driver `{name}` cannot be started: there is no `{path}`; `make build` makes it")]
    Missing {
        /// The driver.
        name: String,
        /// What is missing.
        path: PathBuf,
    },
    /// No driver has this name.
    #[error("no driver is named `{name}`; there are: {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// Those that are there, separated by commas.
        known: String,
    },
    /// A sandbox could not be made.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

impl Interop {
    /// Whether every swap was good.
    pub fn is_good(&self) -> bool {
        self.cells.iter().all(Swap::is_good)
    }

    fn row<'a>(&'a self, old: &'a str) -> impl Iterator<Item = &'a Swap> {
        self.cells.iter().filter(move |cell| cell.old == old)
    }
}

/// Those of `known` that are named; all of them if none is.
///
/// # Errors
/// [`InteropError::Unknown`].
pub fn selected(known: Vec<Driver>, names: &[String]) -> Result<Vec<Driver>, InteropError> {
    let find = |name: &String| {
        known.iter().find(|driver| driver.name == *name).cloned().ok_or_else(|| InteropError::Unknown {
            name: name.clone(),
            known: known.iter().map(|driver| driver.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    };
    if names.is_empty() { Ok(known) } else { names.iter().map(find).collect() }
}

/// Plays every pair, one after the other. `relay` is the program that has the hidden command `relay`,
/// usually this one.
///
/// # Errors
/// [`InteropError`]; a swap that goes wrong is no error.
pub async fn run(relay: &Path, drivers: &[Driver]) -> Result<Interop, InteropError> {
    for driver in drivers {
        if let Some(path) = driver.missing() {
            return Err(InteropError::Missing { name: driver.name.clone(), path: path.into() });
        }
    }
    let mut cells = Vec::new();
    for old in drivers {
        for new in drivers {
            cells.push(Swap::play(relay, old, new).await?);
        }
    }
    Ok(Interop { drivers: drivers.iter().map(|driver| driver.name.clone()).collect(), cells })
}
