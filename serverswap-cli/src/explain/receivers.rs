//! Which processes of a server are asked to stop: those that have its listeners, and of these the topmost; and which
//! signals a process handles.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::OwnedFd;

use serverswap::sys::listener::sockets_of;
use serverswap::sys::process::{Process, Signal, topmost};

use crate::sys::registrations::inode;

/// The inode numbers of sockets.
pub(super) fn inodes<'a>(sockets: impl Iterator<Item = &'a OwnedFd>) -> BTreeSet<u64> {
    sockets.filter_map(inode).collect()
}

/// Of these processes.
pub(super) fn receivers(
    members: Vec<(Process, OwnedFd)>,
    sockets: &BTreeSet<u64>,
) -> Vec<(Process, OwnedFd)> {
    let has_one = |process: &Process| sockets_of(process.pid).is_ok_and(|held| !held.is_disjoint(sockets));
    topmost(members.into_iter().filter(|(process, _)| has_one(process)).collect())
}

/// Whether a process handles a signal, or ignores it: `SigCgt` and `SigIgn` of proc_pid_status(5).
pub(super) fn handles(pid: u32, signal: Signal) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
    };
    (mask("SigCgt:") | mask("SigIgn:")) & (1 << (signal as i32 - 1)) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_the_socket_is_asked_and_none_without_it() {
        let listener = OwnedFd::from(std::net::TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let sockets = inodes([&listener].into_iter());
        let this = Process::current().expect("/proc");
        let member = || (this, this.pidfd().expect("readable").expect("alive"));
        let found = receivers(vec![member()], &sockets);
        assert_eq!(found.iter().map(|(process, _)| *process).collect::<Vec<_>>(), [this]);
        drop(listener);
        assert!(receivers(vec![member()], &sockets).is_empty());
    }

    #[test]
    fn a_signal_without_a_handler_is_not_handled() {
        assert!(!handles(std::process::id(), Signal::SIGWINCH));
        assert!(handles(std::process::id(), Signal::SIGPIPE), "Rust ignores it");
    }
}
