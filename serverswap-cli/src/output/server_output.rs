//! The output of one generation: decided once, opened for each server that is started.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use serverswap::protocol::message::Form;
use serverswap::protocol::{Address, Generation};

use super::copy::Copies;
use super::destination::{Circumstances, Destination, Destinations, LogName, OurStream, OutputOption};
use super::follow::Follow;
use super::generation_log::GenerationLog;
use super::tail::{OutputFile, OutputTail, TailedFiles, Unseen};
use super::{log_directory, stream};
use crate::spawn::{ServerStream, ServerStreams, SpawnFailure};
use crate::ui::{Report, ResultFormat};

/// Where the servers of a generation print.
#[derive(Debug)]
pub(crate) struct ServerOutput {
    of: OutputOf,
    circumstances: Circumstances,
    destinations: Destinations,
    /// From the first server on, if a destination is a log.
    log: Option<GenerationLog>,
    copies: Copies,
    /// The logs that are copied.
    copied: Vec<(LogName, File)>,
    /// What the last server printed to.
    tailed: TailedFiles,
}

/// Whose output it is.
#[derive(Debug)]
pub(crate) struct OutputOf {
    pub(crate) generation: Generation,
    pub(crate) form: Form,
    /// The runtime directory.
    pub(crate) directory: PathBuf,
    /// What is started, for people.
    pub(crate) command: String,
}

impl ServerOutput {
    /// Decides where the output goes. No file is made before there is a server.
    pub(crate) fn decide(option: &OutputOption, result: ResultFormat, of: OutputOf) -> ServerOutput {
        let circumstances = Circumstances {
            form: of.form,
            result,
            started_from: stream::started_from(),
            stdout: stream::kind(&io::stdout()),
            stderr: stream::kind(&io::stderr()),
            ours: stream::ours(),
        };
        ServerOutput {
            of,
            circumstances,
            destinations: Destinations::decide(option, circumstances),
            log: None,
            copies: Copies::default(),
            copied: Vec::new(),
            tailed: TailedFiles::default(),
        }
    }

    /// Opens the output for a server that is about to start. A file that was moved away since the last start is made
    /// anew.
    ///
    /// # Errors
    /// A file cannot be opened.
    pub(crate) fn open(&mut self, report: impl Fn(Report)) -> Result<ServerStreams, SpawnFailure> {
        if self.log.is_none() {
            self.make_log(report);
        }
        let Destinations { stdout, stderr } = self.destinations.clone();
        let first = self.open_one(&stdout)?;
        let second = match &first {
            ServerStream::File(file) if stdout == stderr => {
                ServerStream::File(file.try_clone().map_err(|error| failure(Path::new("stderr"), &error))?)
            }
            ServerStream::Inherited | ServerStream::Null | ServerStream::File(_) => self.open_one(&stderr)?,
        };
        self.tailed = TailedFiles::new(
            tailed(&stdout, &first, &io::stdout()),
            tailed(&stderr, &second, &io::stderr()),
            stdout.unseen(),
        );
        Ok(ServerStreams { stdout: first, stderr: second })
    }

    /// Records that the generation serves an address.
    pub(crate) fn served(&mut self, address: &Address) {
        if let Some(log) = &mut self.log {
            log.served(address);
        }
    }

    /// The last lines that the last server printed.
    pub(crate) fn tail(&self) -> OutputTail {
        self.tailed.tail()
    }

    /// What still copies, at the end of the command.
    pub(crate) fn into_copies(self) -> Copies {
        self.copies
    }

    /// Makes the log of the generation, if one is wanted.
    fn make_log(&mut self, report: impl Fn(Report)) {
        let (stdout, stderr) = (self.destinations.stdout.log(), self.destinations.stderr.log());
        if (stdout, stderr) == (None, None) {
            return;
        }
        match generation_log(&self.of) {
            Ok(log) => {
                let path = |name: Option<LogName>| name.map(|name| log.path(name));
                report(Report::OutputLogged { stdout: path(stdout), stderr: path(stderr) });
                self.log = Some(log);
            }
            Err(problem) => {
                report(Report::OutputNotLogged { problem });
                self.destinations = self.destinations.clone().without_log(self.circumstances);
            }
        }
    }

    fn open_one(&mut self, destination: &Destination) -> Result<ServerStream, SpawnFailure> {
        match destination {
            Destination::Inherited => Ok(ServerStream::Inherited),
            Destination::Null => Ok(ServerStream::Null),
            Destination::File(path) => {
                open_file(path).map(ServerStream::File).map_err(|error| failure(path, &error))
            }
            Destination::Log(name) => match &self.log {
                Some(log) => {
                    let path = log.path(*name);
                    let file = log.open(*name).map_err(|error| failure(&path, &error))?;
                    self.copy(*name, &path, &file).map_err(|error| failure(&path, &error))?;
                    Ok(ServerStream::File(file))
                }
                None => Ok(ServerStream::Null),
            },
        }
    }

    /// Copies a log, unless it is copied already.
    fn copy(&mut self, name: LogName, path: &Path, file: &File) -> io::Result<()> {
        let follow = Follow::from_beginning(path)?;
        if self.copied.iter().any(|(copied, of)| *copied == name && follow.is(of)) {
            return Ok(());
        }
        self.copied.retain(|(copied, _)| *copied != name);
        self.copied.push((name, file.try_clone()?));
        self.copies.start(follow, name.copied_to())
    }
}

impl Destination {
    fn log(&self) -> Option<LogName> {
        match self {
            Destination::Log(name) => Some(*name),
            Destination::Inherited | Destination::Null | Destination::File(_) => None,
        }
    }

    /// Of a server whose stdout goes here.
    fn unseen(&self) -> Unseen {
        match self {
            Destination::Inherited => Unseen::Stdout,
            Destination::File(_) => Unseen::Everything,
            Destination::Null | Destination::Log(_) => Unseen::Nothing,
        }
    }
}

impl LogName {
    fn copied_to(self) -> OurStream {
        match self {
            LogName::Both(stream) | LogName::Stdout(stream) => stream,
            LogName::Stderr => OurStream::Stderr,
        }
    }
}

fn generation_log(of: &OutputOf) -> Result<GenerationLog, String> {
    let directory = log_directory::prepare().map_err(|error| error.to_string())?;
    GenerationLog::new(&directory, of.generation, &of.directory, &of.command)
        .map_err(|error| format!("`{}` cannot be written to: {error}", directory.display()))
}

/// Without O_NONBLOCK a FIFO that nobody reads would keep the deploy waiting; the server gets it without.
fn open_file(path: &Path) -> io::Result<File> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = File::options().append(true).create(true).custom_flags(flags).open(path)?;
    fcntl(&file, FcntlArg::F_SETFL(OFlag::O_APPEND))?;
    Ok(file)
}

fn tailed(
    destination: &Destination,
    stream: &ServerStream,
    ours: &impl std::os::fd::AsFd,
) -> Option<OutputFile> {
    match (destination, stream) {
        (_, ServerStream::File(file)) => OutputFile::of(file),
        (Destination::Inherited, ServerStream::Inherited | ServerStream::Null) => OutputFile::of(ours),
        (
            Destination::Null | Destination::File(_) | Destination::Log(_),
            ServerStream::Inherited | ServerStream::Null,
        ) => None,
    }
}

fn failure(path: &Path, error: &io::Error) -> SpawnFailure {
    SpawnFailure::Output { path: PathBuf::from(path), errno: error.raw_os_error().unwrap_or(libc::EIO) }
}
