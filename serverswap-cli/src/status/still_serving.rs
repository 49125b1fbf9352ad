//! Who serves, by the state file and the living processes: what is still true.

use serverswap::sys::process::{Process, is_gone};

use crate::state::{self, Directory};
use crate::ui::{ServingServer, StillServing};

/// Looks now. Unknown when the state cannot be read.
pub(crate) fn still_serving(directory: &Directory) -> StillServing {
    let Ok(file) = state::read(&directory.state()) else {
        return StillServing::Unknown;
    };
    let addresses = file.map(|file| file.snapshot.addresses).unwrap_or_default();
    let serving = addresses.into_iter().flat_map(|(address, record)| {
        let drains: Vec<Process> = record.draining.iter().map(|drain| drain.process).collect();
        let holders = record.holders.into_iter();
        holders
            .filter(move |holder| holder.serving && !drains.contains(&holder.process))
            .filter(|holder| is_alive(holder.process))
            .map(move |holder| ServingServer { address: address.clone(), pid: holder.process.pid })
    });
    StillServing::Known(serving.collect())
}

/// Whether exactly this process runs now.
pub(super) fn is_alive(process: Process) -> bool {
    let pidfd = process.pidfd().ok().flatten();
    pidfd.is_some_and(|pidfd| is_gone(&pidfd).is_ok_and(|gone| !gone))
}
