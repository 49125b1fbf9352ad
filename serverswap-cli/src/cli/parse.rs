//! From arguments to an [`Invocation`].

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

use clap::Parser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, FromArgMatches};
use serverswap::protocol::message::{Form, UnixSockets};
use serverswap::protocol::{Address, AddressError};

use super::definition::{
    DeployArguments, EventsArguments, ExplainArguments, HistoryArguments, HoldArguments, LogsArguments,
    MetricsArguments, ReloadArguments, RunArguments, ServerswapArguments, StatusArguments, StopArguments,
    Tool, definition,
};
use super::mistaken_word::{Wanted, wanted};
use super::{
    CommandLine, Events, Explain, Extent, History, Hold, Invocation, LogFormatOption, Logs, Man, Metrics,
    Program, Reload, RestartOption, Run, Scope, Status, Stop, Which,
};
use crate::launch::{PassedSockets, PassedSocketsError};
use crate::stop::{Limits, Target};
use crate::supervisor::Restart;
use crate::ui::grammar::printable;
use crate::ui::{Console, LogFormat, ResultFormat, Verbosity};

/// Arguments that make no sense: exit status 2.
#[derive(Debug)]
pub enum UsageError {
    /// clap's own, with its usage lines; also `--help` and `--version`, which are none.
    Clap(clap::Error),
    /// Options that do not go together.
    Combination {
        /// What is wrong.
        error: String,
        /// What to write instead.
        hint: String,
    },
}

impl UsageError {
    /// Prints it, to stderr (help and version: to stdout), and returns the exit status.
    pub fn print(&self) -> u8 {
        match self {
            UsageError::Clap(error) => {
                let status = u8::try_from(error.exit_code()).unwrap_or(2);
                Console::plain(ResultFormat::None).printed(error.print(), status)
            }
            UsageError::Combination { error, hint } => {
                eprintln!("error: {}; nothing was started\nhint: {}", printable(error), printable(hint));
                2
            }
        }
    }
}

impl UsageError {
    /// A command that leaves, as a process that must not end.
    pub fn leaves_as_init(command: &str) -> UsageError {
        UsageError::Combination {
            error: "`serverswap` leaves when the server is up, and every process of this container would end with \
                    it: it is PID 1, or PID 1 waits for it"
                .to_owned(),
            hint: format!("run `serverswap-deploy {command}`, which stays"),
        }
    }
}

impl From<clap::Error> for UsageError {
    fn from(error: clap::Error) -> Self {
        UsageError::Clap(error)
    }
}

impl From<PassedSocketsError> for UsageError {
    fn from(error: PassedSocketsError) -> Self {
        UsageError::Combination { error: error.to_string(), hint: error.hint() }
    }
}

/// Reads the arguments of `program`; the first is the program's name.
///
/// # Errors
///
/// [`UsageError`]: print it and exit with what that returns.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    program: Program,
) -> Result<Invocation, UsageError> {
    match program {
        Program::Serverswap => serverswap(arguments),
        Program::ServerswapDeploy => {
            let arguments = DeployArguments::try_parse_from(arguments)?;
            if let Some(invocation) = without_server(&arguments.run) {
                return Ok(invocation);
            }
            let run = run(arguments.run, Form::Stay)?;
            no_mistaken_word(&run, program)?;
            Ok(Invocation::Run(run))
        }
    }
}

/// What starts no server, and goes with nothing else.
fn without_server(arguments: &RunArguments) -> Option<Invocation> {
    let arbiter = arguments.arbiter.clone().map(Invocation::Arbiter);
    arbiter.or_else(|| arguments.replay.clone().map(Invocation::Replay))
}

fn serverswap(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, UsageError> {
    let matches = definition(Program::Serverswap).try_get_matches_from(arguments)?;
    let given = given(&matches);
    let arguments = ServerswapArguments::from_arg_matches(&matches)?;
    let form = if arguments.stay { Form::Stay } else { Form::Leave };
    match arguments.tool {
        None => {
            if let Some(invocation) = without_server(&arguments.run) {
                return Ok(invocation);
            }
            let run = run(arguments.run, form)?;
            no_mistaken_word(&run, Program::Serverswap)?;
            restart_needs_stay(&run)?;
            Ok(Invocation::Run(run))
        }
        Some(tool) => {
            nothing_else(&tool, &given)?;
            tool_invocation(tool, arguments.run)
        }
    }
}

fn explain_invocation(explain: ExplainArguments, run: RunArguments) -> Result<Invocation, UsageError> {
    let command = CommandLine::from_words(explain.command, None);
    let program = Path::new(&command.program).file_name().and_then(OsStr::to_str);
    if let Some(own @ ("serverswap" | "serverswap-deploy")) = program {
        return Err(UsageError::Combination {
            error: format!("`serverswap explain` looks at a server, and `{own}` is none"),
            hint: "write the command of the server alone: `serverswap explain node server.js`".to_owned(),
        });
    }
    let result = result(explain.json || run.json);
    Ok(Invocation::Explain(Explain { command, ready_timeout: explain.ready_timeout, result }))
}

fn tool_invocation(tool: Tool, run: RunArguments) -> Result<Invocation, UsageError> {
    match tool {
        Tool::Status(status) => status_invocation(status, run),
        Tool::Reload(reload) => reload_invocation(reload, run),
        Tool::Logs(logs) => logs_invocation(logs, run),
        Tool::History(history) => history_invocation(history, run),
        Tool::Events(events) => events_invocation(events, run),
        Tool::Metrics(metrics) => metrics_invocation(metrics, run),
        Tool::Explain(explain) => explain_invocation(explain, run),
        Tool::Stop(stop) => stop_invocation(stop, run),
        Tool::Hold(hold) => Ok(hold_invocation(hold, run)),
        Tool::Completions { shell, program } => Ok(Invocation::Completions(shell, program)),
        Tool::Man { into: Some(folder), .. } => Ok(Invocation::Man(Man::Into(folder))),
        Tool::Man { page, into: None } => Ok(Invocation::Man(Man::Page(page))),
    }
}

fn status_invocation(status: StatusArguments, run: RunArguments) -> Result<Invocation, UsageError> {
    let address = address(status.address, "status")?;
    let result = result(status.json || run.json);
    let scope = match (status.all, status.dir.or(run.dir)) {
        (true, Some(_)) => return Err(all_of_one("status")),
        (true, None) => Scope::Everywhere,
        (false, dir) => Scope::Directory(dir),
    };
    let extent = if status.watch { Extent::Follow } else { Extent::UntilNow };
    Ok(Invocation::Status(Status { address, scope, extent, result }))
}

fn all_of_one(tool: &str) -> UsageError {
    UsageError::Combination {
        error: "`--all` is every directory, and `--dir` one".to_owned(),
        hint: format!("`serverswap {tool} --all`, or `serverswap {tool} --dir PATH`"),
    }
}

fn reload_invocation(reload: ReloadArguments, run: RunArguments) -> Result<Invocation, UsageError> {
    Ok(Invocation::Reload(Reload {
        addresses: addresses(reload.addresses, "reload")?,
        result: result(reload.json || run.json),
        dir: reload.dir.or(run.dir),
    }))
}

fn logs_invocation(logs: LogsArguments, run: RunArguments) -> Result<Invocation, UsageError> {
    Ok(Invocation::Logs(Logs {
        address: address(logs.address, "logs")?,
        which: if logs.previous { Which::Previous } else { Which::Newest },
        extent: if logs.follow { Extent::Follow } else { Extent::UntilNow },
        dir: logs.dir.or(run.dir),
    }))
}

fn history_invocation(history: HistoryArguments, run: RunArguments) -> Result<Invocation, UsageError> {
    Ok(Invocation::History(History {
        address: address(history.address, "history")?,
        limit: (history.limit > 0).then_some(history.limit),
        result: result(history.json || run.json),
        dir: history.dir.or(run.dir),
    }))
}

fn events_invocation(events: EventsArguments, run: RunArguments) -> Result<Invocation, UsageError> {
    Ok(Invocation::Events(Events {
        address: address(events.address, "events")?,
        extent: if events.follow { Extent::Follow } else { Extent::UntilNow },
        dir: events.dir.or(run.dir),
    }))
}

fn metrics_invocation(metrics: MetricsArguments, run: RunArguments) -> Result<Invocation, UsageError> {
    let listen: Option<Address> = metrics.listen.as_deref().map(str::parse).transpose().map_err(no_place)?;
    match &listen {
        None | Some(Address::Tcp(_) | Address::Unix(_)) => {}
        Some(other @ (Address::Udp(_) | Address::Name(_))) => {
            return Err(no_place(format!("nobody can connect to `{other}`")));
        }
    }
    Ok(Invocation::Metrics(Metrics { listen, dir: metrics.dir.or(run.dir) }))
}

fn no_place(problem: impl ToString) -> UsageError {
    UsageError::Combination {
        error: problem.to_string(),
        hint:
            "write it like `serverswap metrics --listen 127.0.0.1:9464`, or `--listen unix:/run/metrics.sock`"
                .to_owned(),
    }
}

fn stop_invocation(stop: StopArguments, run: RunArguments) -> Result<Invocation, UsageError> {
    let addresses = addresses(stop.addresses, "stop")?;
    Ok(Invocation::Stop(Stop {
        target: match (stop.all, addresses.is_empty()) {
            (true, _) => Target::Everything,
            (false, true) => Target::TheOnly,
            (false, false) => Target::Addresses(addresses),
        },
        limits: Limits { drain: stop.drain_timeout, kill: stop.kill_timeout },
        result: result(stop.json || run.json),
        dir: stop.dir.or(run.dir),
    }))
}

fn hold_invocation(hold: HoldArguments, run: RunArguments) -> Invocation {
    Invocation::Hold(Hold {
        users: hold.allow_user.into_iter().collect(),
        dir: hold.dir.or(run.dir),
        trace: hold.trace.or(run.trace),
        verbosity: verbosity(hold.quiet || run.quiet, run.verbose),
        log: match (hold.log_format, run.log_format) {
            (LogFormatOption::Text, LogFormatOption::Text) => LogFormat::Text,
            (LogFormatOption::Json, _) | (_, LogFormatOption::Json) => LogFormat::Json,
        },
    })
}

fn addresses(texts: Vec<String>, tool: &str) -> Result<Vec<Address>, UsageError> {
    texts.into_iter().filter_map(|text| address(Some(text), tool).transpose()).collect()
}

fn address(text: Option<String>, tool: &str) -> Result<Option<Address>, UsageError> {
    let address = text.map(|text| text.parse()).transpose();
    address.map_err(|error: AddressError| UsageError::Combination {
        error: error.to_string(),
        hint: format!("write it like `serverswap {tool} :8080`"),
    })
}

/// A shorter one than that of the drain would mean nothing.
fn stream_timeout(given: Option<Duration>, drain: Duration) -> Result<Option<Duration>, UsageError> {
    if given.is_some_and(|given| given < drain) {
        return Err(UsageError::Combination {
            error: "`--drain-stream-timeout` is shorter than `--drain-timeout`".to_owned(),
            hint: "it is the longer time that responses have which still make progress".to_owned(),
        });
    }
    Ok(given)
}

fn run(arguments: RunArguments, form: Form) -> Result<Run, UsageError> {
    let mut command = CommandLine::from_words(arguments.command, arguments.cwd.as_deref());
    let sockets = PassedSockets::new(arguments.socket)?;
    command.arguments = sockets.numbered_arguments(&command.arguments)?;
    let adopt = adopt(&arguments.adopt, &sockets)?;
    if arguments.stop_signal.is_some() && sockets.is_empty() && adopt.is_empty() && !arguments.intercept {
        return Err(UsageError::Combination {
            error:
                "`--stop-signal` is for a server with `--socket` or `--intercept`, or one that is taken over with `--adopt`"
                    .to_owned(),
            hint: "leave it out: a server that uses the library is asked to release its addresses".to_owned(),
        });
    }
    Ok(Run {
        command,
        form,
        probation: arguments.probation,
        ready_timeout: arguments.ready_timeout,
        drain_timeout: arguments.drain_timeout,
        stream_timeout: stream_timeout(arguments.drain_stream_timeout, arguments.drain_timeout)?,
        kill_timeout: arguments.kill_timeout,
        unix_sockets: UnixSockets { mode: arguments.unix_mode, gid: arguments.unix_group },
        restart: match arguments.restart {
            RestartOption::Never => Restart::Never,
            RestartOption::OnFailure => Restart::OnFailure,
            RestartOption::Always => Restart::Always,
        },
        output: arguments.output,
        cwd: arguments.cwd,
        env_file: arguments.env_file,
        dir: arguments.dir,
        trace: arguments.trace,
        verbosity: verbosity(arguments.quiet, arguments.verbose),
        log: match arguments.log_format {
            LogFormatOption::Text => LogFormat::Text,
            LogFormatOption::Json => LogFormat::Json,
        },
        result: result(arguments.json),
        sockets,
        adopt,
        intercept: arguments.intercept,
        ready: arguments.ready.unwrap_or_default(),
        stop_signal: arguments.stop_signal.unwrap_or(libc::SIGTERM as u32),
    })
}

fn verbosity(quiet: bool, verbose: bool) -> Verbosity {
    match (quiet, verbose) {
        (true, _) => Verbosity::Quiet,
        (false, true) => Verbosity::Verbose,
        (false, false) => Verbosity::Normal,
    }
}

/// Without an address: those of the sockets.
fn adopt(texts: &[String], sockets: &PassedSockets) -> Result<Vec<Address>, UsageError> {
    let mut addresses = Vec::new();
    for text in texts {
        match text.as_str() {
            "" if sockets.is_empty() => {
                return Err(UsageError::Combination {
                    error: "`--adopt` does not say which address is to be taken over".to_owned(),
                    hint: "`--adopt=:8080`, or `--socket :8080 --adopt`".to_owned(),
                });
            }
            "" => addresses.extend(sockets.addresses().cloned()),
            text => addresses.push(text.parse().map_err(|error: AddressError| UsageError::Combination {
                error: error.to_string(),
                hint: "write it like `--adopt=:8080`".to_owned(),
            })?),
        }
    }
    Ok(addresses)
}

/// `serverswap restart` starts no program, and there is no such command.
fn no_mistaken_word(run: &Run, program: Program) -> Result<(), UsageError> {
    let word = &run.command.program;
    let mut definition = definition(program);
    match wanted(word) {
        None => Ok(()),
        Some(Wanted::Help) => {
            let help = definition.render_long_help().ansi().to_string();
            Err(definition.error(ErrorKind::DisplayHelp, help).into())
        }
        Some(Wanted::Version) => {
            let version = definition.render_version();
            Err(definition.error(ErrorKind::DisplayVersion, version).into())
        }
        Some(Wanted::Advice(advice)) => Err(UsageError::Combination {
            error: format!(
                "`{}` is no command of {}, and no program in PATH",
                word.display(),
                program.name()
            ),
            hint: advice.to_owned(),
        }),
    }
}

fn result(json: bool) -> ResultFormat {
    if json { ResultFormat::Json } else { ResultFormat::None }
}

fn restart_needs_stay(run: &Run) -> Result<(), UsageError> {
    let when = match (run.form, run.restart) {
        (Form::Stay, _) | (Form::Leave, Restart::Never) => return Ok(()),
        (Form::Leave, Restart::OnFailure) => "on-failure",
        (Form::Leave, Restart::Always) => "always",
    };
    Err(UsageError::Combination {
        error: format!("`--restart {when}` needs a supervisor that stays"),
        hint: format!("serverswap --stay --restart {when} {}", run.command.display()),
    })
}

/// Options of a run do not go with a tool, except those that the tool has too.
fn nothing_else(tool: &Tool, given: &[String]) -> Result<(), UsageError> {
    let (name, shared): (&str, &[&str]) = match tool {
        Tool::Status(_) => ("status", &["dir", "json"]),
        Tool::Reload(_) => ("reload", &["dir", "json"]),
        Tool::Logs(_) => ("logs", &["dir"]),
        Tool::History(_) => ("history", &["dir", "json"]),
        Tool::Events(_) => ("events", &["dir"]),
        Tool::Metrics(_) => ("metrics", &["dir"]),
        Tool::Explain(_) => ("explain", &["json", "ready_timeout"]),
        Tool::Stop(_) => ("stop", &["dir", "json"]),
        Tool::Hold(_) => ("hold", &["dir", "trace", "quiet", "verbose", "log_format"]),
        Tool::Completions { .. } => ("completions", &[]),
        Tool::Man { .. } => ("man", &[]),
    };
    match given.iter().find(|option| !shared.contains(&option.as_str())) {
        None => Ok(()),
        Some(option) => {
            let option = option.replace('_', "-");
            Err(UsageError::Combination {
                error: format!("`--{option}` cannot be used with `serverswap {name}`"),
                hint: format!("to run a program of that name: `serverswap --{option} -- {name}`"),
            })
        }
    }
}

/// The options before a tool's name that were written, not defaults.
fn given(matches: &ArgMatches) -> Vec<String> {
    let written = |id: &&clap::Id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
    let groups = ["RunArguments", "ServerswapArguments"];
    let options = matches.ids().filter(|id| !groups.contains(&id.as_str()));
    options.filter(written).map(ToString::to_string).collect()
}
