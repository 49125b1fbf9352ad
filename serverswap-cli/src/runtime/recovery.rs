//! What a new arbiter finds: the state file of the one before it, if it means anything here.

use std::io;
use std::path::Path;

use serverswap::sys::process::{self, Process};

use crate::cli::environment::{SERVERSWAP_DIR, SERVERSWAP_GENERATION};
use crate::state::{self, Directory, Header, Snapshot, UnrecordedRecord};
use crate::ui::Report;

/// The header of the files that this process writes.
pub(crate) fn header() -> io::Result<Header> {
    Ok(Header::new(process::boot_id()?, process::pid_namespace()?, Process::current()?))
}

/// The state. After a reboot no process in it lives. Where there is no state, because there is no file or
/// it cannot be read, which is reported, those who live come back by themselves, and it names them.
///
/// # Errors
/// `/proc` is not readable.
pub(crate) fn snapshot(
    directory: &Directory,
    header: &Header,
    report: &dyn Fn(Report),
) -> io::Result<Snapshot> {
    let path = directory.state();
    let problem = match state::read(&path) {
        Ok(Some(file)) if file.header.boot != header.boot => return Ok(Snapshot::default()),
        // Its numbers mean nothing here. A container that was started again finds such a file in its volume.
        Ok(Some(file)) if file.header.pid_namespace != header.pid_namespace => {
            return census(directory.path());
        }
        Ok(Some(file)) => return Ok(file.snapshot),
        Ok(None) => return census(directory.path()),
        Err(error) => error.to_string(),
    };
    report(Report::StateIgnored { path, problem });
    census(directory.path())
}

/// Everybody who was started in this directory, which need not exist any more. One look at every process of
/// the machine.
pub(crate) fn census(directory: &Path) -> io::Result<Snapshot> {
    let found = process::started_with(SERVERSWAP_DIR, directory.as_os_str())?;
    let record = |process: Process| {
        let generation = process::environment(process.pid, SERVERSWAP_GENERATION)?;
        let generation = generation.to_str()?.parse().ok()?;
        Some(UnrecordedRecord { process, generation })
    };
    Ok(Snapshot { unrecorded: found.into_iter().filter_map(record).collect(), ..Snapshot::default() })
}
