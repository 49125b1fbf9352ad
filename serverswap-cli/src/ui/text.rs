//! The text of each report, for people; programs read the JSON.

use std::path::Path;
use std::time::Duration;

use serverswap::protocol::Address;
use serverswap::protocol::message::Event;

use super::duration::text;
use super::grammar;
use super::hints::RUN_HOLD;
use super::report::{DrainStatus, Report};
use super::waiting_for::SomeAddresses;

impl Report {
    /// One line, without the name of the program before it.
    pub fn text(&self) -> String {
        match self {
            Report::Started { command, pid, restarts: 0 } => format!("started {command} (pid {pid})"),
            Report::Started { command, pid, restarts } => {
                format!("started {command} again (pid {pid}, restart {restarts})")
            }
            Report::OutputLogged { stdout, stderr } => logged(stdout.as_deref(), stderr.as_deref()),
            Report::LogShown { command, started, stdout, stderr } => {
                let files = stdout.iter().chain(stderr).map(|path| path.display().to_string());
                let files = grammar::list(&files.collect::<Vec<_>>());
                format!("the output of {command}, started at {started}, from {files}")
            }
            Report::LogEnded => "no process can write to this log any more".to_owned(),
            Report::OutputNotLogged { problem } => {
                format!(
                    "its output is not kept, for there can be no log: {problem}; to keep it: `--output FILE`"
                )
            }
            Report::Claimed { address } => format!("{address} claimed"),
            Report::Granted { address, after } => format!("{address} ready after {}; granted", text(*after)),
            Report::Adopted { addresses, pid, program } => {
                let program = program.as_ref().map(|program| format!(" (`{program}`)")).unwrap_or_default();
                format!(
                    "{} is taken over from pid {pid}{program}, which serverswap did not start",
                    grammar::list(addresses)
                )
            }
            Report::Passed { address, pid } => format!("{address} is granted to pid {pid}"),
            Report::ServerStatus { pid, status } => format!("pid {pid}: {status}"),
            Report::ServerReloading { pid } => format!("pid {pid} reloads"),
            Report::ServerStopping { pid } => format!("pid {pid} says that it is about to end"),
            Report::StoreNotSupported { pid } => format!(
                "pid {pid} sent FDSTORE=1, which is not supported: its descriptors are closed; listeners are kept without \
                 that"
            ),
            Report::NoNewPrivileges { pid } => format!(
                "pid {pid} and what it starts gain no privileges (no_new_privs): set-uid programs such as sudo do not work there"
            ),
            Report::NotIntercepted { pid, problem } => {
                format!("what pid {pid} binds is not seen: {problem}; it is not swapped")
            }
            Report::StrangerNotified { stranger } => format!(
                "pid {stranger} sent a message to the NOTIFY_SOCKET of this server and does not belong to it: the \
                 message is ignored"
            ),
            Report::Wrapped { pid, name, child, child_name } => format!(
                "`{name}` (pid {pid}) only waits for `{child_name}` (pid {child}), which does not take `LISTEN_FDS`: \
                 `LISTEN_PID` names pid {pid}. Start the server itself (`exec` in a script does), or give it the number \
                 of the descriptor in its arguments: `{{fd}}`"
            ),
            Report::Probation { address, pid, remaining } => {
                format!("{address} is served by pid {pid} alongside the old server for {}", text(*remaining))
            }
            Report::Serving { address, pid, .. } => format!("{address} now served by pid {pid}"),
            Report::Up { after } => format!("up after {}", text(*after)),
            Report::ClaimFailed { address, code, message } => grammar::claim_failed(address, code, message),
            Report::Superseded { address } => {
                format!("{address}: this claim is superseded by a newer generation")
            }
            Report::Busy { address } => format!("{address} is claimed by a newer generation"),
            Report::Replaced { address } => format!("{address} is now served by a newer generation"),
            Report::StillWaiting(what) => what.text(),
            Report::UnclaimedListener { pid, address } => format!(
                "pid {pid} listens on {address} and has not called `readyFor('{address}')`, so no other version can \
                 take over from it: let it take the address with the library of its language, in Node for example \
                 with `serverswap.listen(server, '{address}')`"
            ),
            Report::OtherProgram { addresses, pid, program, replacement } => format!(
                "{} is taken over from another program: `{program}` (pid {pid}) is replaced by `{replacement}`",
                grammar::list(addresses)
            ),
            Report::SaidFail { pid, reason } => format!("pid {pid} sent `fail`: {reason}"),
            Report::Draining(draining) | Report::DrainProgress(draining) => draining.text(),
            Report::Gone { pid } => format!("pid {pid} has exited"),
            Report::Gap { address: Some(address), message } => format!("gap at {address}: {message}"),
            Report::Gap { address: None, message } => format!("gap: {message}"),
            Report::NotUp { pid, after } => format!("pid {pid} is not up after {}", text(*after)),
            Report::Kept { pid, addresses } if addresses.is_empty() => {
                format!("pid {pid} serves, or finishes what it has accepted; it keeps running")
            }
            Report::Kept { pid, addresses } => {
                format!("pid {pid} already serves {}; it keeps running", grammar::list(addresses))
            }
            Report::ServerExited { pid, exit, after } => {
                format!("pid {pid} {} after {}", grammar::ended(*exit), text(*after))
            }
            Report::NotStarted { failure } => failure.to_string(),
            Report::RestartIn { delay } => format!("restarting in {}", text(*delay)),
            Report::Waiting { addresses } => {
                format!("waiting for a newer generation to serve {}", grammar::list(addresses))
            }
            Report::Resuming { addresses } => {
                format!("the newer generation failed; taking {} back", grammar::list(addresses))
            }
            Report::Stopping { pid, signal, drain } => {
                format!("received {}: stopping pid {pid}, which has {} to drain", signal.name(), text(*drain))
            }
            Report::StoppingServers { pids, addresses, supervisor, drain } => {
                stopping(pids, addresses, *supervisor, *drain)
            }
            Report::RollingBack { pid, drain } => {
                format!("rolling back: the old server keeps serving; pid {pid} has {} to drain", text(*drain))
            }
            Report::LettingGo { pid, drain } => {
                format!("pid {pid} must release what it was granted, and has {} to drain", text(*drain))
            }
            Report::Terminated { pid, kill_after, connections } => {
                let open = still_open(*connections);
                format!("sent TERM to pid {pid} and its generation{open}; KILL in {}", text(*kill_after))
            }
            Report::Killed { pid, connections } => {
                format!("sent KILL to pid {pid} and its generation{}", still_open(*connections))
            }
            Report::ConnectionsCut { pid, connections } => {
                format!("pid {pid} closed {} unfinished", grammar::count(*connections, "connection"))
            }
            Report::LeftoversTerminated { pid } => {
                format!("pid {pid} left processes of its generation behind; sent TERM to them")
            }
            Report::LeftoversKilled { pid } => format!("sent KILL to what pid {pid} has left behind"),
            Report::ActingAs { uid, user, directory } => {
                let user = user.as_ref().map(|user| format!("{user} (uid {uid})"));
                let user = user.unwrap_or_else(|| format!("uid {uid}"));
                format!("acting as {user}, the owner of `{}`", directory.display())
            }
            Report::HangupIgnored => "ignoring HUP; to deploy, run the command again".to_owned(),
            Report::Reloading { pid } => {
                format!("reloading: the same command is started as the next generation (its pid is {pid})")
            }
            Report::Asked { pid: 0 } => {
                "a command in another container was asked to reload; waiting until that is done".to_owned()
            }
            Report::Asked { pid } => format!("pid {pid} was asked to reload; waiting until that is done"),
            Report::NotReloaded { problem } => format!("not reloading: {problem}"),
            Report::NotAskable { problem } => format!(
                "`serverswap reload` cannot reach this command: {problem}; HUP to pid {} does the same",
                std::process::id()
            ),
            Report::ParentOfNext { pid } => {
                format!("pid {pid} goes on as the parent of the next generation; TERM stops that one")
            }
            Report::ListenerPassed { address, unit: None } => {
                format!("the service manager has kept the listener of {address}")
            }
            Report::ListenerPassed { address, unit: Some(unit) } => {
                format!("the service manager has opened the listener of {address} (`{unit}`)")
            }
            Report::NotListener { name } => format!(
                "the service manager has passed `{name}`, which is not the listener of an address that can be reached; it \
                 is left there (a `.socket` unit needs `Accept=no`)"
            ),
            Report::ListenerNotStored { address, problem } => format!(
                "the service manager does not keep the listener of {address}: {problem}; while this unit is started \
                 again, who connects may be refused"
            ),
            Report::ListenerGivenUp { address } => {
                format!("no server has {address} any more; the service manager has let go of it")
            }
            Report::ListenerUnclaimed { address, unit } => format!(
                "no server has claimed {address}, which `{unit}` has opened: who connects there waits for ever; a server \
                 that does not claim it itself is given it with `--socket {address}`"
            ),
            Report::ServiceManagerDeaf => {
                "systemd is told nothing by this unit, and keeps no listener for it: write `Type=notify`"
                    .to_owned()
            }
            Report::Linked => "connected to the arbiter".to_owned(),
            Report::LinkLost => "lost the connection to the arbiter; servers are not affected".to_owned(),
            Report::ArbiterSilent { pid } => {
                format!(
                    "the arbiter (pid {pid}) does not answer; every server keeps serving, but no address can change hands until it does"
                )
            }
            Report::ArbiterAnswers { pid } => format!("the arbiter (pid {pid}) answers again"),
            Report::ArbiterUnreachable { problem } => {
                format!("cannot reach an arbiter, retrying: {problem}")
            }
            Report::HolderMissing { directory } => format!(
                "waiting for an arbiter: containers share `{}`, and this process cannot be it, since it does not see the others; \
                 every server keeps serving; {RUN_HOLD}",
                directory.display()
            ),
            Report::NumbersOfArbiter => {
                "the arbiter runs in another pid namespace: the process ids are those that it sees".to_owned()
            }
            Report::MakesWay { directory } => format!(
                "`{}` has an arbiter that sees more processes than this one; every server keeps serving",
                directory.display()
            ),
            Report::Holds { directory, arbiter: None } => {
                format!(
                    "holds `{}`; INT or TERM ends this, and every server keeps serving",
                    directory.display()
                )
            }
            Report::Holds { directory, arbiter: Some(pid) } => format!(
                "pid {pid} is the arbiter of `{}`; this process follows it when it ends",
                directory.display()
            ),
            Report::KeepsPost { pid } => format!(
                "pid {pid} goes on for the other servers of this container or unit, which would end with it; TERM stops \
                 them, too"
            ),
            Report::DirectoryNotShown { directory, problem } => {
                format!("`{}` is not shown: {problem}", directory.display())
            }
            Report::StateIgnored { path, problem } => {
                format!(
                    "the state file `{}` is not used: {problem}; running servers reconnect on their own",
                    path.display()
                )
            }
            Report::DirectoryRemade { directory } => format!(
                "the runtime directory `{}` or a file in it was deleted; it was recreated, and every server keeps serving",
                directory.display()
            ),
            Report::DirectoryLost { directory } => format!(
                "the runtime directory `{}` was deleted, and another arbiter owns it now; every server keeps serving under that one",
                directory.display()
            ),
            Report::NotRecorded { path, problem } => {
                format!("`{}` cannot be written: {problem}; the trace ends here", path.display())
            }
            Report::HistoryNotWritten { problem, kept: Some(kept) } => format!(
                "the history cannot be written: {problem}; what was done here is kept in `{}` until it can",
                kept.display()
            ),
            Report::HistoryNotWritten { problem, kept: None } => {
                format!("the history cannot be written: {problem}; it lacks what was done here")
            }
            Report::MetricsServed { address } => {
                format!("GET /metrics is answered at {address}, until this is ended")
            }
            Report::HistoryUnreadable { newer, cut_off } => {
                let newer = (*newer > 0)
                    .then(|| format!("{} written by a newer serverswap", grammar::count_was(*newer, "line")));
                let cut_off =
                    (*cut_off > 0).then(|| format!("{} cut off", grammar::count_was(*cut_off, "line")));
                let lines: Vec<String> = newer.into_iter().chain(cut_off).collect();
                format!("of the history, {}; the rest is shown", grammar::list(&lines))
            }
            Report::LinesDropped { lines } => {
                format!(
                    "{} dropped because stderr accepted no more output",
                    grammar::count_was(*lines, "line")
                )
            }
            Report::StateNotWritten { path, problem } => format!(
                "the state file `{}` cannot be written: {problem}; no address is granted until it can be, and every server keeps serving",
                path.display()
            ),
        }
    }
}

fn logged(stdout: Option<&Path>, stderr: Option<&Path>) -> String {
    let streams = match (stdout, stderr) {
        (Some(stdout), Some(stderr)) if stdout == stderr => {
            format!("its output goes to {}", stdout.display())
        }
        (stdout, stderr) => {
            let stdout = stdout.map(|path| format!("its stdout goes to {}", path.display()));
            let stderr = stderr.map(|path| format!("its stderr goes to {}", path.display()));
            stdout.into_iter().chain(stderr).collect::<Vec<_>>().join(", ")
        }
    };
    format!("{streams}, and is copied here until this command exits")
}

fn stopping(pids: &[u32], addresses: &[Address], supervisor: Option<u32>, drain: Duration) -> String {
    let servers = if pids.is_empty() { String::new() } else { format!("pid {}", grammar::list(pids)) };
    let addresses =
        if addresses.is_empty() { String::new() } else { format!(" ({})", SomeAddresses::of(addresses)) };
    match supervisor {
        Some(supervisor) if pids.is_empty() => format!("stopping pid {supervisor}, whose server is not up"),
        Some(supervisor) => format!("stopping {servers}{addresses} and its supervisor, pid {supervisor}"),
        None => format!("stopping {servers}{addresses}, which has {} to drain", text(drain)),
    }
}

fn still_open(connections: Option<u64>) -> String {
    let open = connections.filter(|open| *open > 0);
    open.map(|open| format!(", with {} open", grammar::count(open, "connection"))).unwrap_or_default()
}

impl DrainStatus {
    /// As the arbiter has reported it.
    pub(crate) fn of(pid: u32, event: Event) -> DrainStatus {
        let remaining = event.remaining_ms.map(Duration::from_millis);
        DrainStatus { pid, address: event.address, connections: event.connections, remaining }
    }

    fn text(&self) -> String {
        let address = self.address.as_ref().map(|address| format!(" {address}")).unwrap_or_default();
        let connections = self.connections.map(|count| grammar::count(count, "connection"));
        let remaining = self.remaining.map(|left| format!("{} left", text(left)));
        let details: Vec<String> = connections.into_iter().chain(remaining).collect();
        let details = if details.is_empty() { String::new() } else { format!(" ({})", details.join(", ")) };
        format!("pid {} is draining{address}{details}", self.pid)
    }
}
