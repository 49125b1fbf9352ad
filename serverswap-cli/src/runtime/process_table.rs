//! The processes that the arbiter deals with: a pidfd of each, and the task that waits for its exit.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use serverswap::protocol::{Address, Generation};
use serverswap::sys::listener::open_connections;
use serverswap::sys::process::{
    self, Process, Signal, descendants, generation_members, is_gone, pidfd_send_signal,
    pidfd_send_signal_number, signal_generation,
};
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio::task::spawn_local;

use super::arbiter::ArbiterInput;
use super::look_thread::LookThread;
use super::stop_signal::{Origin, topmost_listeners};
use super::task::Task;
use crate::arbiter::{Liveness, TerminationSignal};
use crate::sys::async_fd::async_fd;

/// Most ended processes whose group is remembered.
const ENDED_MAX: usize = 256;

/// By process; a group is remembered after its process has ended, for the rest of the group.
pub(super) struct ProcessTable {
    running: BTreeMap<Process, Watched>,
    groups: BTreeMap<Process, u32>,
    /// How many signals to each process are under way.
    signalling: BTreeMap<Process, usize>,
    looks: LookThread,
    inbox: mpsc::Sender<ArbiterInput>,
}

struct Watched {
    pidfd: Arc<OwnedFd>,
    _exit: Task,
}

impl ProcessTable {
    pub(super) fn new(looks: LookThread, inbox: mpsc::Sender<ArbiterInput>) -> Self {
        let (running, groups, signalling) = Default::default();
        ProcessTable { running, groups, signalling, looks, inbox }
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

    pub(super) fn is_watched(&self, process: Process) -> bool {
        self.running.contains_key(&process)
    }

    /// Whether a process that is watched has ended, and no signal to it is under way.
    pub(super) fn has_exited(&self, process: Process) -> bool {
        let is_signalled = self.signalling.contains_key(&process);
        self.is_watched(process) && !is_signalled && self.liveness(process) == Liveness::Dead
    }

    /// After [`ArbiterInput::Signalled`].
    pub(super) fn was_signalled(&mut self, process: Process) {
        if let Some(signals) = self.signalling.get_mut(&process) {
            *signals -= 1;
            if *signals == 0 {
                self.signalling.remove(&process);
            }
        }
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

    /// Counts the connections to these addresses that each of the servers has open, if that can be known, and sends
    /// [`ArbiterInput::Signalled`]; then signals the servers, as far as they live, and every other process of their
    /// generation, and sends [`ArbiterInput::SignalSent`]: who is told of the signal has the time to hear of it before
    /// he hears of the end.
    ///
    /// Processes that have ended meanwhile, or that run as another user, cannot be signalled:
    /// the deadline after this one shows whether they still run.
    pub(super) fn signal_generation(
        &mut self,
        generation: Generation,
        signal: TerminationSignal,
        origin: Origin,
        user: Option<u32>,
        servers: Vec<(Process, Vec<Address>)>,
        is_helper: impl Fn(Process) -> bool,
    ) {
        let groups = match origin {
            Origin::Generation => self.groups_of(&servers),
            Origin::Foreign => Vec::new(),
        };
        let watched = |(process, addresses): (Process, Vec<Address>)| SignalledServer {
            process,
            pidfd: self.running.get(&process).map(|watched| Arc::clone(&watched.pidfd)),
            addresses,
            is_helper: is_helper(process),
        };
        let servers = servers.into_iter().map(watched).collect();
        let signalled = Arc::new(SignalledGeneration { generation, origin, user, servers, groups });
        let processes: Vec<Process> = signalled.servers.iter().map(|server| server.process).collect();
        for process in &processes {
            *self.signalling.entry(*process).or_default() += 1;
        }
        let counted = self.looks.run({
            let signalled = Arc::clone(&signalled);
            move || match signal {
                // So a takedown begins: nobody is told what is open then.
                TerminationSignal::Stop(_) => vec![None; signalled.servers.len()],
                TerminationSignal::Term | TerminationSignal::Kill => signalled.open_connections(),
            }
        });
        // It is done whether or not somebody waits for it.
        let sent = self.looks.run(move || signalled.send(signal));
        let inbox = self.inbox.clone();
        spawn_local(async move {
            let connections = counted.await.unwrap_or_else(|| vec![None; processes.len()]);
            let connections = processes.into_iter().zip(connections).collect();
            // Without an arbiter nobody waits for it.
            let _ = inbox.send(ArbiterInput::Signalled { signal, connections }).await;
            sent.await;
            let _ = inbox.send(ArbiterInput::SignalSent { generation, signal }).await;
        });
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

/// A server that is to be signalled.
struct SignalledServer {
    process: Process,
    /// Absent if it has ended.
    pidfd: Option<Arc<OwnedFd>>,
    addresses: Vec<Address>,
    /// Whether it remains of a generation whose servers have ended.
    is_helper: bool,
}

impl SignalledServer {
    fn is_alive(&self) -> bool {
        self.pidfd.as_ref().is_some_and(|pidfd| is_gone(pidfd).is_ok_and(|gone| !gone))
    }
}

/// A generation that is to be signalled.
struct SignalledGeneration {
    generation: Generation,
    origin: Origin,
    /// The only one whose processes are sent anything, where that user is not to reach those of others by this one.
    user: Option<u32>,
    servers: Vec<SignalledServer>,
    groups: Vec<u32>,
}

impl SignalledGeneration {
    /// How many connections each of the servers has open; the first counts for the other processes of the
    /// generation as well.
    fn open_connections(&self) -> Vec<Option<u64>> {
        let is_any_open = self.servers.iter().any(|server| !server.addresses.is_empty());
        let members =
            is_any_open.then(|| generation_members(self.generation, &self.groups).unwrap_or_default());
        let mut others: Vec<u32> = members.into_iter().flatten().map(|(member, _)| member.pid).collect();
        others.retain(|pid| !self.servers.iter().any(|server| server.process.pid == *pid));
        let count = |server: &SignalledServer| {
            if server.addresses.is_empty() || !server.is_alive() {
                return None;
            }
            let pids = std::mem::take(&mut others).into_iter().chain([server.process.pid]);
            open_connections(pids, &server.addresses)
        };
        self.servers.iter().map(count).collect()
    }

    /// Whoever could not be signalled is seen at the next deadline.
    fn send(&self, signal: TerminationSignal) {
        match signal {
            TerminationSignal::Term => self.send_to_all(Signal::SIGTERM),
            TerminationSignal::Kill => self.send_to_all(Signal::SIGKILL),
            TerminationSignal::Stop(number) => self.send_to_topmost(number),
        }
    }

    fn processes(&self) -> Vec<(Process, OwnedFd)> {
        match self.origin {
            Origin::Generation => {
                let mut members = generation_members(self.generation, &self.groups).unwrap_or_default();
                members.retain(|(member, _)| {
                    self.user.is_none_or(|user| process::user(member.pid).ok() == Some(user))
                });
                members
            }
            Origin::Foreign => {
                let all = self.servers.iter().map(|server| descendants(server.process).unwrap_or_default());
                all.flatten().collect()
            }
        }
    }

    fn living(&self) -> impl Iterator<Item = (&SignalledServer, BorrowedFd<'_>)> {
        let living = self.servers.iter().filter(|server| server.is_alive());
        living.filter_map(|server| Some((server, server.pidfd.as_ref()?.as_fd())))
    }

    fn send_to_all(&self, signal: Signal) {
        match self.origin {
            Origin::Generation if self.user.is_some() => {
                for (_, pidfd) in self.living() {
                    let _ = pidfd_send_signal(pidfd, signal);
                }
                for (_, pidfd) in self.processes() {
                    let _ = pidfd_send_signal(&pidfd, signal);
                }
            }
            Origin::Generation => {
                let (helpers, servers): (Vec<_>, Vec<_>) =
                    self.living().partition(|(server, _)| server.is_helper);
                let servers = servers.into_iter().map(|(server, pidfd)| (server.process, pidfd));
                let helpers: Vec<Process> = helpers.into_iter().map(|(helper, _)| helper.process).collect();
                let _ = signal_generation(self.generation, servers, &helpers, &self.groups, signal);
            }
            Origin::Foreign => {
                for (server, pidfd) in self.living() {
                    let _ = pidfd_send_signal(pidfd, signal);
                    for (_, pidfd) in descendants(server.process).unwrap_or_default() {
                        let _ = pidfd_send_signal(&pidfd, signal);
                    }
                }
            }
        }
    }

    fn send_to_topmost(&self, number: u32) {
        let processes = self.processes();
        // What remains of one server has the same addresses.
        let looked_for: BTreeSet<&Vec<Address>> =
            self.servers.iter().map(|server| &server.addresses).collect();
        let mut receivers = BTreeMap::new();
        for addresses in looked_for {
            let found = topmost_listeners(&processes, addresses);
            receivers.extend(found.into_iter().map(|(process, pidfd)| (*process, pidfd)));
        }
        for pidfd in receivers.values() {
            let _ = pidfd_send_signal_number(pidfd, number);
        }
        if receivers.is_empty() {
            for (_, pidfd) in self.living() {
                let _ = pidfd_send_signal_number(pidfd, number);
            }
        }
    }
}

async fn exit(process: Process, pidfd: AsyncFd<Arc<OwnedFd>>, inbox: mpsc::Sender<ArbiterInput>) {
    if pidfd.readable().await.is_ok() {
        // Without an arbiter nobody waits for it.
        let _ = inbox.send(ArbiterInput::Exited(process)).await;
    }
}
