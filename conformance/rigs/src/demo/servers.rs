//! Which servers a demo deploys.

use serverswap_conformance::sandbox::Programs;

/// The servers of a demo. Each command is split at its spaces, and hears of its `ADDRESS` and `VERSION` in
/// its environment; a good one answers with a header `Version`.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Servers {
    /// The server [default: node examples/node/http.js].
    #[arg(long, value_name = "COMMAND")]
    server: Option<String>,
    /// A version of it that exits before it is ready [default: node examples/node/broken.js].
    #[arg(long, value_name = "COMMAND")]
    broken: Option<String>,
}

/// The command line of a server.
#[derive(Debug)]
pub(super) struct ServerCommand {
    /// As a person would type it.
    pub(super) typed: String,
    /// As it is started, from whatever folder.
    pub(super) words: Vec<String>,
}

impl Servers {
    pub(super) fn good(&self, programs: &Programs) -> ServerCommand {
        self.server.as_deref().map_or_else(|| example(programs, "node/http.js"), given)
    }

    pub(super) fn broken(&self, programs: &Programs) -> ServerCommand {
        self.broken.as_deref().map_or_else(|| example(programs, "node/broken.js"), given)
    }
}

fn given(command: &str) -> ServerCommand {
    let words = command.split_whitespace().map(str::to_owned).collect();
    ServerCommand { typed: command.to_owned(), words }
}

fn example(programs: &Programs, file: &str) -> ServerCommand {
    let words = vec!["node".to_owned(), programs.example(file)];
    ServerCommand { typed: format!("node examples/{file}"), words }
}
