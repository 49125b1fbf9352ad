//! The processes that the arbiter has to do with: a pidfd and the process group of each.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::sys::signal::killpg;
use nix::unistd::Pid;
use serverswap::sys::process::{self, Process, Signal, is_gone, signal_group};

use super::poller::{Poller, Token};
use crate::arbiter::Liveness;

/// By process; a group is remembered after its leader has ended, for the rest of it.
#[derive(Default)]
pub(super) struct Watched {
    pidfds: BTreeMap<Process, OwnedFd>,
    groups: BTreeMap<Process, u32>,
}

/// Most ended processes whose group is remembered.
const ENDED_MAX: usize = 256;

impl Watched {
    /// Watches those that live, and says which they are.
    pub(super) fn watch_all(
        &mut self,
        processes: impl IntoIterator<Item = Process>,
        poller: &Poller,
    ) -> io::Result<BTreeSet<Process>> {
        let mut alive = BTreeSet::new();
        for process in processes {
            let Some(pidfd) = process.pidfd()? else {
                continue;
            };
            if !is_gone(&pidfd)? {
                self.watch(process, pidfd, poller)?;
                alive.insert(process);
            }
        }
        Ok(alive)
    }

    pub(super) fn watch(&mut self, process: Process, pidfd: OwnedFd, poller: &Poller) -> io::Result<()> {
        if self.pidfds.contains_key(&process) {
            return Ok(());
        }
        if let Ok(group) = process::group(process.pid) {
            self.groups.insert(process, group);
        }
        poller.add(&pidfd, Token::Process(process))?;
        self.pidfds.insert(process, pidfd);
        Ok(())
    }

    pub(super) fn pidfd(&self, process: Process) -> Option<BorrowedFd<'_>> {
        self.pidfds.get(&process).map(AsFd::as_fd)
    }

    /// Polls the pidfd now; a process that is not watched has ended.
    pub(super) fn liveness(&self, process: Process) -> Liveness {
        match self.pidfds.get(&process).map(is_gone) {
            Some(Ok(false)) => Liveness::Alive,
            Some(Ok(true) | Err(_)) | None => Liveness::Dead,
        }
    }

    pub(super) fn forget_pidfd(&mut self, process: Process, poller: &Poller) {
        if let Some(pidfd) = self.pidfds.remove(&process) {
            poller.remove(&pidfd, Token::Process(process));
        }
        let ended = self.groups.keys().filter(|process| !self.pidfds.contains_key(process)).copied();
        let ended: Vec<Process> = ended.collect();
        for process in ended.iter().take(ended.len().saturating_sub(ENDED_MAX)) {
            self.groups.remove(process);
        }
    }

    /// Signals a server's process group. While the server lives, the group is its own;
    /// afterwards its members are known by the generation in their environment.
    ///
    /// Members that have ended meanwhile, or that run as another user, cannot be signalled:
    /// the deadline after this one sees whether they are still there.
    pub(super) fn signal_group(&self, process: Process, generation: &str, signal: Signal) {
        let Some(group) = self.groups.get(&process).copied() else {
            return;
        };
        let leader = i32::try_from(group).ok().map(Pid::from_raw);
        let _ = match (self.liveness(process), leader) {
            (Liveness::Alive, Some(leader)) => killpg(leader, signal).map_err(io::Error::from),
            (Liveness::Alive | Liveness::Dead, _) => signal_group(group, generation, signal).map(|_| ()),
        };
    }
}
