//! The server as a child process: how it ends, what is left of its group, signals to it.
//!
//! The leader is reaped only after its group was looked at: until then its number, and so
//! the group's, cannot be used again.

use std::io;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sys::signal::killpg;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use serverswap::protocol::Generation;
use serverswap::sys::process::{Signal, group_members, pidfd_open, signal_group};
use tokio::io::unix::AsyncFd;

use crate::supervisor::{GroupSignal, Leftovers, ServerExit};
use crate::sys::async_fd::async_fd;

/// The server that was started last.
pub(super) enum Server {
    /// None was, or nothing is left of it.
    None,
    /// It runs.
    Running { pid: u32, pidfd: AsyncFd<OwnedFd> },
    /// It has ended and was reaped; these of its group live.
    Left { group: u32, members: Vec<AsyncFd<OwnedFd>> },
}

/// What has become of the server.
pub(super) enum ServerEvent {
    /// It has exited and was reaped.
    Exited { pid: u32, exit: ServerExit, leftovers: Leftovers },
    /// The last of its group has ended.
    LeftoversGone { pid: u32 },
}

impl Server {
    /// A child that has just been started.
    ///
    /// # Errors
    /// Out of descriptors; the child was ended then.
    pub(super) fn started(pid: u32) -> io::Result<Self> {
        match pidfd_open(pid).and_then(async_fd) {
            Ok(pidfd) => Ok(Server::Running { pid, pidfd }),
            Err(error) => {
                end_unwatched(pid);
                Err(error)
            }
        }
    }

    /// Waits until something becomes of it. Nothing is lost when it is cancelled.
    pub(super) async fn changed(&self) {
        let waited_for = match self {
            Server::None => None,
            Server::Running { pidfd, .. } => Some(pidfd),
            Server::Left { members, .. } => members.first(),
        };
        match waited_for {
            Some(pidfd) => drop(pidfd.readable().await),
            None => std::future::pending().await,
        }
    }

    /// What has become of it.
    pub(super) fn step(&mut self, generation: Generation) -> Option<ServerEvent> {
        match self {
            Server::None => None,
            Server::Running { pid, .. } => {
                let pid = *pid;
                let members = living(pid, generation);
                let exit = reap(pid)?;
                let leftovers = if members.is_empty() { Leftovers::None } else { Leftovers::Alive };
                *self = Server::left(pid, members);
                Some(ServerEvent::Exited { pid, exit, leftovers })
            }
            Server::Left { group, .. } => {
                let group = *group;
                *self = Server::left(group, living(group, generation));
                matches!(self, Server::None).then_some(ServerEvent::LeftoversGone { pid: group })
            }
        }
    }

    /// Signals every process of the group; who has ended meanwhile needs none.
    pub(super) fn signal(&self, server: u32, signal: GroupSignal, generation: Generation) {
        let signal = match signal {
            GroupSignal::Term => Signal::SIGTERM,
            GroupSignal::Kill => Signal::SIGKILL,
        };
        match self {
            Server::Running { pid, .. } if *pid == server => {
                let _ = i32::try_from(*pid).map(|pid| killpg(Pid::from_raw(pid), signal));
            }
            Server::Left { group, .. } if *group == server => {
                let _ = signal_group(*group, &generation.to_string(), signal);
            }
            Server::None | Server::Running { .. } | Server::Left { .. } => {}
        }
    }

    fn left(group: u32, members: Vec<AsyncFd<OwnedFd>>) -> Self {
        if members.is_empty() { Server::None } else { Server::Left { group, members } }
    }
}

fn living(group: u32, generation: Generation) -> Vec<AsyncFd<OwnedFd>> {
    let members = group_members(group, &generation.to_string()).unwrap_or_default();
    members.into_iter().filter_map(|(_, pidfd)| async_fd(pidfd).ok()).collect()
}

/// The exit of a child; `None` while it runs.
fn reap(pid: u32) -> Option<ServerExit> {
    let child = Pid::from_raw(i32::try_from(pid).ok()?);
    loop {
        return match waitpid(child, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, status)) => {
                Some(ServerExit::Status(u8::try_from(status).unwrap_or(u8::MAX)))
            }
            Ok(WaitStatus::Signaled(_, signal, _)) => Some(ServerExit::Signal(signal as i32)),
            Ok(_) => None,
            Err(Errno::EINTR) => continue,
            // Somebody else has reaped it: then nothing is known but that it ended.
            Err(_) => Some(ServerExit::Status(u8::MAX)),
        };
    }
}

/// Ends and reaps a child whose end could not be waited for otherwise.
fn end_unwatched(pid: u32) {
    if let Ok(child) = i32::try_from(pid).map(Pid::from_raw) {
        // It has not been reaped, so the number is still its own; and after KILL the wait is short.
        let _ = killpg(child, Signal::SIGKILL);
        let _ = waitpid(child, None);
    }
}

/// As PID 1: reaps everybody but `server`, whose exit is wanted (waitid(2) with WNOWAIT
/// looks without reaping, and finds the same child again until it is reaped).
pub(super) fn reap_strangers(server: &Server) {
    let ours = match server {
        Server::Running { pid, .. } => i32::try_from(*pid).ok().map(Pid::from_raw),
        Server::None | Server::Left { .. } => None,
    };
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    while let Ok(status) = waitid(Id::All, look) {
        match status.pid() {
            Some(pid) if Some(pid) != ours => drop(waitpid(pid, Some(WaitPidFlag::WNOHANG))),
            Some(_) | None => return,
        }
    }
}
