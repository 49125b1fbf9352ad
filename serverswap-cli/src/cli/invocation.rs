//! What the command line asks for, typed.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serverswap::protocol::Address;
use serverswap::protocol::message::{Form, UnixSockets};
use std::time::Duration;

use super::{CommandLine, Program, Shell};
use crate::launch::PassedSockets;
use crate::output::OutputOption;
use crate::readiness::ReadyOption;
use crate::stop::{Limits, Target};
use crate::supervisor::{Plan, Restart, Starts};
use crate::ui::{LogFormat, ResultFormat, Verbosity};
use serverswap::protocol::Generation;

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is one, for a moment")]
pub enum Invocation {
    /// Start a server and supervise it.
    Run(Run),
    /// Be the arbiter of this directory for as long as one is needed.
    Arbiter(PathBuf),
    /// Let this build's arbiter decide again what was recorded into this file.
    Replay(PathBuf),
    /// Show which server holds which address.
    Status(Status),
    /// Ask residents for their next generation.
    Reload(Reload),
    /// Show what a server printed.
    Logs(Logs),
    /// Show what was done.
    History(History),
    /// Show what has happened, and what happens, for programs.
    Events(Events),
    /// Show what runs and what was done as metrics.
    Metrics(Metrics),
    /// Look at a server, and say how it is swapped.
    Explain(Explain),
    /// Be the arbiter of a directory until asked to stop.
    Hold(Hold),
    /// Stop servers.
    Stop(Stop),
    /// Print the completions of a program.
    Completions(Shell, Program),
    /// Print a man page, or write all of them.
    Man(Man),
}

/// Which man pages, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Man {
    /// The page of this name, to stdout.
    Page(String),
    /// Every page, into this folder.
    Into(PathBuf),
}

/// Start a server and supervise it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What to start.
    pub command: CommandLine,
    /// Whether to stay.
    pub form: Form,
    /// How long a new server serves alongside the old one before it takes over.
    pub probation: Duration,
    /// From the start until up.
    pub ready_timeout: Duration,
    /// From the takedown to TERM.
    pub drain_timeout: Duration,
    /// The same for responses that still make progress.
    pub stream_timeout: Option<Duration>,
    /// From TERM to KILL.
    pub kill_timeout: Duration,
    /// Who may connect to the Unix sockets that are made for it.
    pub unix_sockets: UnixSockets,
    /// What a server that does not speak the protocol is passed.
    pub(crate) sockets: PassedSockets,
    /// The addresses that are taken over from a process that serverswap did not start.
    pub(crate) adopt: Vec<Address>,
    /// Whether such a server's own bind(2) is answered with the listener.
    pub(crate) intercept: bool,
    /// What says that such a server is ready.
    pub(crate) ready: ReadyOption,
    /// The number of the signal that ends such a server.
    pub(crate) stop_signal: u32,
    /// When to start it again.
    pub restart: Restart,
    /// Where its output goes.
    pub output: OutputOption,
    /// The server's working directory, as given.
    pub cwd: Option<PathBuf>,
    /// Variables for the server, read at every start.
    pub env_file: Option<PathBuf>,
    /// `--dir`, as given: see [`environment::runtime_directories`](super::environment::runtime_directories).
    pub dir: Option<PathBuf>,
    /// Where the conversations are recorded.
    pub trace: Option<PathBuf>,
    /// How much is shown.
    pub verbosity: Verbosity,
    /// The form of the lines on stderr.
    pub log: LogFormat,
    /// What goes to stdout at the end.
    pub result: ResultFormat,
}

/// Show which server holds which address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Only this address.
    pub address: Option<Address>,
    /// Where.
    pub scope: Scope,
    /// Once, or again with each change.
    pub extent: Extent,
    /// Text or a JSON object.
    pub result: ResultFormat,
}

/// Where is looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// In the runtime directory; `--dir`, as given.
    Directory(Option<PathBuf>),
    /// In every directory that this user may look into.
    Everywhere,
}

/// Look at a server, and say how it is swapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explain {
    /// The server.
    pub command: CommandLine,
    /// How long it may take until it serves.
    pub ready_timeout: Duration,
    /// Text or a JSON object.
    pub result: ResultFormat,
}

/// Be the arbiter of a directory until asked to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Who may take part besides the user of the directory.
    pub users: BTreeSet<u32>,
    /// `--dir`, as given.
    pub dir: Option<PathBuf>,
    /// Where the conversations are recorded.
    pub trace: Option<PathBuf>,
    /// How much is shown.
    pub verbosity: Verbosity,
    /// The form of the lines on stderr.
    pub log: LogFormat,
}

/// Ask residents for their next generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reload {
    /// What is served by those; by default anything.
    pub addresses: Vec<Address>,
    /// Text or a JSON object.
    pub result: ResultFormat,
    /// `--dir`, as given.
    pub dir: Option<PathBuf>,
}

/// Show what a server printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logs {
    /// Of a server that served this address.
    pub address: Option<Address>,
    /// Of which generation.
    pub which: Which,
    /// Up to where.
    pub extent: Extent,
    /// `--dir`, as given.
    pub dir: Option<PathBuf>,
}

/// Show what was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// What concerns this address.
    pub address: Option<Address>,
    /// At most so many entries.
    pub limit: Option<usize>,
    /// Text or a JSON object.
    pub result: ResultFormat,
    /// `--dir`, as given.
    pub dir: Option<PathBuf>,
}

/// Show what has happened, and what happens, for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    /// What concerns this address.
    pub address: Option<Address>,
    /// Up to where.
    pub extent: Extent,
    /// `--dir`, as given.
    pub dir: Option<PathBuf>,
}

/// Show what runs and what was done as metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    /// Where they can be got, until this is ended; by default they are printed.
    pub listen: Option<Address>,
    /// `--dir`, as given.
    pub dir: Option<PathBuf>,
}

/// Stop servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// Which.
    pub target: Target,
    /// In place of their own deadlines.
    pub limits: Limits,
    /// Text or a JSON object.
    pub result: ResultFormat,
    /// `--dir`, as given.
    pub dir: Option<PathBuf>,
}

/// Which of the generations of a directory, or of those that served an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The one that was started last.
    Newest,
    /// The one before it.
    Previous,
}

/// How much of a log is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What there is.
    UntilNow,
    /// Also what is appended.
    Follow,
}

impl Run {
    /// Whether its server does not speak the protocol.
    pub(crate) fn has_stand_in(&self) -> bool {
        self.intercept || !self.sockets.is_empty()
    }

    /// The plan of the generation that this starts.
    pub fn plan(&self, generation: Generation) -> Plan {
        Plan {
            command: self.command.display(),
            form: self.form,
            restart: self.restart,
            probation: self.probation,
            ready_timeout: self.ready_timeout,
            drain_timeout: self.drain_timeout,
            stream_timeout: self.stream_timeout,
            kill_timeout: self.kill_timeout,
            unix_sockets: self.unix_sockets,
            starts: if self.has_stand_in() { Starts::Observed(self.ready.clone()) } else { Starts::Speaking },
            generation,
        }
    }
}
