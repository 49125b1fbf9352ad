//! How a command ends: 0 good, 1 bad, 2 the suite itself failed, which includes a wrong use and a
//! driver that breaks its contract.

use std::error::Error;
use std::process::ExitCode;

/// The suite itself failed.
const EXIT_SUITE: u8 = 2;

/// What a command has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Status 0.
    Good,
    /// Status 1.
    Bad,
    /// Status 2: it could not be decided, and the command has printed why.
    Nothing,
}

/// What a command has found, or why it could not look.
pub type Ended = Result<Found, Box<dyn Error>>;

impl Found {
    /// Good or bad.
    pub fn good_if(good: bool) -> Found {
        if good { Found::Good } else { Found::Bad }
    }
}

/// The exit status; why a command could not look is printed.
pub fn code(ended: Ended) -> ExitCode {
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
