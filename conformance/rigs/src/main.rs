//! `serverswap-rigs`: what proves and measures the serverswap of this repository.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
