//! Starts a new copy of a server while the old one serves, and swaps them. By a link called `serverswap-deploy`, it is that.

use std::process::ExitCode;

fn main() -> ExitCode {
    serverswap_cli::main_by_name()
}
