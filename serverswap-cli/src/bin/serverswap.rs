//! Starts a new copy of a server while the old one serves, and swaps them.

use std::process::ExitCode;

fn main() -> ExitCode {
    serverswap_cli::main(serverswap_cli::Program::Serverswap)
}
