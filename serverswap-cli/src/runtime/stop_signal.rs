//! Whom the stop signal of a server is for that does not speak the protocol.
//!
//! A wrapper does not know it, and a worker must not get it before its main process: it is for the topmost processes
//! that have the listener. Where none has it, or none may be looked into, it is for the main process.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use serverswap::protocol::{Address, Generation};
use serverswap::sys::listener;
use serverswap::sys::process::{Process, descendants, generation_members, topmost};

/// The processes of a server, with their pidfds; `process_groups` are those of its generation.
///
/// # Errors
/// `/proc` is not readable, or out of descriptors.
pub(super) fn processes_of(
    process: Process,
    generation: Generation,
    origin: Origin,
    process_groups: &[u32],
) -> io::Result<Vec<(Process, OwnedFd)>> {
    match origin {
        Origin::Generation => generation_members(generation, process_groups),
        Origin::Foreign => descendants(process),
    }
}

/// Who has started a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Its supervisor.
    Generation,
    /// Nobody of ours: its group may be its caller's, and it shows no generation.
    Foreign,
}

/// Those of the processes that the stop signal is for, if any has a listener of the addresses.
pub(super) fn topmost_listeners<'a>(
    processes: &'a [(Process, OwnedFd)],
    addresses: &[Address],
) -> Vec<&'a (Process, OwnedFd)> {
    let has = |(process, pidfd): &&(Process, OwnedFd)| has_listener(*process, pidfd, addresses);
    topmost(processes.iter().filter(has).collect())
}

/// Whether a process has a listener of one of the addresses, as far as we may look.
pub(super) fn has_listener(process: Process, pidfd: impl AsFd, addresses: &[Address]) -> bool {
    let has = |address| listener::duplicate(process, &pidfd, address).is_ok_and(|found| found.is_some());
    addresses.iter().any(has)
}
