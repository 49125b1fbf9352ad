//! `serverswap-conformance`: proves that a client or a supervisor speaks the protocol.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
