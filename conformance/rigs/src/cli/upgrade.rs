//! `upgrade`: another build of serverswap and this one in turn, under load.

use std::path::PathBuf;

use clap::Args;
use serverswap_rigs::upgrade::{self, DEPLOYS_MIN};

use serverswap_conformance::exit::{Ended, Found};

/// Which builds.
#[derive(Debug, Args)]
pub(super) struct UpgradeArgs {
    /// The folder with `serverswap` and `serverswap-deploy` of the other build.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The number of deploys after the first start, which uses the other build.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(i64::from(DEPLOYS_MIN)..))]
    deploys: u32,
}

pub(super) async fn upgrade(upgrade: UpgradeArgs) -> Ended {
    let UpgradeArgs { from, deploys } = upgrade;
    let upgraded = upgrade::run(&upgrade::Upgrade { from, deploys }).await?;
    upgrade::print(&upgraded);
    Ok(Found::good_if(upgraded.is_good()))
}
