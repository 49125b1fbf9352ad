//! The command under test, started once.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::fake_servers::FakeServers;
use super::{SupervisorCommand, fake_server_words};
use crate::runner::Exited;
use crate::sandbox::Sandbox;
use crate::scenario::Start;

/// A started command and the fake servers that it starts.
pub(super) struct StartedCommand {
    child: Child,
    pidfd: OwnedFd,
    stderr: PathBuf,
    pub(super) exit: Option<Exited>,
    pub(super) servers: FakeServers,
}

impl StartedCommand {
    /// Starts COMMAND with a fake server, in a process group of its own.
    pub(super) fn start(
        sandbox: &Sandbox,
        command: &SupervisorCommand,
        start: &Start,
    ) -> io::Result<StartedCommand> {
        let file = |ending: &str| sandbox.path().join(format!("{}.{ending}", start.name));
        let control = file("control");
        let listener = UnixListener::bind(&control)?;
        listener.set_nonblocking(true)?;
        let (stdout, stderr) = (File::create(file("stdout"))?, File::create(file("stderr"))?);
        let child = Command::new(&command.words[0])
            .args(&command.words[1..])
            .args(&start.arguments)
            .args(fake_server_words(&command.fake_server, &control))
            .env("SERVERSWAP_DIR", sandbox.runtime_dir())
            .env("XDG_STATE_HOME", sandbox.state_home())
            .envs(&start.environment)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0)
            .spawn()?;
        let pidfd = watched(child.id())?;
        Ok(StartedCommand {
            child,
            pidfd,
            stderr: file("stderr"),
            exit: None,
            servers: FakeServers::new(listener),
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What wakes the suite: its end, and its servers.
    pub(super) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let end = self.exit.is_none().then(|| self.pidfd.as_fd());
        end.into_iter().chain(self.servers.descriptors()).collect()
    }

    /// Takes in what has happened.
    pub(super) fn read(&mut self) -> io::Result<()> {
        if self.exit.is_none() {
            self.exit = self.child.try_wait()?.map(exited);
        }
        self.servers.read()
    }

    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(pidfd_send_signal(&self.pidfd, signal)?)
    }

    /// What it wrote to standard error.
    pub(super) fn stderr(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap_or_default()
    }
}

/// A descriptor of a living process.
pub(super) fn watched(pid: u32) -> io::Result<OwnedFd> {
    let raw = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
    Ok(pidfd_open(raw, PidfdFlags::empty())?)
}

fn exited(status: ExitStatus) -> Exited {
    status.code().map_or_else(|| Exited::Signal(status.signal().unwrap_or(0)), Exited::Status)
}

/// Whether a command that is a path is there to be started.
pub(super) fn is_there(word: &str) -> bool {
    !word.contains('/') || Path::new(word).is_file()
}
