//! The server as a child process: its end, what is left of its generation, signals to it.
//!
//! The end of a child is seen with SIGCHLD and waitpid(2). A dead child that a debugger or a crash
//! handler holds (ptrace(2)) cannot be reaped, and there is no SIGCHLD, until that one detaches:
//! until then it counts as running, and nothing is polled.
//!
//! The child is reaped only after its generation was looked at: until then its number, and so
//! that of its group, cannot be used again.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use serverswap::protocol::{Address, Generation};
use serverswap::sys::listener::open_connections;
use serverswap::sys::process::{Process, Signal, generation_members, pidfd_open, signal_generation};
use tokio::io::unix::AsyncFd;

use crate::supervisor::{GenerationSignal, Leftovers, ServerExit};
use crate::sys::async_fd::async_fd;

/// The server that was started last.
pub(super) enum ServerProcess {
    /// There was none, or nothing is left of it.
    None,
    /// It has not been reaped.
    Running { pid: u32 },
    /// It was reaped; these processes of its generation are alive.
    Leftovers { server: u32, members: Vec<AsyncFd<OwnedFd>> },
}

/// What has become of the server.
pub(super) enum ServerProcessEvent {
    /// It has exited and was reaped.
    Exited { pid: u32, exit: ServerExit, leftovers: Leftovers },
    /// The last process of its generation has ended.
    LeftoversGone { pid: u32 },
}

impl ServerProcess {
    /// Waits until the first member of what is left has ended. Nothing is lost when it is cancelled.
    pub(super) async fn leftover_ended(&self) {
        match self {
            ServerProcess::Leftovers { members, .. } if !members.is_empty() => {
                drop(members[0].readable().await);
            }
            ServerProcess::None | ServerProcess::Running { .. } | ServerProcess::Leftovers { .. } => {
                std::future::pending().await
            }
        }
    }

    /// After [`leftover_ended`](Self::leftover_ended): looks again what is left.
    pub(super) fn check_leftovers(&mut self, generation: Generation) -> Option<ServerProcessEvent> {
        match self {
            ServerProcess::None | ServerProcess::Running { .. } => None,
            ServerProcess::Leftovers { server, .. } => {
                let pid = *server;
                *self = ServerProcess::leftovers(pid, living(pid, generation));
                matches!(self, ServerProcess::None).then_some(ServerProcessEvent::LeftoversGone { pid })
            }
        }
    }

    /// After SIGCHLD: reaps the server if it has ended, and every other child. As PID 1 those are the
    /// orphans of a whole container.
    pub(super) fn reap(&mut self, generation: Generation) -> Option<ServerProcessEvent> {
        let event = self.reap_server(generation);
        reap_orphans(self.child());
        event
    }

    /// Signals `server`, the child or what was left by it, and every other process of its generation; what
    /// has just ended needs none.
    pub(super) fn signal(&self, server: u32, signal: GenerationSignal, generation: Generation) {
        let signal = match signal {
            GenerationSignal::Term => Signal::SIGTERM,
            GenerationSignal::Kill => Signal::SIGKILL,
        };
        let _ = match self {
            ServerProcess::Running { pid } if *pid == server => signal_child(*pid, generation, signal),
            ServerProcess::Leftovers { server: left, .. } if *left == server => {
                signal_generation(generation, [], &[server], signal).map(drop)
            }
            ServerProcess::None | ServerProcess::Running { .. } | ServerProcess::Leftovers { .. } => Ok(()),
        };
    }

    /// Whether this is the server that runs.
    pub(super) fn runs(&self, server: u32) -> bool {
        match self {
            ServerProcess::Running { pid } => *pid == server,
            ServerProcess::None | ServerProcess::Leftovers { .. } => false,
        }
    }

    /// How many connections to these addresses the processes of the generation have open, if that can be known.
    pub(super) fn open_connections(
        &self,
        server: u32,
        generation: Generation,
        addresses: &[Address],
    ) -> Option<u64> {
        if addresses.is_empty() || !self.runs(server) {
            return None;
        }
        let members = generation_members(generation, &[server]).unwrap_or_default();
        open_connections(members.into_iter().map(|(member, _)| member.pid), addresses)
    }

    fn reap_server(&mut self, generation: Generation) -> Option<ServerProcessEvent> {
        let child = self.child()?;
        let pid = child.as_raw().unsigned_abs();
        // Looks without reaping.
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        if waitid(Id::Pid(child), look) == Ok(WaitStatus::StillAlive) {
            return None;
        }
        let members = living(pid, generation);
        let exit = match waitpid(child, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, status)) => ServerExit::Status(u8::try_from(status).unwrap_or(u8::MAX)),
            Ok(WaitStatus::Signaled(_, signal, _)) => ServerExit::Signal(signal as i32),
            Ok(_) => return None,
            // Something else has reaped it: only that it has ended is known.
            Err(_) => ServerExit::Status(u8::MAX),
        };
        let leftovers = if members.is_empty() { Leftovers::None } else { Leftovers::Alive };
        *self = ServerProcess::leftovers(pid, members);
        Some(ServerProcessEvent::Exited { pid, exit, leftovers })
    }

    fn child(&self) -> Option<Pid> {
        match self {
            ServerProcess::Running { pid } => child_pid(*pid),
            ServerProcess::None | ServerProcess::Leftovers { .. } => None,
        }
    }

    fn leftovers(server: u32, members: Vec<AsyncFd<OwnedFd>>) -> Self {
        if members.is_empty() { ServerProcess::None } else { ServerProcess::Leftovers { server, members } }
    }
}

fn child_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().map(Pid::from_raw)
}

/// The child was not reaped: its number is still its own.
fn signal_child(pid: u32, generation: Generation, signal: Signal) -> io::Result<()> {
    let pidfd = pidfd_open(pid)?;
    signal_generation(generation, [(Process::of(pid)?, pidfd.as_fd())], &[pid], signal).map(drop)
}

fn living(child: u32, generation: Generation) -> Vec<AsyncFd<OwnedFd>> {
    let members = generation_members(generation, &[child]).unwrap_or_default();
    members.into_iter().filter_map(|(_, pidfd)| async_fd(pidfd).ok()).collect()
}

/// Reaps every dead child but `server`, which ends with a SIGCHLD of its own.
fn reap_orphans(server: Option<Pid>) {
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    while let Some(pid) = waitid(Id::All, look).ok().and_then(|status| status.pid()) {
        if Some(pid) == server || waitpid(pid, Some(WaitPidFlag::WNOHANG)).is_err() {
            return;
        }
    }
}
