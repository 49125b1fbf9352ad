//! The same as `serverswap --stay`, for `cargo install`. A package has a link to `serverswap` instead.

use std::process::ExitCode;

fn main() -> ExitCode {
    serverswap_cli::main(serverswap_cli::Program::ServerswapDeploy)
}
