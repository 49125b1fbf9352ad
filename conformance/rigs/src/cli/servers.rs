//! `servers`: well-known servers, under load.

use std::path::PathBuf;

use clap::Args;
use serverswap_conformance::exit::{Ended, Found};
use serverswap_rigs::servers;

/// Which servers.
#[derive(Debug, Args)]
pub(super) struct ServersArgs {
    /// The folder that `make servers` has installed them into; what is not there is looked for in PATH.
    #[arg(long, value_name = "DIR", default_value = "target/servers")]
    installed: PathBuf,
    /// The names of the servers [default: all].
    servers: Vec<String>,
}

pub(super) async fn servers(arguments: ServersArgs) -> Ended {
    let selected = servers::selected(&arguments.servers)?;
    let table = servers::run(&arguments.installed, &selected).await?;
    servers::print(&table);
    Ok(Found::good_if(table.is_good()))
}
