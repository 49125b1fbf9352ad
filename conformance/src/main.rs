//! `serverswap-conformance`: everything that measures or proves a serverswap from the outside.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
