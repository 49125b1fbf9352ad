//! `rehearse`: swaps of the user's own server under load.

use std::time::Duration;

use clap::Args;
use serverswap_conformance::exit::{Ended, Found};
use serverswap_conformance::rehearse::{self, Rehearsal};
use serverswap_conformance::swap_report::Shown;
use serverswap_protocol::Address;

/// The name of the page in the folder of `--report`.
const PAGE: &str = "rehearsal.html";

/// What is rehearsed.
#[derive(Debug, Args)]
pub(super) struct Rehearse {
    /// The number of swaps after the first start.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    swaps: u32,
    /// The address that is requested [default: every address that the server serves].
    #[arg(long)]
    address: Option<Address>,
    /// The path that is requested.
    #[arg(long, default_value = "/")]
    path: String,
    /// The longest time that one start or swap may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 180, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    #[command(flatten)]
    shown: Shown,
    /// The command as you would type it, beginning with `serverswap` or `serverswap-deploy`.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub(super) async fn rehearse(rehearse: Rehearse) -> Ended {
    let Rehearse { swaps, address, path, limit, shown, command } = rehearse;
    let rehearsal = Rehearsal { command, swaps, address, path, limit: Duration::from_secs(limit) };
    let file = shown.prepare(PAGE)?;
    let rehearsed = rehearse::run(&rehearsal).await?;
    let report = rehearse::report(&rehearsal, &rehearsed);
    shown.blocks(&report);
    rehearse::print(&rehearsed);
    if let Some(file) = file {
        file.put(&report);
    }
    Ok(Found::good_if(rehearsed.is_good()))
}
