//! The options, as clap takes them. The comments on the fields are the help text.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Effects, Styles};
use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand, ValueEnum, ValueHint};

use super::duration::duration;
use super::help;

/// The two programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Program {
    /// Starts a new server, replaces the old one and leaves.
    Serverswap,
    /// The same, and stays until its server ends.
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

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().effects(Effects::BOLD))
    .usage(AnsiColor::Green.on_default().effects(Effects::BOLD))
    .literal(AnsiColor::Cyan.on_default().effects(Effects::BOLD))
    .placeholder(AnsiColor::Cyan.on_default());

/// Restart a server without downtime
///
/// Starts CMD, a new copy of a server, while the old one goes on serving. When the new one
/// says that it is ready for an address, the old one is told to let go, and finishes what it
/// has begun. Run the same command again and you have deployed.
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
    /// Stay until the server ends, as `serverswap-deploy` does
    ///
    /// Without it, serverswap leaves as soon as the new server is up and every server that it
    /// replaced has exited; the new server runs on by itself.
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
/// CMD ends. This is what a service unit or a container runs. To deploy, run it again.
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
    /// The server and its arguments; everything from here on is its own
    ///
    /// A `.js`, `.mjs` or `.cjs` file is run with `node`, a `.py` file with `python3`.
    #[arg(value_name = "CMD", trailing_var_arg = true, value_hint = ValueHint::CommandWithArguments, required = true)]
    pub(super) command: Vec<OsString>,

    /// Let the new server serve beside the old one for so long before it takes over
    ///
    /// If it ends or says `fail` meanwhile, the old one, which was never touched, simply goes
    /// on, and the deploy ends as rolled back. Inherited addresses only: an exclusive one has
    /// one holder.
    #[arg(long, value_name = "DURATION", default_value = "0s", hide_default_value = true, value_parser = duration)]
    pub(super) probation: Duration,

    /// How long the server may take until it is up
    ///
    /// After that it is ended, unless it serves something already. Units: ms, s, m, h.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub(super) ready_timeout: Duration,

    /// How long it may finish what is open, from the takedown to TERM
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(super) drain_timeout: Duration,

    /// How long it may then take to exit, from TERM to KILL
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    pub(super) kill_timeout: Duration,

    /// When to start a server again that was up and ended by itself
    ///
    /// Only for a supervisor that stays. Connections wait meanwhile; the delay grows from
    /// 100 ms to 30 s. A server that was never up is not started again: that deploy has failed.
    #[arg(long, value_name = "WHEN", value_enum, default_value = "never")]
    pub(super) restart: RestartOption,

    /// The working directory of the server, entered anew at every start
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath)]
    pub(super) cwd: Option<PathBuf>,

    /// The runtime directory: servers in one directory replace each other
    ///
    /// The default is $SERVERSWAP_DIR, else /run/serverswap for root, else
    /// $XDG_RUNTIME_DIR/serverswap, else /tmp/serverswap-UID.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath)]
    pub(super) dir: Option<PathBuf>,

    /// Append every line of the protocol to FILE, one JSON object a line
    ///
    /// What this command says and hears as the arbiter, and what it says to the arbiter. A file
    /// that cannot be written is reported once and changes nothing else.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) trace: Option<PathBuf>,

    /// Print errors only
    #[arg(short, long, conflicts_with = "verbose", action = ArgAction::SetTrue)]
    pub(super) quiet: bool,

    /// Print details too
    #[arg(short, long, action = ArgAction::SetTrue)]
    pub(super) verbose: bool,

    /// The form of the lines on stderr
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "text")]
    pub(super) log_format: LogFormatOption,

    /// Print how it ended as a JSON object on stdout
    #[arg(long)]
    pub(super) json: bool,
}

/// `--restart`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RestartOption {
    /// End with it
    Never,
    /// When it failed
    OnFailure,
    /// Also when it ended with status 0
    Always,
}

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormatOption {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// A shell that completions are made for.
pub type Shell = clap_complete::Shell;

/// What `serverswap` does besides running a command.
#[derive(Debug, Subcommand)]
pub(super) enum Tool {
    /// Show who serves what
    ///
    /// Works also when no supervisor lives. The exit status is 0 if ADDRESS, or anything, is
    /// served, and 3 otherwise.
    #[command(override_usage = "serverswap status [OPTIONS] [ADDRESS]")]
    Status(StatusArguments),
    /// Print the completions for a shell
    #[command(override_usage = "serverswap completions SHELL [PROGRAM]")]
    Completions {
        /// The shell
        shell: Shell,
        /// Which program's
        #[arg(value_enum, default_value = "serverswap")]
        program: Program,
    },
    /// Print the man page
    #[command(override_usage = "serverswap man [PROGRAM]")]
    Man {
        /// Which program's
        #[arg(value_enum, default_value = "serverswap")]
        program: Program,
    },
}

/// `serverswap status`.
#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    /// Only this address, for example `:8080`
    #[arg(value_name = "ADDRESS")]
    pub(super) address: Option<String>,

    /// Print a JSON object
    #[arg(long)]
    pub(super) json: bool,

    /// The runtime directory to look at
    #[arg(long, value_name = "PATH", value_hint = ValueHint::DirPath)]
    pub(super) dir: Option<PathBuf>,
}
