//! The driver of the crate `serverswap`: commands on standard input become calls of its
//! `Connection`, and its events become lines on standard output. The contract is
//! `conformance/contract/v1/README.md`.
//!
//! It deliberately helps the library with nothing.
//!
//! Rules: one thread does everything except answering HTTP, so that `sync` is a plain sequence:
//! process, tell, reply.

mod answer;
mod codec;
mod commands;
mod driver;
mod fork;
mod output;
mod service;

use std::process::ExitCode;

use driver::Driver;

fn main() -> ExitCode {
    match Driver::new().and_then(|mut driver| driver.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
