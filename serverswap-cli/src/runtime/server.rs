//! The server as a child process: its end, what is left of its generation, signals to it.
//!
//! The end of a child is seen with SIGCHLD and waitpid(2). A dead child that a debugger or a crash
//! handler holds (ptrace(2)) cannot be reaped, and there is no SIGCHLD, until that one detaches:
//! until then it counts as running, and nothing is polled.
//!
//! The child is reaped only after its generation was looked at, on a thread: until then its number, and so
//! that of its group, cannot be used again.

use std::future::pending;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use serverswap::protocol::{Address, Generation};
use serverswap::sys::listener::open_connections;
use serverswap::sys::process::{Process, generation_members, signal_generation};
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio::task::spawn_local;

use super::look_thread::LookThread;
use super::signals;
use super::successors::Successors;
use crate::supervisor::{GenerationSignal, Leftovers, ServerExit, SupervisorInput};
use crate::sys::async_fd::async_fd;

/// The server that was started last.
pub(super) struct ServerProcess {
    generation: Generation,
    /// The other children of this process.
    successors: Rc<Successors>,
    state: State,
    looks: LookThread,
    answers: (mpsc::UnboundedSender<Answer>, mpsc::UnboundedReceiver<Answer>),
}

enum State {
    /// There was none, or nothing is left of it.
    None,
    /// It has not been reaped.
    Running { pid: u32 },
    /// It has ended, and what else lives of its generation is being looked for.
    Ended { pid: u32 },
    /// It was reaped; these processes of its generation are alive.
    Leftovers { server: u32, members: Vec<AsyncFd<OwnedFd>> },
    /// One of those has ended, and what lives is being looked for.
    LeftoverEnded { server: u32 },
}

/// What a look at the processes of the machine has found, in the order of the looks.
pub(super) enum Answer {
    /// A server was signalled; it had so many connections open, if that can be known.
    Signalled { server: u32, signal: GenerationSignal, connections: Option<u64> },
    /// These processes of its generation are alive.
    Living { server: u32, members: Vec<OwnedFd> },
}

impl ServerProcess {
    /// Nothing was started yet.
    pub(super) fn none(generation: Generation, successors: Rc<Successors>) -> Self {
        let (looks, answers) = (LookThread::default(), mpsc::unbounded_channel());
        ServerProcess { generation, successors, state: State::None, looks, answers }
    }

    /// A child of this process was started.
    pub(super) fn started(&mut self, pid: u32) {
        self.state = State::Running { pid };
    }

    /// Waits for something that [`Self::handle`] is to take in. Nothing is lost when it is cancelled.
    pub(super) async fn changed(&mut self) -> Option<Answer> {
        let leftover_ended = async {
            match &self.state {
                State::Leftovers { members, .. } if !members.is_empty() => drop(members[0].readable().await),
                State::None
                | State::Running { .. }
                | State::Ended { .. }
                | State::Leftovers { .. }
                | State::LeftoverEnded { .. } => pending().await,
            }
        };
        tokio::select! {
            answer = self.answers.1.recv() => answer,
            () = leftover_ended => None,
        }
    }

    /// Takes in what [`Self::changed`] returned.
    pub(super) fn handle(&mut self, answer: Option<Answer>) -> Option<SupervisorInput> {
        match answer {
            Some(Answer::Signalled { server, signal, connections }) => {
                Some(SupervisorInput::Signalled { pid: server, signal, connections })
            }
            Some(Answer::Living { server, members }) => {
                let members: Vec<_> = members.into_iter().filter_map(|pidfd| async_fd(pidfd).ok()).collect();
                self.living(server, members)
            }
            None => {
                if let State::Leftovers { server, .. } = self.state {
                    self.state = State::LeftoverEnded { server };
                    self.look_for_living(server);
                }
                None
            }
        }
    }

    /// After SIGCHLD: looks what else lives of the generation of a server that has ended, and reaps every
    /// other child. As PID 1 those are the orphans of a whole container.
    pub(super) fn child_ended(&mut self) {
        if let State::Running { pid } = self.state
            && let Some(child) = child_pid(pid)
            && has_ended(child)
        {
            self.state = State::Ended { pid };
            self.look_for_living(pid);
        }
        reap_others(self.child(), &self.successors);
    }

    /// Counts the connections to these addresses that the generation has open, and signals `server`, the child or
    /// what was left by it, and every other process of its generation; what has just ended needs none.
    pub(super) fn signal(&mut self, server: u32, signal: GenerationSignal, addresses: Vec<Address>) {
        let child = match self.state {
            State::Running { pid } | State::Ended { pid } if pid == server => Some(pid),
            State::Leftovers { server: left, .. } | State::LeftoverEnded { server: left }
                if left == server =>
            {
                None
            }
            State::None
            | State::Running { .. }
            | State::Ended { .. }
            | State::Leftovers { .. }
            | State::LeftoverEnded { .. } => return,
        };
        // It was not reaped: its number is still its own.
        let child = child.and_then(|pid| Process::hold(pid).ok().flatten());
        let number = signals::number(signal);
        let generation = self.generation;
        self.look(move || {
            let is_any = !addresses.is_empty();
            let connections = is_any.then(|| connections_of(generation, server, &addresses)).flatten();
            let child = child.as_ref().map(|(process, pidfd)| (*process, pidfd.as_fd()));
            let _ = signal_generation(generation, child, &[], &[server], number);
            Answer::Signalled { server, signal, connections }
        });
    }

    /// Waits until everybody was signalled who is to be.
    pub(super) async fn finish(&self) {
        self.looks.finish().await;
    }

    fn look_for_living(&self, server: u32) {
        let generation = self.generation;
        self.look(move || {
            let members = generation_members(generation, &[server]).unwrap_or_default();
            Answer::Living { server, members: members.into_iter().map(|(_, pidfd)| pidfd).collect() }
        });
    }

    fn look(&self, look: impl FnOnce() -> Answer + Send + 'static) {
        let (answer, answers) = (self.looks.run(look), self.answers.0.clone());
        spawn_local(async move {
            if let Some(answer) = answer.await {
                // It is too late for an answer that nobody takes.
                let _ = answers.send(answer);
            }
        });
    }

    fn living(&mut self, server: u32, members: Vec<AsyncFd<OwnedFd>>) -> Option<SupervisorInput> {
        let left = |members: Vec<_>| match members.is_empty() {
            true => State::None,
            false => State::Leftovers { server, members },
        };
        match self.state {
            State::Ended { pid } if pid == server => {
                let leftovers = if members.is_empty() { Leftovers::None } else { Leftovers::Alive };
                let exit = child_pid(pid).map_or(ServerExit::Status(u8::MAX), reap);
                self.state = left(members);
                // Those that ended meanwhile.
                reap_others(None, &self.successors);
                Some(SupervisorInput::ServerExited { pid, exit, leftovers })
            }
            State::LeftoverEnded { server: of } if of == server => {
                self.state = left(members);
                matches!(self.state, State::None).then_some(SupervisorInput::LeftoversGone { pid: server })
            }
            State::None
            | State::Running { .. }
            | State::Ended { .. }
            | State::Leftovers { .. }
            | State::LeftoverEnded { .. } => None,
        }
    }

    fn child(&self) -> Option<Pid> {
        match self.state {
            State::Running { pid } | State::Ended { pid } => child_pid(pid),
            State::None | State::Leftovers { .. } | State::LeftoverEnded { .. } => None,
        }
    }
}

/// How many connections to these addresses the processes of a generation have open, if that can be known; `server` is
/// its server. Costs a look at every process of the machine.
pub(super) fn connections_of(generation: Generation, server: u32, addresses: &[Address]) -> Option<u64> {
    let members = generation_members(generation, &[server]).unwrap_or_default();
    open_connections(members.into_iter().map(|(member, _)| member.pid), addresses)
}

/// Looks without reaping. A child that somebody else has reaped has ended, too.
fn has_ended(child: Pid) -> bool {
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    waitid(Id::Pid(child), look) != Ok(WaitStatus::StillAlive)
}

/// Reaps a child that has ended.
fn reap(child: Pid) -> ServerExit {
    // If something else has reaped it, only that it has ended is known.
    waitpid(child, Some(WaitPidFlag::WNOHANG)).map_or(ServerExit::Status(u8::MAX), exit)
}

fn exit(status: WaitStatus) -> ServerExit {
    match status {
        WaitStatus::Exited(_, status) => ServerExit::Status(u8::try_from(status).unwrap_or(u8::MAX)),
        WaitStatus::Signaled(_, signal, _) => ServerExit::Signal(signal as i32),
        WaitStatus::Stopped(..)
        | WaitStatus::PtraceEvent(..)
        | WaitStatus::PtraceSyscall(_)
        | WaitStatus::Continued(_)
        | WaitStatus::StillAlive => ServerExit::Status(u8::MAX),
    }
}

fn child_pid(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().map(Pid::from_raw)
}

/// Reaps every dead child but `server`, which ends with a SIGCHLD of its own.
pub(super) fn reap_others(server: Option<Pid>, successors: &Successors) {
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    while let Some(child) = waitid(Id::All, look).ok().and_then(|status| status.pid()) {
        if Some(child) == server {
            return;
        }
        let Ok(status) = waitpid(child, Some(WaitPidFlag::WNOHANG)) else { return };
        successors.reaped(u32::try_from(child.as_raw()).unwrap_or_default(), exit(status));
    }
}
