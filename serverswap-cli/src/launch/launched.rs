//! The supervisor's side of a server that is being launched.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::PathBuf;
use std::process::Stdio;

use super::ENTRY;
use super::sockets::PassedSockets;
use crate::cli::environment;
use crate::spawn::{self, ServerCommand, ServerStreams, SpawnFailure};
use crate::sys::launch::{Order, Said, SupervisorEnd, pair};

/// A process that waits for its descriptors, and then becomes the server.
#[derive(Debug)]
pub(crate) struct Launched {
    end: SupervisorEnd,
}

/// Starts the process: as [`spawn::start`], and its pid will be the server's. The arguments of `server` have the numbers
/// of the descriptors in them already.
///
/// # Errors
/// As [`spawn::start`], but for a command that cannot be executed: [`Launched::answer`].
pub(crate) fn start(
    server: &ServerCommand,
    sockets: &PassedSockets,
    notify_socket: Option<&OsStr>,
    streams: ServerStreams,
) -> Result<(u32, Launched), SpawnFailure> {
    let other = |error: io::Error| SpawnFailure::other(server, &error);
    let (ours, theirs) = pair().map_err(other)?;
    let launcher = ServerCommand {
        program: PathBuf::from("/proc/self/exe").into_os_string(),
        arguments: [OsString::from(ENTRY), server.program.clone()]
            .into_iter()
            .chain(server.arguments.iter().cloned())
            .collect(),
        ..server.clone()
    };
    let mut command = spawn::command(&launcher, streams)?;
    command.stdin(Stdio::from(theirs)).envs(sockets.variables(std::process::id()));
    if let Some(path) = notify_socket {
        command.env(environment::NOTIFY_SOCKET, path);
    }
    let child = command.spawn().map_err(other)?;
    Ok((child.id(), Launched { end: ours }))
}

impl Launched {
    /// Passes the sockets on, in the order of their descriptors: it executes the command.
    ///
    /// # Errors
    /// The process is gone.
    pub(crate) fn execute(&self, order: Order, sockets: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.end.send(order, sockets)
    }

    /// What has become of it; `None` if that is not known yet. Its descriptor is readable when it is.
    pub(crate) fn answer(&self) -> Option<Said> {
        self.end.answer()
    }
}

impl AsFd for Launched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }
}

impl AsRawFd for Launched {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
