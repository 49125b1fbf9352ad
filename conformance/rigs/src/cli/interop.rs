//! `interop`, and the hidden `relay` that it starts.

use std::path::PathBuf;

use clap::Args;
use serverswap_conformance::sandbox::Programs;
use serverswap_rigs::interop::{self, Driver};

use serverswap_conformance::exit::{Ended, Found};

/// Which drivers are swapped for each other.
#[derive(Debug, Args)]
pub(super) struct InteropArgs {
    /// The names of the drivers [default: every driver of this repository].
    drivers: Vec<String>,
}

/// What a relay becomes.
#[derive(Debug, Args)]
pub(super) struct Relay {
    control: PathBuf,
    #[arg(last = true, required = true)]
    driver: Vec<String>,
}

pub(super) async fn interop(interop: InteropArgs) -> Ended {
    let drivers = interop::selected(Driver::known(&Programs::find()), &interop.drivers)?;
    let this = std::env::current_exe()?;
    let table = interop::run(&this, &drivers).await?;
    interop::print(&table);
    Ok(Found::good_if(table.is_good()))
}

/// Does not return, unless the driver cannot be started.
pub(super) fn relay(relay: &Relay) -> Ended {
    Err(interop::relay(&relay.control, &relay.driver).into())
}
