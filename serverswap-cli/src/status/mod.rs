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

pub(crate) use self::collect::{collect, hidden};
pub(crate) use self::report::{AddressReport, NOT_SERVED, Numbers, StatusReport, SupervisedBy};
#[cfg(test)]
pub(crate) use self::report::{Holder, HolderState};
pub(crate) use self::still_serving::{is_alive, listens, still_serving};

use self::report::{DrainingServer, Owner, UnrecordedProcess};
#[cfg(not(test))]
use self::report::{Holder, HolderState};
use crate::cli::Status;
use crate::runtime_directory;
use crate::ui::{Conclusion, Console, Report, StillTrue};

/// Prints the status of a runtime directory and returns the exit status.
pub fn show(status: &Status) -> u8 {
    let console = Console::plain(status.result);
    let directory = runtime_directory::find(status.dir.as_deref());
    let warn = |report: Report| console.report(&report);
    let conclusion = match collect(&directory, warn) {
        Ok(report) => {
            let report = match &status.address {
                Some(address) => report.only(address),
                None => report,
            };
            Conclusion::result(report.exit_status(), report.render(status.result))
        }
        Err(error) => console.setup_failed(&error, StillTrue::NothingAsked),
    };
    console.finish(conclusion)
}
