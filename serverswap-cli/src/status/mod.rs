//! `serverswap status`: which process serves which address, as a table or as JSON.
//!
//! It asks no arbiter: the state file that the last one wrote is compared with the processes that
//! are alive now.

mod collect;
mod json;
mod offline;
mod report;
mod still_serving;
mod table;

#[cfg(test)]
mod tests;

use std::io::Write;
use std::time::Duration;

pub(crate) use self::still_serving::still_serving;

use self::report::{
    AddressReport, DrainingServer, Holder, HolderState, Owner, StatusReport, SupervisedBy, UnrecordedProcess,
};
use crate::cli::{Status, environment};
use crate::ui::{Console, LogFormat, Report, StillTrue, Verbosity};

/// Prints the status of a runtime directory and returns the exit status.
pub fn show(status: &Status) -> u8 {
    let console = Console::new(Verbosity::Normal, LogFormat::Text, status.result);
    let directory = environment::runtime_directory(status.dir.as_deref());
    let warn = |report: Report| console.report(&report, Duration::ZERO);
    match collect::collect(&directory, warn) {
        Ok(report) => {
            let report = match &status.address {
                Some(address) => report.only(address),
                None => report,
            };
            // A reader that closes early, such as `head`, is no failure.
            let _ = std::io::stdout().write_all(report.render(status.result).as_bytes());
            report.exit_status()
        }
        Err(error) => console.setup_failed(&error, StillTrue::NothingAsked),
    }
}
