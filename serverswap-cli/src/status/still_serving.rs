//! Who serves, by the state file and the living processes: what is still true.
//!
//! Of a process that no state names, because the state was lost, it is known only what it listens on.

use std::os::fd::OwnedFd;
use std::path::Path;

use serverswap::protocol::Address;
use serverswap::sys::listener;
use serverswap::sys::process::{Process, is_gone};

use super::Numbers;
use super::collect::numbers;
use crate::runtime::recovery;
use crate::state::{self, Directory, UnrecordedRecord};
use crate::ui::{ServingServer, StillServing};

/// Looks now. Unknown where no state says it and nobody listens, although servers of the directory live.
pub(crate) fn still_serving(directory: &Directory) -> StillServing {
    let Ok(Some(file)) = state::read(&directory.state()) else {
        return without_state(directory.path());
    };
    let numbers = numbers(&file);
    let listening = match numbers {
        Numbers::Own => listening(&file.snapshot.unrecorded),
        Numbers::OfArbiter => Vec::new(),
    };
    let addresses = file.snapshot.addresses.into_iter();
    let serving = addresses.flat_map(|(address, record)| {
        let drains: Vec<Process> = record.draining.iter().map(|drain| drain.process).collect();
        let holders = record.holders.into_iter();
        holders
            .filter(move |holder| holder.serving && !drains.contains(&holder.process))
            .filter(move |holder| numbers.is_alive(holder.process))
            .map(move |holder| ServingServer { address: address.clone(), pid: holder.process.pid })
    });
    StillServing::Known(serving.chain(listening).collect())
}

fn without_state(directory: &Path) -> StillServing {
    let Ok(census) = recovery::census(directory) else {
        return StillServing::Unknown;
    };
    match listening(&census.unrecorded) {
        listening if listening.is_empty() && !census.unrecorded.is_empty() => StillServing::Unknown,
        listening => StillServing::Known(listening),
    }
}

fn listening(records: &[UnrecordedRecord]) -> Vec<ServingServer> {
    let serving = |process: Process| {
        let addresses = listens(process).unwrap_or_default().into_iter();
        addresses.map(move |address| ServingServer { address, pid: process.pid })
    };
    records.iter().flat_map(|record| serving(record.process)).collect()
}

/// The addresses whose listeners a process has: none where the kernel does not let us look. `None` if it does
/// not live.
pub(crate) fn listens(process: Process) -> Option<Vec<Address>> {
    let pidfd = process.pidfd().ok().flatten()?;
    let listens = listener::addresses_of(process, &pidfd).unwrap_or_default();
    lives(&pidfd).then(|| listens.into_iter().collect())
}

/// Whether exactly this process runs now.
pub(crate) fn is_alive(process: Process) -> bool {
    process.pidfd().ok().flatten().is_some_and(|pidfd| lives(&pidfd))
}

fn lives(pidfd: &OwnedFd) -> bool {
    is_gone(pidfd).is_ok_and(|gone| !gone)
}
