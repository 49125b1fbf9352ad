//! The server as a child process: its end, what is left of its group, signals to it.
//!
//! The end of a child is seen with SIGCHLD and waitpid(2). A dead child that a debugger or a crash
//! handler holds (ptrace(2)) cannot be reaped, and there is no SIGCHLD, until that one detaches:
//! until then it counts as running, and nothing is polled.
//!
//! The leader is reaped only after its group was looked at: until then its number, and so
//! the group's, cannot be used again.

use std::os::fd::OwnedFd;

use nix::sys::signal::killpg;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use serverswap::protocol::Generation;
use serverswap::sys::process::{Signal, group_members, signal_group};
use tokio::io::unix::AsyncFd;

use crate::supervisor::{GroupSignal, Leftovers, ServerExit};
use crate::sys::async_fd::async_fd;

/// The server that was started last.
pub(super) enum ServerProcess {
    /// There was none, or nothing is left of it.
    None,
    /// It has not been reaped.
    Running { pid: u32 },
    /// It was reaped; these members of its group are alive.
    Leftovers { group: u32, members: Vec<AsyncFd<OwnedFd>> },
}

/// What has become of the server.
pub(super) enum ServerProcessEvent {
    /// It has exited and was reaped.
    Exited { pid: u32, exit: ServerExit, leftovers: Leftovers },
    /// The last of its group has ended.
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
            ServerProcess::Leftovers { group, .. } => {
                let group = *group;
                *self = ServerProcess::leftovers(group, living(group, generation));
                matches!(self, ServerProcess::None)
                    .then_some(ServerProcessEvent::LeftoversGone { pid: group })
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

    /// Signals every process of the group of `server`; one that has just ended needs none.
    pub(super) fn signal(&self, server: u32, signal: GroupSignal, generation: Generation) {
        let signal = match signal {
            GroupSignal::Term => Signal::SIGTERM,
            GroupSignal::Kill => Signal::SIGKILL,
        };
        match self {
            ServerProcess::Running { pid } if *pid == server => {
                let _ = child_pid(*pid).map(|pid| killpg(pid, signal));
            }
            ServerProcess::Leftovers { group, .. } if *group == server => {
                let _ = signal_group(*group, &generation.to_string(), signal);
            }
            ServerProcess::None | ServerProcess::Running { .. } | ServerProcess::Leftovers { .. } => {}
        }
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

    fn leftovers(group: u32, members: Vec<AsyncFd<OwnedFd>>) -> Self {
        if members.is_empty() { ServerProcess::None } else { ServerProcess::Leftovers { group, members } }
    }
}

fn child_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().map(Pid::from_raw)
}

fn living(group: u32, generation: Generation) -> Vec<AsyncFd<OwnedFd>> {
    let members = group_members(group, &generation.to_string()).unwrap_or_default();
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
