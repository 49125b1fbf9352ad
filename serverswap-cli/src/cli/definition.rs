//! The options, as clap takes them. The comments on the fields are the help text.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Effects, Styles};
use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand, ValueEnum, ValueHint};

use super::duration::duration;
use super::help;
use super::man::page;
use super::output::output;
use super::ready::ready;
use super::stop_signal::stop_signal;
use super::unix_sockets::{unix_group, unix_mode};
use super::user::user;
use crate::launch::PassedSocket;
use crate::output::OutputOption;
use crate::readiness::ReadyOption;

/// The two programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Program {
    /// Starts a new server, replaces the old one and exits.
    Serverswap,
    /// The same, but stays until its server exits.
    ServerswapDeploy,
}

impl Program {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Program::Serverswap => "serverswap",
            Program::ServerswapDeploy => "serverswap-deploy",
        }
    }
}

/// The definition of a program: what parses its arguments and describes them.
pub fn definition(program: Program) -> clap::Command {
    match program {
        Program::Serverswap => ServerswapArguments::command(),
        Program::ServerswapDeploy => DeployArguments::command(),
    }
}

/// Whether serverswap takes this word for one of its own, unless it comes after `--`.
pub(crate) fn is_own_word(word: &OsStr) -> bool {
    word.as_encoded_bytes().starts_with(b"-")
        || word.to_str().is_some_and(|word| definition(Program::Serverswap).find_subcommand(word).is_some())
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().effects(Effects::BOLD))
    .usage(AnsiColor::Green.on_default().effects(Effects::BOLD))
    .literal(AnsiColor::Cyan.on_default().effects(Effects::BOLD))
    .placeholder(AnsiColor::Cyan.on_default());

/// Restart a server without downtime
///
/// Starts CMD, a new copy of a server, while the old one keeps serving. Once the new one is ready
/// for an address, the old one is asked to release it and finishes its open requests. To deploy,
/// run the same command again.
#[derive(Debug, Parser)]
#[command(
    name = "serverswap",
    version,
    styles = STYLES,
    override_usage = help::USAGE,
    after_help = help::SHORT,
    after_long_help = help::long(),
    subcommand_negates_reqs = true,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub(super) struct ServerswapArguments {
    /// Stay until the server exits, as `serverswap-deploy` does
    ///
    /// Without it, serverswap exits as soon as the new server is up and every server that it
    /// replaced has exited; the new server keeps running on its own.
    #[arg(long)]
    pub(super) stay: bool,

    #[command(flatten)]
    pub(super) run: RunArguments,

    #[command(subcommand)]
    pub(super) tool: Option<Tool>,
}

/// Run a server as a service that is restarted without downtime
///
/// The same as `serverswap --stay CMD…`: starts CMD, replaces the old server, and stays until
/// CMD exits. Use it in a service unit or a container. To deploy, run it again.
#[derive(Debug, Parser)]
#[command(
    name = "serverswap-deploy",
    version,
    styles = STYLES,
    override_usage = help::DEPLOY_USAGE,
    after_help = help::DEPLOY_SHORT,
    after_long_help = help::deploy_long(),
    max_term_width = 100
)]
pub(super) struct DeployArguments {
    #[command(flatten)]
    pub(super) run: RunArguments,
}

/// What both programs have.
#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// The server's command line; everything from here on belongs to it
    ///
    /// A `.js`, `.mjs` or `.cjs` file is run with `node`, a `.py` file with `python3`.
    #[arg(value_name = "CMD", trailing_var_arg = true, value_hint = ValueHint::CommandWithArguments, required = true)]
    pub(super) command: Vec<OsString>,

    /// Pass the socket of ADDRESS to a server that does not use the library; once for each
    ///
    /// The server gets it as descriptor 3, the next one as 4, in all of these ways: systemd's (LISTEN_FDS, LISTEN_PID,
    /// LISTEN_FDNAMES), Server::Starter's (SERVER_STARTER_PORT), Einhorn's (EINHORN_FD_0), and `{fd}` or `{fd:NAME}` in
    /// its arguments. It is replaced with --stop-signal when the new one is ready. The socket is non-blocking.
    #[arg(long, value_name = "[NAME=]ADDRESS", action = ArgAction::Append, group = "stand_in")]
    pub(super) socket: Vec<PassedSocket>,

    /// Swap a server that does not use the library and knows no way to be passed a socket
    ///
    /// When it binds a TCP or Unix socket, it is given the listener of the server before it; the first one binds as
    /// ever. Works with every language, and static programs. It takes Linux 5.9, and a seccomp filter: programs that
    /// are set-uid gain no privileges unless serverswap is run by root, and io_uring is refused where it could bind.
    #[arg(long, conflicts_with = "socket", group = "stand_in")]
    pub(super) intercept: bool,

    /// What says that such a server is ready: `notify`, `listening`, `exec=COMMAND` or `after=DURATION`
    ///
    /// READY=1 on the NOTIFY_SOCKET that it gets; a process of it waits for connections; a shell command exits with 0
    /// (no request to the address: the old server would answer it); or it has run for so long. It has to wait for
    /// connections in any case. The default: `notify` if it uses that before it listens, else `listening`.
    #[arg(long, value_name = "WHAT", value_parser = ready, requires = "stand_in")]
    pub(super) ready: Option<ReadyOption>,

    /// The signal at which such a server finishes its requests and exits; the default is TERM
    ///
    /// QUIT for nginx, for example. After --drain-timeout follows KILL.
    #[arg(long, value_name = "SIGNAL", value_parser = stop_signal)]
    pub(super) stop_signal: Option<u32>,

    /// Take an address over from a process that serverswap did not start, of the same user or by root
    ///
    /// That process is sent --stop-signal when the new server is ready. Without ADDRESS: those of --socket.
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, require_equals = true, default_missing_value = "", action = ArgAction::Append)]
    pub(super) adopt: Vec<String>,

    /// Keep the old server serving alongside the new one for this long before taking over
    ///
    /// If the new server exits or sends `fail` during that time, the old one, which was never
    /// touched, keeps serving, and the deploy is rolled back. Inherited addresses only: an
    /// exclusive address has one holder. 0 turns it off.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    pub(super) probation: Duration,

    /// How long the server may take to come up
    ///
    /// After that it is terminated, unless it already serves an address. Units: ms, s, m, h.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub(super) ready_timeout: Duration,

    /// How long it may finish open requests when it is replaced or stopped, before TERM
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(super) drain_timeout: Duration,

    /// How long its responses may go on that still make progress; the default is --drain-timeout
    ///
    /// For answers of language models, server-sent events and downloads: what is silent ends at --drain-timeout. Only
    /// for servers with a library that finishes connections: Node, Python, Go.
    #[arg(long, value_name = "DURATION", value_parser = duration, hide_short_help = true)]
    pub(super) drain_stream_timeout: Option<Duration>,

    /// How long it may take to exit after TERM, before KILL
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    pub(super) kill_timeout: Duration,

    /// The mode of a Unix socket that is made for the server, such as 660
    ///
    /// The default is 666 less the umask of the server. A socket keeps what it was made with: later
    /// versions are passed the same one.
    #[arg(long, value_name = "MODE", value_parser = unix_mode)]
    pub(super) unix_mode: Option<u32>,

    /// The group of a Unix socket that is made for the server: a name or a number
    #[arg(long, value_name = "GROUP", value_parser = unix_group)]
    pub(super) unix_group: Option<u32>,

    /// When to restart a server that was up and exited on its own
    ///
    /// Only for a supervisor that stays. Connections wait in the meantime; the delay grows from
    /// 100 ms to 30 s. A server that never came up is not restarted: that deploy has failed.
    #[arg(long, value_name = "WHEN", value_enum, default_value = "never")]
    pub(super) restart: RestartOption,

    /// The server's working directory; a symbolic link is resolved at every start
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath)]
    pub(super) cwd: Option<PathBuf>,

    /// Variables for the server's environment, as lines of NAME=VALUE; the file is read at every start
    ///
    /// A value may be in quotes; nothing is expanded. Empty lines, and those that begin with #, are left out.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) env_file: Option<PathBuf>,

    /// Where the server's output goes: `auto`, `inherit`, `null` or a file
    ///
    /// `auto` never gives it to something that ends with this command: a file, /dev/null, the journal and, with
    /// --stay, the pipe of a service are inherited; else it goes to a log, which is copied to stdout
    /// and stderr until this command exits. `serverswap logs` shows it later. Both streams are
    /// appended to a file. For a file named `auto`: `./auto`.
    #[arg(long, value_name = "OUTPUT", default_value = "auto", value_parser = output, value_hint = ValueHint::FilePath)]
    pub(super) output: OutputOption,

    /// The runtime directory: servers in the same directory replace each other
    ///
    /// The default is $SERVERSWAP_DIR, else /run/serverswap for root, else the first of
    /// $XDG_RUNTIME_DIR/serverswap, /run/user/UID/serverswap and /tmp/serverswap-UID in which
    /// something of ours lives, else the first that can be made. Root acts in a directory of another
    /// user as that user.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath)]
    pub(super) dir: Option<PathBuf>,

    /// Append every protocol message to FILE, one JSON object per line
    ///
    /// Both what this command sends and receives as the arbiter and what it sends and receives as
    /// the arbiter's client, and what the arbiter decides. Attach FILE to a bug report. It has process
    /// ids, addresses and paths in it. A file that cannot be written is reported once and has no other
    /// effect.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) trace: Option<PathBuf>,

    /// Print errors only
    #[arg(short, long, conflicts_with = "verbose", action = ArgAction::SetTrue)]
    pub(super) quiet: bool,

    /// Print more detail
    #[arg(short, long, action = ArgAction::SetTrue)]
    pub(super) verbose: bool,

    /// The format of the lines on stderr
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "text")]
    pub(super) log_format: LogFormatOption,

    /// Print the outcome as a JSON object on stdout
    #[arg(long)]
    pub(super) json: bool,

    /// Become the arbiter of this directory in the background, if there is none, for as long as it is needed
    ///
    /// Clients run this; it starts no server.
    #[arg(long, value_name = "DIRECTORY", hide = true, exclusive = true)]
    pub(super) arbiter: Option<PathBuf>,

    /// Let this build's arbiter decide again what `--trace` recorded into FILE, and print what differs
    ///
    /// `serverswap-conformance replay` runs this; it starts no server.
    #[arg(long, value_name = "FILE", hide = true, exclusive = true)]
    pub(super) replay: Option<PathBuf>,
}

/// `--restart`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RestartOption {
    /// Exit with the server
    Never,
    /// If the server failed
    OnFailure,
    /// Even if it exited with status 0
    Always,
}

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormatOption {
    /// For people
    Text,
    /// One JSON object per line
    Json,
}

/// A shell that completions are made for.
pub type Shell = clap_complete::Shell;

/// What `serverswap` does besides running a command.
#[derive(Debug, Subcommand)]
pub(super) enum Tool {
    /// Show what serves each address
    ///
    /// Since when, with which processes, connections and memory, started by whom; what drains, and how long it may. Works without a
    /// running supervisor. The exit status is 0 if ADDRESS (by default: any address) is served, and 3 otherwise.
    #[command(override_usage = "serverswap status [OPTIONS] [ADDRESS]", after_long_help = help::STATUS)]
    Status(StatusArguments),
    /// Start the command of a `serverswap-deploy` again, and wait for that deploy
    ///
    /// The same command, as the next generation, with the same environment, in the working directory as it is by now, beside the server that
    /// serves; that one is replaced when the new one is ready, and goes on if it fails. The process of
    /// serverswap-deploy stays the same. Without ADDRESS: all of the runtime directory; in ExecReload= of a systemd
    /// unit, that of the unit. The exit status is that of the deploy.
    #[command(override_usage = "serverswap reload [OPTIONS] [ADDRESS]...", after_long_help = help::RELOAD)]
    Reload(ReloadArguments),
    /// Show what a server printed
    ///
    /// Shows the log of the newest generation, or of the newest that served ADDRESS; says where its
    /// output goes if it has no log. The exit status is 3 if there is nothing to show.
    #[command(override_usage = "serverswap logs [OPTIONS] [ADDRESS]", after_long_help = help::LOGS)]
    Logs(LogsArguments),
    /// Show what was done: starts, swaps, failures, restarts, stops
    ///
    /// Each with its time, who did it, how long it took and what was cut; the newest is the last. Says what to type to run an older
    /// version again. It is kept across a boot. The exit status is 3 if there is nothing to show.
    #[command(override_usage = "serverswap history [OPTIONS] [ADDRESS]", after_long_help = help::HISTORY)]
    History(HistoryArguments),
    /// Print what has happened, and what happens, as JSON lines
    ///
    /// The history as it was written, one object a line. With --follow also what is written from now on, and each event of the
    /// arbiter as it happens, whichever process that is.
    #[command(override_usage = "serverswap events [OPTIONS] [ADDRESS]", after_long_help = help::EVENTS)]
    Events(EventsArguments),
    /// Print metrics as OpenMetrics text, or serve them
    ///
    /// What serves each address, for how long and with how many connections; what drains; deploys by how they ended and how long they
    /// took, restarts, crashes, stops, connections that were cut and changes of the arbiter, counted from the history.
    #[command(override_usage = "serverswap metrics [OPTIONS]", after_long_help = help::METRICS)]
    Metrics(MetricsArguments),
    /// Say with which options a server is swapped
    ///
    /// Starts CMD a few times, each for a short time, and binds it where nobody looks for it: what serves now is not
    /// touched, but by what CMD itself does when it starts. Says what it binds, whether it takes sockets that are passed to it,
    /// whether two of it run at the same time, and at which signal it finishes its requests. The exit status is 3 if it cannot
    /// be swapped.
    #[command(override_usage = "serverswap explain [OPTIONS] CMD...", after_long_help = help::EXPLAIN)]
    Explain(ExplainArguments),
    /// Stop servers
    ///
    /// Asks the servers to release their addresses and finish their open requests, and waits until
    /// everything of them has ended; a supervisor that stays ends with its server. Without ADDRESS there must be one
    /// server only. INT or TERM starts the next step at once: TERM to the servers, then KILL. The exit status is 3
    /// if no server of the directory has ADDRESS.
    #[command(override_usage = "serverswap stop [OPTIONS] [ADDRESS]...", after_long_help = help::STOP)]
    Stop(StopArguments),
    /// Let servers in containers of their own swap an address
    ///
    /// Decides which server has which address, for every server of the runtime directory, starts none, and stays until INT or TERM; what
    /// serves serves on then. It has to see the processes of all containers: run it on the host, or with the host's pid
    /// namespace. The addresses are opened in its network.
    #[command(override_usage = "serverswap hold [OPTIONS]", after_long_help = help::HOLD)]
    Hold(HoldArguments),
    /// Print shell completions
    #[command(override_usage = "serverswap completions SHELL [PROGRAM]", after_long_help = help::COMPLETIONS)]
    Completions {
        /// The shell
        shell: Shell,
        /// The program
        #[arg(value_enum, default_value = "serverswap")]
        program: Program,
    },
    /// Print a man page
    #[command(override_usage = "serverswap man [PAGE]\n       serverswap man --into FOLDER", after_long_help = help::MAN)]
    Man {
        /// The page: of a program, or of a command, such as `serverswap-status` or `status`
        #[arg(value_name = "PAGE", default_value = "serverswap", value_parser = page)]
        page: String,

        /// Write every page into this folder instead, as man(1) looks for them
        #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath, conflicts_with = "page")]
        into: Option<PathBuf>,
    },
}

/// `serverswap status`.
#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    /// Show only this address, for example `:8080`
    #[arg(value_name = "ADDRESS")]
    pub(super) address: Option<String>,

    /// Show every directory that this user may look into; root: those of every user
    #[arg(long)]
    pub(super) all: bool,

    /// Show it again with each change, until this is ended
    #[arg(short, long)]
    pub(super) watch: bool,

    /// Print a JSON object, one a line
    #[arg(long)]
    pub(super) json: bool,

    /// The runtime directory to inspect
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath)]
    pub(super) dir: Option<PathBuf>,
}

/// `serverswap explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    /// The server's command line; everything from here on belongs to it
    #[arg(value_name = "CMD", trailing_var_arg = true, value_hint = ValueHint::CommandWithArguments, required = true)]
    pub(super) command: Vec<OsString>,

    /// How long the server may take until it serves
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub(super) ready_timeout: Duration,

    /// Print a JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// `serverswap reload`.
#[derive(Debug, Args)]
pub(super) struct ReloadArguments {
    /// What serves these addresses, for example `:8080`
    #[arg(value_name = "ADDRESS")]
    pub(super) addresses: Vec<String>,

    /// Print the outcome of each as a JSON object on stdout
    #[arg(long)]
    pub(super) json: bool,

    /// The runtime directory
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath)]
    pub(super) dir: Option<PathBuf>,
}

/// `serverswap hold`.
#[derive(Debug, Args)]
pub(super) struct HoldArguments {
    /// Let servers of this user take part, too: a number or a name; once for each
    ///
    /// For images that do not run as root. Such a user can take every address of the runtime directory, and has its servers end by
    /// that. Takes root.
    #[arg(long, value_name = "USER", value_parser = user, action = ArgAction::Append)]
    pub(super) allow_user: Vec<u32>,

    /// The runtime directory, which the containers share
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath)]
    pub(super) dir: Option<PathBuf>,

    /// Append every protocol message to FILE, one JSON object per line
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) trace: Option<PathBuf>,

    /// Print errors only
    #[arg(short, long)]
    pub(super) quiet: bool,

    /// The format of the lines on stderr
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "text")]
    pub(super) log_format: LogFormatOption,
}

/// `serverswap logs`.
#[derive(Debug, Args)]
pub(super) struct LogsArguments {
    /// Of a server that served this address, for example `:8080`
    #[arg(value_name = "ADDRESS")]
    pub(super) address: Option<String>,

    /// Go on with what is appended, until the server has ended
    #[arg(short, long)]
    pub(super) follow: bool,

    /// Of the generation before the newest one
    #[arg(long)]
    pub(super) previous: bool,

    /// The runtime directory to inspect
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath)]
    pub(super) dir: Option<PathBuf>,
}

/// `serverswap history`.
#[derive(Debug, Args)]
pub(super) struct HistoryArguments {
    /// What concerns this address, for example `:8080`
    #[arg(value_name = "ADDRESS")]
    pub(super) address: Option<String>,

    /// Show the last N entries; 0: all
    #[arg(long, value_name = "N", default_value = "20")]
    pub(super) limit: usize,

    /// Print a JSON object
    #[arg(long)]
    pub(super) json: bool,

    /// The runtime directory to inspect
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath)]
    pub(super) dir: Option<PathBuf>,
}

/// `serverswap events`.
#[derive(Debug, Args)]
pub(super) struct EventsArguments {
    /// What concerns this address, for example `:8080`
    #[arg(value_name = "ADDRESS")]
    pub(super) address: Option<String>,

    /// Go on with what happens, until this is ended
    #[arg(short, long)]
    pub(super) follow: bool,

    /// The runtime directory to inspect
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath)]
    pub(super) dir: Option<PathBuf>,
}

/// `serverswap metrics`.
#[derive(Debug, Args)]
pub(super) struct MetricsArguments {
    /// Answer GET /metrics at this address, until this is ended: `127.0.0.1:9464`, `unix:/run/metrics.sock`
    #[arg(long, value_name = "ADDRESS")]
    pub(super) listen: Option<String>,

    /// The runtime directory to inspect
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath)]
    pub(super) dir: Option<PathBuf>,
}

/// `serverswap stop`.
#[derive(Debug, Args)]
pub(super) struct StopArguments {
    /// The servers that have these addresses, for example `:8080`
    #[arg(value_name = "ADDRESS", conflicts_with = "all")]
    pub(super) addresses: Vec<String>,

    /// Every server of the runtime directory
    #[arg(long)]
    pub(super) all: bool,

    /// How long they may finish open requests, before TERM; as each was started with, unless given
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) drain_timeout: Option<Duration>,

    /// How long they may take to exit after TERM, before KILL; as each was started with, unless given
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) kill_timeout: Option<Duration>,

    /// Print the outcome as a JSON object on stdout
    #[arg(long)]
    pub(super) json: bool,

    /// The runtime directory
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath)]
    pub(super) dir: Option<PathBuf>,
}
