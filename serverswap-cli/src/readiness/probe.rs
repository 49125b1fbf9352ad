//! The command of `--ready exec=`: it is run until it succeeds.
//!
//! Its end is seen on a pipe: the children of this process are reaped all together.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use nix::errno::Errno;

use crate::spawn::{self, ServerCommand, ServerStream, ServerStreams};

/// Says on stdout that the command, whose own output goes nowhere, has succeeded.
const SCRIPT: &str = r#"sh -c "$1" >/dev/null && echo"#;

/// Starts one run of it, with the environment and the working directory of the server; it belongs to the generation, and
/// ends with it. What is returned can be read to the end when the command has ended, without blocking.
///
/// # Errors
/// It cannot be started.
pub(crate) fn start(server: &ServerCommand, command: &str) -> io::Result<OwnedFd> {
    let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC | nix::fcntl::OFlag::O_NONBLOCK)?;
    let streams =
        ServerStreams { stdout: ServerStream::File(File::from(writer)), stderr: ServerStream::Null };
    let words = ["-c", SCRIPT, "sh", command].map(OsString::from);
    let shell = ServerCommand { program: "/bin/sh".into(), arguments: words.into(), ..server.clone() };
    spawn::start(&shell, streams).map_err(io::Error::other)?;
    Ok(reader)
}

/// Whether the command has succeeded; `None` while it runs.
pub(crate) fn has_succeeded(reader: &OwnedFd) -> Option<bool> {
    match nix::unistd::read(reader, &mut [0]) {
        Ok(bytes) => Some(bytes > 0),
        Err(Errno::EAGAIN) => None,
        Err(_) => Some(false),
    }
}
