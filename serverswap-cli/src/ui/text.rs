//! The words of each report. Nothing in here is parsed by anybody: programs read the JSON.

use super::duration::text;
use super::grammar;
use super::report::{DrainStatus, Report};

impl Report {
    /// One line, without the name of the program before it.
    pub fn text(&self) -> String {
        match self {
            Report::Started { command, pid, restarts: 0 } => format!("started {command} (pid {pid})"),
            Report::Started { command, pid, restarts } => {
                format!("started {command} again (pid {pid}, restart {restarts})")
            }
            Report::Claimed { address } => format!("{address} claimed"),
            Report::Granted { address, after } => format!("{address} ready after {}; granted", text(*after)),
            Report::Probation { address, pid, remaining } => {
                format!("{address} is served by pid {pid} beside the old server, for {}", text(*remaining))
            }
            Report::Serving { address, pid, .. } => format!("{address} now served by pid {pid}"),
            Report::Up { after } => format!("up after {}", text(*after)),
            Report::ClaimFailed { address, message, .. } => grammar::not_granted(address, message),
            Report::Superseded { address } => {
                format!("{address} goes to a newer generation; this claim is over")
            }
            Report::Busy { address } => format!("{address} is asked for by a newer generation"),
            Report::Replaced { address } => format!("{address} is now served by a newer generation"),
            Report::SaidFail { pid, reason } => format!("pid {pid} gives up: {reason}"),
            Report::Draining(draining) | Report::DrainProgress(draining) => draining.text(),
            Report::Gone { pid } => format!("pid {pid} has exited"),
            Report::Gap { address: Some(address), message } => format!("{address} has a gap: {message}"),
            Report::Gap { address: None, message } => format!("there is a gap: {message}"),
            Report::NotUp { pid, after } => format!("pid {pid} is not up after {}", text(*after)),
            Report::Kept { pid, addresses } if addresses.is_empty() => {
                format!("pid {pid} serves; it is kept")
            }
            Report::Kept { pid, addresses } => {
                format!("pid {pid} serves {}; it is kept", grammar::list(addresses))
            }
            Report::ServerExited { pid, exit, after } => {
                format!("pid {pid} {} after {}", grammar::ended(*exit), text(*after))
            }
            Report::NotStarted { failure } => failure.to_string(),
            Report::RestartIn { delay } => format!("starts again in {}", text(*delay)),
            Report::Waiting { addresses } => {
                format!("waiting until a newer generation serves {}", grammar::list(addresses))
            }
            Report::Resuming { addresses } => {
                format!("the newer generation failed; taking {} back", grammar::list(addresses))
            }
            Report::Stopping { pid, signal, drain } => {
                format!("{}: stopping pid {pid}; it may drain for {}", signal.name(), text(*drain))
            }
            Report::RollingBack { pid, drain } => {
                format!("rolling back: the old server goes on; pid {pid} may drain for {}", text(*drain))
            }
            Report::LettingGo { pid, drain } => {
                format!("pid {pid} is to let go of what it was granted; TERM in {}", text(*drain))
            }
            Report::Terminated { pid, kill_after } => {
                format!("sent TERM to pid {pid} and its group; KILL in {}", text(*kill_after))
            }
            Report::Killed { pid } => format!("sent KILL to pid {pid} and its group"),
            Report::LeftoversTerminated { pid } => {
                format!("pid {pid} left processes of its group behind; sent TERM to them")
            }
            Report::HangupIgnored => "HUP is ignored; run the command again to deploy".to_owned(),
            Report::Linked => "connected to the arbiter".to_owned(),
            Report::LinkLost => "the connection to the arbiter has ended; nothing else does".to_owned(),
            Report::ArbiterSilent { pid } => {
                format!(
                    "the arbiter (pid {pid}) does not answer; every server goes on, no address can move until it does"
                )
            }
            Report::ArbiterAnswers { pid } => format!("the arbiter (pid {pid}) answers again"),
            Report::ArbiterUnreachable { problem } => {
                format!("no arbiter can be reached, trying again: {problem}")
            }
            Report::StateIgnored { path, problem } => {
                format!(
                    "the state file `{}` is not used: {problem}; living servers come back by themselves",
                    path.display()
                )
            }
            Report::DirectoryRemade { directory } => format!(
                "the runtime directory `{}` was deleted, or something in it; it is made anew, every server goes on",
                directory.display()
            ),
            Report::DirectoryLost { directory } => format!(
                "the runtime directory `{}` was deleted, and another arbiter has it now; every server goes on under that one",
                directory.display()
            ),
            Report::NotRecorded { path, problem } => {
                format!("`{}` cannot be written: {problem}; nothing more is recorded", path.display())
            }
            Report::LinesDropped { lines } => {
                format!("{} dropped: stderr took no more for a while", grammar::count_was(*lines, "line"))
            }
            Report::StateNotWritten { path, problem } => format!(
                "the state file `{}` cannot be written: {problem}; nothing is granted until it can, every server goes on",
                path.display()
            ),
        }
    }
}

impl DrainStatus {
    fn text(&self) -> String {
        let address = self.address.as_ref().map(|address| format!(" {address}")).unwrap_or_default();
        let connections = self.connections.map(|count| grammar::count(count, "connection"));
        let remaining = self.remaining.map(|left| format!("{} left", text(left)));
        let details: Vec<String> = connections.into_iter().chain(remaining).collect();
        let details = if details.is_empty() { String::new() } else { format!(" ({})", details.join(", ")) };
        format!("pid {} drains{address}{details}", self.pid)
    }
}
