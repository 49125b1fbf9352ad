//! One start of a server, only to look at it: privately, and never for long.
//!
//! Rules:
//! - It binds where nobody looks for it, and what it would tell an arbiter or a service manager comes here.
//! - It and all that it has started are killed when this is dropped, or by the [keeper](super::keeper) if this process is killed.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use serverswap::protocol::{Address, Endpoint, Generation};
use serverswap::sys::clock::boottime_micros;
use serverswap::sys::listener::{inet_name, open};
use serverswap::sys::process::{Process, Signal, generation_members, pidfd_send_signal};
use serverswap::sys::wait::wait_readable;

use super::keeper::{Message, kill};
use super::private_bind::{Answered, Bound, Place, Unasked, What, answer};
use super::receivers::{handles, inodes, receivers};
use super::scratch::Scratch;
use crate::cli::CommandLine;
use crate::launch::{self, Launched, PassedSocket, PassedSockets};
use crate::output::end_of;
use crate::readiness::{Notification, Notifications};
use crate::spawn::{self, ServerCommand, ServerStream, ServerStreams, SpawnFailure};
use crate::sys::launch::{Order, Said};
use crate::sys::notify_socket::NotifySocket;
use crate::sys::seccomp::{self, InstallError, Selection};
use crate::sys::signals::Received;
use crate::ui::grammar::printable;

/// How often what sends no event is looked at again.
const PACE_MS: u8 = 10;

/// Lines of its output that are shown.
const LINES_SHOWN: usize = 5;

/// A server that is looked at.
pub(super) struct Trial<'a> {
    scratch: &'a Scratch,
    process: Process,
    pidfd: OwnedFd,
    generation: Generation,
    /// Where its calls wait, from its first instruction on.
    notify: Option<OwnedFd>,
    arbiter: UnixListener,
    service_manager: NotifySocket,
    folder: PathBuf,
    output: PathBuf,
    /// In the order of their descriptors.
    pub(super) given: Vec<Given>,
    pub(super) bound: Vec<Bound>,
    pub(super) unasked: Vec<Unasked>,
    /// The sockets of which the keeper knows.
    told: BTreeSet<PathBuf>,
    /// Which of those speaks HTTP, when that was seen.
    pub(super) http: Option<usize>,
    /// When it was started, or has bound the last one.
    pub(super) bound_at: Instant,
    pub(super) uses_package: bool,
    pub(super) says_ready: bool,
    /// Its exit status, as a shell has it, when it has ended.
    pub(super) exit: Option<i32>,
}

/// A listener that it was given.
pub(super) struct Given {
    pub(super) listener: OwnedFd,
    pub(super) at: Place,
}

impl<'a> Trial<'a> {
    /// Starts it. It is given listeners as `--socket` with each address of `passed` would give it one; they are other ones, and not
    /// non-blocking: so it is seen whether the server makes them so.
    ///
    /// # Errors
    /// The command cannot be executed, or the kernel refuses something.
    pub(super) fn start(
        command: &CommandLine,
        passed: &[Address],
        scratch: &'a Scratch,
    ) -> Result<Trial<'a>, TrialError> {
        let folder = scratch.next()?;
        let generation = Generation { start: boottime_micros(), pid: std::process::id() };
        let (manager, output) = (folder.join("notify"), folder.join("output"));
        let server = ServerCommand {
            program: command.program.clone(),
            arguments: command.arguments.clone(),
            cwd: None,
            env_file: None,
            socket: folder.join("arbiter"),
            directory: folder.clone(),
            own_folder: folder.clone(),
            generation,
            abstract_socket: None,
            arbiter: None,
        };
        let arbiter = UnixListener::bind(&server.socket)?;
        arbiter.set_nonblocking(true)?;
        let service_manager = NotifySocket::bind(&manager)?;
        let given = (0..).zip(passed).map(|(number, address)| Given::like(address, &folder, number));
        let given = given.collect::<io::Result<Vec<_>>>()?;
        let sockets = passed.iter().cloned().map(|address| PassedSocket { name: None, address });
        let sockets = PassedSockets::new(sockets.collect()).map_err(io::Error::other)?;
        let file = File::create(&output)?;
        let streams =
            ServerStreams { stdout: ServerStream::File(file.try_clone()?), stderr: ServerStream::File(file) };
        let (pid, launched) = launch::start(&server, &sockets, Some(manager.as_os_str()), streams)?;
        // It is our child, and waits.
        let (process, pidfd) = Process::hold(pid)?.ok_or(Errno::ESRCH).map_err(io::Error::from)?;
        let mut trial = Trial {
            scratch,
            process,
            pidfd,
            generation,
            notify: None,
            arbiter,
            service_manager,
            folder,
            output,
            given,
            bound: Vec::new(),
            unasked: Vec::new(),
            told: BTreeSet::new(),
            http: None,
            bound_at: Instant::now(),
            uses_package: false,
            says_ready: false,
            exit: None,
        };
        scratch.keeper().say(&Message::Began(generation, process))?;
        trial.execute(&launched, &server)?;
        Ok(trial)
    }

    /// It becomes the command.
    fn execute(&mut self, launched: &Launched, server: &ServerCommand) -> Result<(), TrialError> {
        let listeners: Vec<_> = self.given.iter().map(|given| given.listener.as_fd()).collect();
        launched.execute(Order::Intercept(Selection::SocketsAndPaths), &listeners)?;
        loop {
            match launched.answer() {
                None => {}
                Some(Said::Filtered(installed)) => self.notify = Some(installed.notify),
                Some(Said::NotFiltered(errno)) => return Err(InstallError::from_errno(errno).into()),
                Some(Said::NotExecuted(errno)) => return Err(spawn::failure(server, errno).into()),
                Some(Said::Over) if self.notify.is_some() => return Ok(()),
                Some(Said::Over) => return Err(io::Error::from(Errno::ESRCH).into()),
            }
            wait_readable(&[launched.as_fd(), self.scratch.signals().as_fd()], None)?;
            self.read_signals()?;
        }
    }

    /// Answers its calls until `check` says something, or for so long.
    pub(super) fn until<T>(
        &mut self,
        limit: Duration,
        mut check: impl FnMut(&mut Trial<'a>) -> Option<T>,
    ) -> Result<Option<T>, TrialError> {
        let until = Instant::now() + limit;
        loop {
            self.turn()?;
            if let Some(found) = check(self) {
                return Ok(Some(found));
            }
            if Instant::now() > until {
                return Ok(None);
            }
        }
    }

    fn turn(&mut self) -> Result<(), TrialError> {
        let mut fds = vec![
            PollFd::new(self.arbiter.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.service_manager.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.scratch.signals().as_fd(), PollFlags::POLLIN),
        ];
        fds.extend(self.notify.as_ref().map(|notify| PollFd::new(notify.as_fd(), PollFlags::POLLIN)));
        poll(&mut fds, PollTimeout::from(PACE_MS)).map_err(io::Error::from)?;
        let calls = fds.get(3).and_then(PollFd::revents).unwrap_or(PollFlags::empty());
        self.read_signals()?;
        if calls.contains(PollFlags::POLLIN) {
            self.answer_call();
        } else if calls.contains(PollFlags::POLLHUP) {
            // Whatever had the filter is gone.
            self.notify = None;
        }
        self.tell_of_paths();
        self.uses_package |= self.arbiter.accept().is_ok();
        while let Some(datagram) = self.service_manager.receive() {
            self.says_ready |= Notifications::parse(&datagram.message).0.contains(&Notification::Ready);
        }
        self.reap(WaitPidFlag::WNOHANG);
        Ok(())
    }

    fn answer_call(&mut self) {
        // A caller that was killed meanwhile makes no call.
        let Some(notify) = &self.notify else { return };
        let Ok(notification) = seccomp::receive(notify) else { return };
        match answer(notify, notification, &self.folder, &self.bound) {
            Some(Answered::Bound(bound)) => self.bound.push(bound),
            Some(Answered::Unasked(unasked)) if unasked.what == What::RandomPort => {
                // Our duplicate of one that connects would keep its connection open.
                self.unasked.retain(|other| other.what != What::RandomPort || other.is_listening());
                return self.unasked.push(unasked);
            }
            Some(Answered::Unasked(unasked)) => self.unasked.push(unasked),
            None => return,
        }
        self.bound_at = Instant::now();
    }

    /// It is known that a server has made a path when its socket has that name.
    fn tell_of_paths(&mut self) {
        for path in self.bound.iter().filter_map(Bound::own_path) {
            if self.told.insert(path.to_owned()) {
                // Without a keeper it stays, if this process is killed.
                let _ = self.scratch.keeper().say(&Message::Made(path.to_owned()));
            }
        }
    }

    fn read_signals(&self) -> Result<(), TrialError> {
        while let Some(Received { signal, .. }) = self.scratch.signals().read() {
            if signal != Signal::SIGCHLD {
                return Err(TrialError::Stopped(signal));
            }
        }
        Ok(())
    }

    fn reap(&mut self, flags: WaitPidFlag) {
        if self.exit.is_none() {
            let pid = Pid::from_raw(self.process.pid.cast_signed());
            self.exit = match waitpid(pid, Some(flags)) {
                Ok(WaitStatus::Exited(_, status)) => Some(status),
                Ok(WaitStatus::Signaled(_, signal, _)) => Some(128 + signal as i32),
                Ok(_) | Err(_) => None,
            };
        }
    }

    /// Its processes.
    pub(super) fn members(&self) -> Vec<(Process, OwnedFd)> {
        generation_members(self.generation, &[self.process.pid]).unwrap_or_default()
    }

    /// Those that have its listeners, or, where none has one, the process that was started.
    fn receivers(&self) -> io::Result<Vec<(Process, OwnedFd)>> {
        let bound = self.bound.iter().map(|bound| &bound.socket);
        let sockets = inodes(bound.chain(self.unasked.iter().map(|unasked| &unasked.socket)));
        let holders = receivers(self.members(), &sockets);
        Ok(if holders.is_empty() { vec![(self.process, self.pidfd.try_clone()?)] } else { holders })
    }

    /// Those of the signals that are handled by all that would get them.
    pub(super) fn handled(&self, signals: &[Signal]) -> io::Result<Vec<Signal>> {
        let receivers = self.receivers()?;
        let is_handled = |signal| receivers.iter().all(|(process, _)| handles(process.pid, signal));
        Ok(signals.iter().copied().filter(|signal| is_handled(*signal)).collect())
    }

    /// Sends it to its receivers, as they are now.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        self.receivers()?.iter().try_for_each(|(_, pidfd)| pidfd_send_signal(pidfd, signal))
    }

    /// The last lines of its output.
    pub(super) fn said(&self) -> Vec<String> {
        let end = File::open(&self.output).map(|file| end_of(&file, 0)).unwrap_or_default();
        let text = String::from_utf8_lossy(&end);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(LINES_SHOWN)..].iter().map(|line| printable(line)).collect()
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        kill(self.generation, self.process, &self.pidfd);
        self.reap(WaitPidFlag::empty());
        for path in self.bound.iter().filter_map(Bound::own_path) {
            let _ = std::fs::remove_file(path);
        }
        let _ = self.scratch.keeper().say(&Message::Over(self.process));
    }
}

impl Given {
    /// Of the family of this address.
    fn like(address: &Address, folder: &Path, number: usize) -> io::Result<Given> {
        let is_v4 = matches!(address, Address::Tcp(Endpoint::Ip(at)) if at.is_ipv4());
        let open = |address| open(&address).map_err(io::Error::other);
        let (listener, at) = match address {
            Address::Unix(_) => {
                let path = folder.join(format!("given-{number}"));
                (open(Address::Unix(path.clone()))?, Place::Unix(path))
            }
            Address::Tcp(_) | Address::Udp(_) | Address::Name(_) => {
                let at = |ip: IpAddr| open(Address::Tcp(Endpoint::Ip(SocketAddr::new(ip, 0))));
                let v4 = || at(Ipv4Addr::LOCALHOST.into());
                let v6 = || at(Ipv6Addr::LOCALHOST.into()).or_else(|_| v4());
                let listener = if is_v4 { v4() } else { v6() }?;
                let at = inet_name(&listener).ok_or(Errno::EAFNOSUPPORT)?;
                (listener, Place::Tcp(at))
            }
        };
        fcntl(&listener, FcntlArg::F_SETFL(OFlag::empty()))?;
        Ok(Given { listener, at })
    }
}

/// Why a server could not be looked at.
#[derive(Debug, thiserror::Error)]
pub(super) enum TrialError {
    /// This process was asked to stop.
    #[error("{0} was received")]
    Stopped(Signal),
    /// The command cannot be executed.
    #[error(transparent)]
    Start(#[from] SpawnFailure),
    /// There is no filter.
    #[error(transparent)]
    Filter(#[from] InstallError),
    /// Something of this machine.
    #[error(transparent)]
    Machine(#[from] io::Error),
}
