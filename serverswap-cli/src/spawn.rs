//! Starts a server: in a session of its own, with `/dev/null` as stdin, and stdout and stderr as
//! [`output`](crate::output) has decided.
//!
//! Deliberately no waiting and no signals here: `runtime::server` does that. The
//! working directory is entered as it was given, at every start: a `current` that points
//! to another release by then is followed, and nothing is resolved once and remembered.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Serialize;
use serverswap::protocol::Generation;

use crate::cli::environment;
use crate::env_file::{self, EnvFileError};
use crate::sys::seccomp::InstallError;
use crate::sys::session;

/// What to start, and its environment variables about serverswap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerCommand {
    /// The program, as `execvp` takes it.
    pub program: OsString,
    /// Its arguments, without the program.
    pub arguments: Vec<OsString>,
    /// The working directory as it was given; `None` is the supervisor's own.
    pub cwd: Option<PathBuf>,
    /// More variables for its environment, read at every start.
    pub env_file: Option<PathBuf>,
    /// The arbiter's socket: `SERVERSWAP_SOCKET`.
    pub socket: PathBuf,
    /// The runtime directory: `SERVERSWAP_DIR`.
    pub directory: PathBuf,
    /// Where the supervisor may have files of its own.
    pub own_folder: PathBuf,
    /// The generation that the server belongs to: `SERVERSWAP_GENERATION`.
    pub generation: Generation,
    /// The name of the arbiter's second socket, for a server that may become another user:
    /// `SERVERSWAP_ABSTRACT_SOCKET`.
    pub abstract_socket: Option<String>,
    /// The program that becomes the arbiter where there is none: `SERVERSWAP_ARBITER`. `None` if this process
    /// cannot tell its own.
    pub arbiter: Option<PathBuf>,
}

/// What a server gets as stdout and stderr; by default ours.
#[derive(Debug, Default)]
pub struct ServerStreams {
    /// Descriptor 1.
    pub stdout: ServerStream,
    /// Descriptor 2.
    pub stderr: ServerStream,
}

/// What a server prints to.
#[derive(Debug, Default)]
pub enum ServerStream {
    /// The same stream of ours.
    #[default]
    Inherited,
    /// `/dev/null`.
    Null,
    /// This.
    File(File),
}

/// Why a server could not be started. Numbers are `errno` (errno(3)).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum SpawnFailure {
    /// No such program in `PATH`, or no such file.
    #[error("`{program}` was not found")]
    NotFound {
        /// The program as it was given.
        program: String,
    },
    /// The file exists and cannot be executed.
    #[error("`{program}` is not executable: {}", io::Error::from_raw_os_error(*.errno))]
    NotExecutable {
        /// The program as it was given.
        program: String,
        /// EACCES, ENOEXEC, or ENOENT for a script whose interpreter is missing.
        errno: i32,
    },
    /// `--cwd` cannot be entered.
    #[error("the working directory `{}` cannot be entered: {}", .path.display(), io::Error::from_raw_os_error(*.errno))]
    WorkingDirectory {
        /// The directory as it was given.
        path: PathBuf,
        /// Why.
        errno: i32,
    },
    /// What it is to print to cannot be opened.
    #[error("its output file `{}` cannot be opened: {}", .path.display(), io::Error::from_raw_os_error(*.errno))]
    Output {
        /// The file of `--output`, or a log.
        path: PathBuf,
        /// Why.
        errno: i32,
    },
    /// `--env-file` cannot be read.
    #[error("the environment file `{}` cannot be read: {}", .path.display(), io::Error::from_raw_os_error(*.errno))]
    EnvFile {
        /// The file as it was given.
        path: PathBuf,
        /// Why.
        errno: i32,
    },
    /// A line of `--env-file` sets no variable.
    #[error("line {line} of the environment file `{}` is not `NAME=VALUE`", .path.display())]
    EnvFileLine {
        /// The file as it was given.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// Its system calls cannot be intercepted.
    #[error("its system calls cannot be intercepted: {}", InstallError::from_errno(*.errno))]
    NotIntercepted {
        /// Why.
        errno: i32,
    },
    /// Out of processes, memory, or anything else.
    #[error("`{program}` could not be started: {}", io::Error::from_raw_os_error(*.errno))]
    Other {
        /// The program as it was given.
        program: String,
        /// Why.
        errno: i32,
    },
}

impl SpawnFailure {
    /// Anything that no other failure names.
    pub(crate) fn other(server: &ServerCommand, error: &io::Error) -> Self {
        SpawnFailure::Other { program: server.program.to_string_lossy().into_owned(), errno: errno(error) }
    }
}

/// Starts the server and returns its process id, which is also the id of its session and
/// of its process group. It is a child: it has to be reaped.
///
/// # Errors
///
/// [`SpawnFailure`] names what the operator has to fix; no process is left then.
pub fn start(server: &ServerCommand, streams: ServerStreams) -> Result<u32, SpawnFailure> {
    let child = command(server, streams)?.spawn().map_err(|error| failure(server, errno(&error)))?;
    Ok(child.id())
}

/// What starts the server, with its streams, environment and session.
///
/// # Errors
/// The working directory cannot be entered, or the environment file not read.
pub(crate) fn command(server: &ServerCommand, streams: ServerStreams) -> Result<Command, SpawnFailure> {
    if let Some(cwd) = &server.cwd {
        enterable(cwd)?;
    }
    let mut command = Command::new(&server.program);
    if let Some(path) = &server.env_file {
        command.envs(env_file::read(path).map_err(|error| of_env_file(path, error))?);
    }
    command
        .args(&server.arguments)
        .stdin(Stdio::null())
        .stdout(streams.stdout)
        .stderr(streams.stderr)
        .env(environment::SERVERSWAP_SOCKET, &server.socket)
        .env(environment::SERVERSWAP_DIR, &server.directory)
        .env(environment::SERVERSWAP_GENERATION, server.generation.to_string());
    let abstract_socket = server.abstract_socket.as_ref().map(OsString::from);
    let optional = [
        (environment::SERVERSWAP_ARBITER, server.arbiter.clone().map(OsString::from)),
        (environment::SERVERSWAP_ABSTRACT_SOCKET, abstract_socket),
    ];
    for (name, value) in optional {
        match value {
            Some(value) => command.env(name, value),
            // That of another supervisor, if this one was started inside a server.
            None => command.env_remove(name),
        };
    }
    for name in environment::SCRUBBED {
        command.env_remove(name);
    }
    if let Some(cwd) = &server.cwd {
        command.current_dir(cwd);
    }
    session::own_session(&mut command);
    Ok(command)
}

impl From<ServerStream> for Stdio {
    fn from(stream: ServerStream) -> Stdio {
        match stream {
            ServerStream::Inherited => Stdio::inherit(),
            ServerStream::Null => Stdio::null(),
            ServerStream::File(file) => Stdio::from(file),
        }
    }
}

fn of_env_file(path: &Path, error: EnvFileError) -> SpawnFailure {
    let path = path.to_owned();
    match error {
        EnvFileError::Io(error) => SpawnFailure::EnvFile { path, errno: errno(&error) },
        EnvFileError::Line(line) => SpawnFailure::EnvFileLine { path, line },
    }
}

/// Tells a directory that cannot be entered from a program that cannot be found: both are
/// the same number when they come out of a child.
fn enterable(cwd: &Path) -> Result<(), SpawnFailure> {
    let problem = match std::fs::metadata(cwd) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => libc::ENOTDIR,
        Err(error) => errno(&error),
    };
    Err(SpawnFailure::WorkingDirectory { path: cwd.to_owned(), errno: problem })
}

/// Why the command was not executed.
pub(crate) fn failure(server: &ServerCommand, errno: i32) -> SpawnFailure {
    let program = server.program.to_string_lossy().into_owned();
    match errno {
        libc::ENOENT if is_file(server) => SpawnFailure::NotExecutable { program, errno },
        libc::ENOENT | libc::ENOTDIR => SpawnFailure::NotFound { program },
        libc::EACCES | libc::ENOEXEC | libc::EPERM | libc::EISDIR => {
            SpawnFailure::NotExecutable { program, errno }
        }
        _ => SpawnFailure::Other { program, errno },
    }
}

/// Whether the program is a path to something that exists: then what was not found is the
/// interpreter in its first line.
fn is_file(server: &ServerCommand) -> bool {
    let path = Path::new(&server.program);
    let is_path = path.components().count() > 1 || path.is_absolute();
    is_path && server.cwd.as_deref().unwrap_or(Path::new("")).join(path).exists()
}

fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}
