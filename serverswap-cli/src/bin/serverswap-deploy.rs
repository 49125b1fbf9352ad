//! The same as `serverswap --stay`.

use std::process::ExitCode;

fn main() -> ExitCode {
    serverswap_cli::main(serverswap_cli::Program::ServerswapDeploy)
}
