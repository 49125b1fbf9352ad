//! What a new arbiter finds: the state file of the one before it, if it means anything here.

use std::io;

use serverswap::sys::process::{self, Process};

use crate::operator::Report;
use crate::state::{self, Directory, Header, Snapshot};

/// The header of the files that this process writes.
pub(super) fn header() -> io::Result<Header> {
    Ok(Header::new(process::boot_id()?, process::pid_namespace()?, Process::current()?))
}

/// The state, or an empty one: after a reboot nobody in it lives, and a file that cannot be
/// read is reported. Those who live come back by themselves either way.
pub(super) fn snapshot(directory: &Directory, header: &Header, report: &dyn Fn(Report)) -> Snapshot {
    let path = directory.state();
    match state::read(&path) {
        Ok(Some(file)) if file.header.boot != header.boot => Snapshot::default(),
        Ok(Some(file)) if file.header.pid_namespace != header.pid_namespace => {
            report(Report::StateIgnored { path, problem: "it is of another pid namespace".to_owned() });
            Snapshot::default()
        }
        Ok(Some(file)) => file.snapshot,
        Ok(None) => Snapshot::default(),
        Err(error) => {
            report(Report::StateIgnored { path, problem: error.to_string() });
            Snapshot::default()
        }
    }
}
