//! How a command ends: 0 good, 1 bad, 2 the suite itself failed, which includes a wrong use and a
//! driver that breaks its contract.

use std::error::Error;
use std::process::ExitCode;

/// The suite itself failed.
const EXIT_SUITE: u8 = 2;

/// What a command has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Good,
    Bad,
    /// It could not be decided, and that has been said.
    Nothing,
}

/// What a command has found, or why it could not look.
pub(super) type Ended = Result<Found, Box<dyn Error>>;

impl Found {
    pub(super) fn good_if(good: bool) -> Found {
        if good { Found::Good } else { Found::Bad }
    }
}

pub(super) fn code(ended: Ended) -> ExitCode {
    match ended {
        Ok(Found::Good) => ExitCode::SUCCESS,
        Ok(Found::Bad) => ExitCode::FAILURE,
        Ok(Found::Nothing) => ExitCode::from(EXIT_SUITE),
        Err(error) => suite_failed(error.as_ref()),
    }
}

fn suite_failed(error: &dyn Error) -> ExitCode {
    for line in error.to_string().lines() {
        anstream::eprintln!("error: {line}");
    }
    let mut source = error.source();
    while let Some(cause) = source {
        anstream::eprintln!("  because {cause}");
        source = cause.source();
    }
    ExitCode::from(EXIT_SUITE)
}
