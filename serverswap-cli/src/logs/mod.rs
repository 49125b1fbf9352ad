//! `serverswap logs`: the log of a generation, on stdout and stderr as the server printed it, or where its output
//! goes instead.
//!
//! It asks no arbiter: the records in the directory of logs say whose the logs are, and `serverswap status`
//! which servers live.

mod choice;
mod elsewhere;
mod print;

use std::path::Path;

use serverswap::sys::process;

use self::choice::{Choice, LivingServer, choose};
use self::elsewhere::Elsewhere;
use crate::cli::{Logs, Which};
use crate::output::generation_log::FoundLog;
use crate::output::log_directory;
use crate::runtime_directory;
use crate::status::{StatusReport, collect};
use crate::ui::{Conclusion, Console, ResultFormat, StillTrue, Summary};

/// The exit status if there is nothing to show.
const NOTHING_KEPT: u8 = 3;

/// Shows what is asked for and returns the exit status.
pub fn show(logs: &Logs) -> u8 {
    let console = Console::plain(ResultFormat::None);
    let directory = runtime_directory::find(logs.dir.as_deref());
    let conclusion = match collect(&directory, |report| console.report(&report)) {
        Ok(report) => conclude(logs, &directory, &report, &console),
        Err(error) => console.setup_failed(&error, StillTrue::NothingAsked),
    };
    console.finish(conclusion)
}

fn conclude(logs: &Logs, directory: &Path, report: &StatusReport, console: &Console) -> Conclusion {
    let boot = process::boot_id().unwrap_or_default();
    let servers = LivingServer::all(report);
    match choose(all_logs(directory), servers, &boot, logs.address.as_ref(), logs.which) {
        Choice::Log(log) => print::print(&log, logs.extent, console),
        Choice::NoLogOf(server) => console.failed(&Elsewhere::of(server.pid).summary(), NOTHING_KEPT),
        Choice::Nothing => console.failed(&nothing(logs, directory), NOTHING_KEPT),
    }
}

/// The logs of a runtime directory, oldest first, wherever they are kept. Root may look at everybody's.
fn all_logs(directory: &Path) -> Vec<FoundLog> {
    let found = log_directory::candidates_of(directory).into_iter().flat_map(|place| FoundLog::all(&place));
    let mut found: Vec<FoundLog> = found.filter(|log| log.record.directory == directory).collect();
    found.sort_by(|one, other| one.name().cmp(&other.name()));
    found
}

fn nothing(logs: &Logs, directory: &Path) -> Summary {
    let which = match logs.which {
        Which::Newest => "log",
        Which::Previous => "earlier log",
    };
    let whose = match &logs.address {
        Some(address) => format!("a server that served {address}"),
        None => "any server".to_owned(),
    };
    Summary::Failure {
        error: format!("no {which} of {whose} is kept for `{}`; no server was touched", directory.display()),
        hint:
            "`serverswap status` shows what is serving now; `serverswap --output FILE CMD` keeps its output \
               in a file of your choice"
                .to_owned(),
    }
}
