//! Runs one command: one thread, tokio, the two pure cores, and the sockets, processes and
//! signals around them.
//!
//! It moves bytes and time and decides nothing about a handover: the [`supervisor`] decides
//! about the generation, the [`arbiter`] about the addresses, and the two talk over the
//! socket also when both run in this process.
//!
//! [`supervisor`]: crate::supervisor
//! [`arbiter`]: crate::arbiter

mod arbiter;
mod barriers;
mod clients;
mod door;
mod faults;
mod first_link;
mod link;
mod lookout;
mod negotiation;
mod office;
mod overview;
mod owned;
mod place;
mod poller;
mod recorder;
mod recovery;
mod server;
mod signals;
mod supervise;
mod survivors;
mod unattended;
mod watched;

pub(crate) use poller::Poller;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::geteuid;
use serverswap::protocol::Generation;
use serverswap::sys::clock::{boottime_micros, monotonic};
use tokio::task::LocalSet;

use crate::cli::{Run, Status, environment};
use crate::spawn::ServerCommand;
use crate::state::Directory;
use crate::sys::descriptors;
use crate::ui::{Colour, Console, Fault, LogFormat, Report, ResultFormat, StillTrue, Verbosity};
use recorder::Recorder;
use supervise::Supervision;

/// Runs a command to its end and returns the exit status.
pub fn run(run: &Run) -> u8 {
    descriptors::raise_limit();
    let console = console(run.verbosity, run.log, run.result);
    match try_run(run, console) {
        Ok(status) => status,
        Err(fault) => console.fault(&fault, StillTrue::NothingStarted),
    }
}

/// Shows who serves what and returns the exit status.
pub fn status(status: &Status) -> u8 {
    let warning = console(Verbosity::Normal, LogFormat::Text, status.result);
    let report = |report: Report| warning.report(&report, Duration::ZERO);
    match overview::overview(&directory_path(status.dir.as_deref()), report) {
        Ok(overview) => {
            let overview = match &status.address {
                Some(address) => overview.only(address),
                None => overview,
            };
            // A reader that closes early, such as `head`, is no failure.
            let _ = std::io::stdout().write_all(overview.render(status.result).as_bytes());
            overview.exit_status()
        }
        Err(fault) => {
            let console = console(Verbosity::Normal, LogFormat::Text, status.result);
            console.fault(&fault, StillTrue::NothingAsked)
        }
    }
}

fn console(verbosity: Verbosity, log: LogFormat, result: ResultFormat) -> Console {
    let no_color = std::env::var_os(environment::NO_COLOR);
    Console { verbosity, log, result, colour: Colour::detect(no_color.as_deref()) }
}

/// Where the runtime directory is: `--dir`, the environment, the usual place.
fn directory_path(option: Option<&Path>) -> PathBuf {
    environment::runtime_directory(option, |name| std::env::var_os(name), geteuid().as_raw()).path
}

fn try_run(run: &Run, console: Console) -> Result<u8, Fault> {
    let directory = Directory::prepare(&directory_path(run.dir.as_deref())).map_err(faults::directory)?;
    let generation = Generation { start: boottime_micros(), pid: std::process::id() };
    let command = ServerCommand {
        program: run.command.program.clone(),
        arguments: run.command.arguments.clone(),
        cwd: run.cwd.clone(),
        socket: directory.socket(),
        directory: directory.path().to_owned(),
        generation,
    };
    descriptors::room_for_a_runtime().map_err(|error| faults::system("open", &error))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| faults::system("epoll_create1", &error))?;
    LocalSet::new().block_on(&runtime, async {
        let recorder = Recorder::open(run.trace.as_deref(), console, monotonic());
        let supervision =
            Supervision::begin(run.plan(generation), command, directory, console, recorder).await?;
        Ok(supervision.until_the_end().await)
    })
}
