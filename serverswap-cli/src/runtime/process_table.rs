//! The processes that the arbiter deals with: a pidfd of each, and the task that waits for its exit.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use serverswap::protocol::{Address, Generation};
use serverswap::sys::listener::open_connections;
use serverswap::sys::process::{self, Process, Signal, generation_members, is_gone, signal_generation};
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

use super::arbiter::ArbiterInput;
use super::task::Task;
use crate::arbiter::Liveness;
use crate::sys::async_fd::async_fd;

/// Most ended processes whose group is remembered.
const ENDED_MAX: usize = 256;

/// By process; a group is remembered after its process has ended, for the rest of the group.
pub(super) struct ProcessTable {
    running: BTreeMap<Process, Watched>,
    groups: BTreeMap<Process, u32>,
    inbox: mpsc::Sender<ArbiterInput>,
}

struct Watched {
    pidfd: Arc<OwnedFd>,
    _exit: Task,
}

impl ProcessTable {
    pub(super) fn new(inbox: mpsc::Sender<ArbiterInput>) -> Self {
        ProcessTable { running: BTreeMap::new(), groups: BTreeMap::new(), inbox }
    }

    /// Watches the processes that live, and returns which they are.
    ///
    /// # Errors
    /// Out of descriptors, or `/proc` is not readable.
    pub(super) fn watch_all(
        &mut self,
        processes: impl IntoIterator<Item = Process>,
    ) -> io::Result<BTreeSet<Process>> {
        let mut alive = BTreeSet::new();
        for process in processes {
            let Some(pidfd) = process.pidfd()? else {
                continue;
            };
            if !is_gone(&pidfd)? {
                self.watch(process, pidfd)?;
                alive.insert(process);
            }
        }
        Ok(alive)
    }

    /// Sends [`ArbiterInput::Exited`] when the process ends. A process that is watched already stays so,
    /// unless its pidfd has fired: then this is a later one, and the earlier one's exit is not its own.
    ///
    /// # Errors
    /// Out of descriptors or memory.
    pub(super) fn watch(&mut self, process: Process, pidfd: OwnedFd) -> io::Result<()> {
        if let Ok(group) = process::group(process.pid) {
            self.groups.insert(process, group);
        }
        if self.liveness(process) == Liveness::Dead {
            let pidfd = Arc::new(pidfd);
            let exit = exit(process, async_fd(Arc::clone(&pidfd))?, self.inbox.clone());
            self.running.insert(process, Watched { pidfd, _exit: Task::spawn(exit) });
        }
        Ok(())
    }

    pub(super) fn pidfd(&self, process: Process) -> Option<BorrowedFd<'_>> {
        self.running.get(&process).map(|watched| watched.pidfd.as_fd())
    }

    /// Polls the pidfd now; a process that is not watched has ended.
    pub(super) fn liveness(&self, process: Process) -> Liveness {
        match self.running.get(&process).map(|watched| is_gone(&watched.pidfd)) {
            Some(Ok(false)) => Liveness::Alive,
            Some(Ok(true) | Err(_)) | None => Liveness::Dead,
        }
    }

    /// Whether a process that is watched has ended.
    pub(super) fn has_exited(&self, process: Process) -> bool {
        self.running.contains_key(&process) && self.liveness(process) == Liveness::Dead
    }

    /// Watches processes that were found; one that cannot be watched counts as ended.
    pub(super) fn watch_found(&mut self, found: Vec<(Process, OwnedFd)>) -> BTreeSet<Process> {
        let watch = |(process, pidfd)| self.watch(process, pidfd).ok().map(|()| process);
        found.into_iter().filter_map(watch).collect()
    }

    /// Returns the last process group of the process.
    pub(super) fn forget(&mut self, process: Process) -> Option<u32> {
        self.running.remove(&process);
        let group = self.groups.get(&process).copied();
        let ended = self.groups.keys().filter(|process| !self.running.contains_key(process)).copied();
        let ended: Vec<Process> = ended.collect();
        for process in ended.iter().take(ended.len().saturating_sub(ENDED_MAX)) {
            self.groups.remove(process);
        }
        group
    }

    /// How many connections to these addresses each of the servers has open, if that can be known; the first
    /// counts for the other processes of the generation as well.
    pub(super) fn open_connections(
        &self,
        servers: &[(Process, Vec<Address>)],
        generation: Generation,
    ) -> Vec<Option<u64>> {
        let mut others: Vec<u32> = match servers.iter().any(|(_, addresses)| !addresses.is_empty()) {
            true => generation_members(generation, &self.groups_of(servers)).unwrap_or_default(),
            false => Vec::new(),
        }
        .into_iter()
        .map(|(member, _)| member.pid)
        .collect();
        others.retain(|pid| !servers.iter().any(|(server, _)| server.pid == *pid));
        let count = |(process, addresses): &(Process, Vec<Address>)| {
            if addresses.is_empty() || self.liveness(*process) == Liveness::Dead {
                return None;
            }
            open_connections(std::mem::take(&mut others).into_iter().chain([process.pid]), addresses)
        };
        servers.iter().map(count).collect()
    }

    /// Signals servers and every other process of their generation; some of the servers may have ended.
    ///
    /// Processes that have ended meanwhile, or that run as another user, cannot be signalled:
    /// the deadline after this one shows whether they still run.
    pub(super) fn signal_generation(
        &self,
        servers: &[(Process, Vec<Address>)],
        generation: Generation,
        signal: Signal,
    ) {
        let living = servers.iter().filter(|(process, _)| self.liveness(*process) == Liveness::Alive);
        let living = living.filter_map(|(process, _)| Some((*process, self.pidfd(*process)?)));
        let _ = signal_generation(generation, living, &self.groups_of(servers), signal);
    }

    /// A server may have begun a group of its own by now; of one that has ended the last group is known.
    fn groups_of(&self, servers: &[(Process, Vec<Address>)]) -> Vec<u32> {
        let group = |process: Process| match self.liveness(process) {
            Liveness::Alive => process::group(process.pid).ok(),
            Liveness::Dead => self.groups.get(&process).copied(),
        };
        servers.iter().filter_map(|(process, _)| group(*process)).collect()
    }
}

async fn exit(process: Process, pidfd: AsyncFd<Arc<OwnedFd>>, inbox: mpsc::Sender<ArbiterInput>) {
    if pidfd.readable().await.is_ok() {
        // Without an arbiter nobody waits for it.
        let _ = inbox.send(ArbiterInput::Exited(process)).await;
    }
}
