//! `containers`: servers in containers of their own, by unshare(1).

use std::path::PathBuf;

use clap::Args;
use serverswap_conformance::exit::{Ended, Found};
use serverswap_rigs::containers::{self, Containers};

/// With what.
#[derive(Debug, Args)]
pub(super) struct ContainersArgs {
    /// The static command, as `packaging/container/build` makes it.
    #[arg(long, value_name = "FILE")]
    program: PathBuf,
    /// How many requests are answered at least.
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    requests: u64,
}

pub(super) async fn containers(arguments: ContainersArgs) -> Ended {
    let ContainersArgs { program, requests } = arguments;
    let seen = containers::run(&Containers { program, requests }).await?;
    containers::print(&seen);
    Ok(Found::good_if(seen.is_good()))
}
