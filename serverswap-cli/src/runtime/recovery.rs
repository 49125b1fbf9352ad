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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::state::{AddressRecord, Journal};

    /// What a new arbiter takes from the file that one with `header` wrote, and whether it reports anything.
    fn found_after(header: Header) -> (Snapshot, Vec<Report>) {
        let folder = tempfile::tempdir().expect("a temporary directory");
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o700)).expect("ours");
        let directory = Directory::prepare(folder.path()).expect("ours alone");
        let addresses = [("a".parse().expect("a name"), AddressRecord::default())].into();
        let left = Snapshot { addresses, ..Snapshot::default() };
        Journal::new(directory.state(), header).rewrite(left).expect("written");
        let reports = RefCell::new(Vec::new());
        let report = |report| reports.borrow_mut().push(report);
        let found = snapshot(&directory, &self::header().expect("readable"), &report).expect("readable");
        (found, reports.into_inner())
    }

    #[test]
    fn the_state_of_an_arbiter_that_saw_the_same_processes_counts() {
        let (found, reports) = found_after(header().expect("readable"));
        assert_eq!((found.addresses.len(), reports), (1, vec![]));
    }

    #[test]
    fn a_state_of_another_boot_or_pid_namespace_is_passed_over_without_a_warning() {
        let here = header().expect("readable");
        let another_boot = Header { boot: "another".to_owned(), ..here.clone() };
        let another_namespace = Header { pid_namespace: here.pid_namespace + 1, ..here };
        for there in [another_boot, another_namespace] {
            assert_eq!(found_after(there), (Snapshot::default(), vec![]));
        }
    }
}
