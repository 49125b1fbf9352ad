//! `replay`: what an installed `serverswap` decides on the events that another one recorded.
//!
//! The arbiter is not part of the suite: the program itself replays, so that what is tried is what is installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use serverswap_conformance::exit::{Ended, Found};
use serverswap_conformance::sandbox::Programs;

/// What is replayed.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// Files that `serverswap --trace FILE` has written.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The build that decides [default: the one beside this program, else the one that PATH finds].
    #[arg(long, value_name = "PROGRAM")]
    serverswap: Option<PathBuf>,
}

/// The status of `serverswap --replay` when it decides otherwise.
const DIFFERS: i32 = 1;

pub(super) fn replay(replay: Replay) -> Ended {
    let program = replay.serverswap.unwrap_or_else(installed);
    let mut found = Found::Good;
    for file in &replay.files {
        match decide_again(&program, file)? {
            Some(0) => {}
            Some(DIFFERS) => found = Found::Bad,
            // It has said why.
            Some(_) | None => return Ok(Found::Nothing),
        }
    }
    Ok(found)
}

fn decide_again(program: &Path, file: &Path) -> Result<Option<i32>, String> {
    let status = Command::new(program).arg("--replay").arg(file).status();
    let status = status.map_err(|error| format!("cannot run `{}`: {error}", program.display()))?;
    Ok(status.code())
}

fn installed() -> PathBuf {
    let Programs { serverswap, .. } = Programs::find();
    if serverswap.is_file() { serverswap } else { PathBuf::from("serverswap") }
}
