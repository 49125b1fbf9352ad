//! The next command, for each way in which a run ends badly.

use serverswap::protocol::message::Code;

use super::not_ready::{NotReady, TAKE_THE_SOCKET};
use super::outcome::{Reached, RunEnding, RunFacts};
use super::summary::failed_code;
use crate::readiness::ReadyOption;
use crate::spawn::SpawnFailure;
use crate::supervisor::{ServerExit, Starts};

/// Where descriptors have run out.
pub(super) const MORE_FILES: &str =
    "allow more open files: `ulimit -n` shows the limit, `ulimit -n 1024` raises it";

/// Who can be the arbiter of containers.
pub(super) const RUN_HOLD: &str =
    "run `serverswap hold` on the host, or in a container with the pid namespace of the host (`pid: host`)";

const STATUS: &str = "`serverswap status` shows what is serving now";

/// What to do next.
pub(super) fn next(ending: &RunEnding, facts: &RunFacts) -> String {
    match ending {
        RunEnding::DoneInPart => failed(facts).unwrap_or_else(|| STATUS.to_owned()),
        RunEnding::Interrupted(_) | RunEnding::LeftServing(_) => {
            format!("{STATUS}; run the command again to deploy")
        }
        RunEnding::Superseded => {
            format!("{STATUS}; the latest start wins: to deploy this one, run the command again")
        }
        RunEnding::SaidFail(_) => {
            "see the server's own messages above, fix it and run the command again".to_owned()
        }
        RunEnding::Exited(exit) => failed(facts).unwrap_or_else(|| exited(*exit, facts)),
        RunEnding::NotUp | RunEnding::NotUpKept => failed(facts).unwrap_or_else(|| not_up(facts)),
        RunEnding::NotStarted(failure) => not_started(failure),
        RunEnding::Done
        | RunEnding::Replaced
        | RunEnding::Stopped(_)
        | RunEnding::Left(_)
        | RunEnding::Ended => STATUS.to_owned(),
    }
}

fn exited(exit: ServerExit, facts: &RunFacts) -> String {
    let by_itself = format!("see the server's own messages above; try it on its own: `{}`", facts.command);
    match (facts.reached, exit.is_success()) {
        (Reached::Nothing, _) if facts.is_rolled_back() => {
            "see the server's own messages above, fix it and run the command again".to_owned()
        }
        (Reached::Nothing, true) => {
            let claims = match facts.starts {
                Starts::Speaking => "call `readyFor(address)` and ",
                Starts::Observed(_) | Starts::Notifying => "",
            };
            format!("a server has to {claims}stay in the foreground: start it without `&` or a daemon option")
        }
        (Reached::Nothing, false) => by_itself,
        (Reached::Serving | Reached::Up, _) => {
            "run the command again; with `--stay --restart on-failure` it is restarted automatically"
                .to_owned()
        }
    }
}

fn not_up(facts: &RunFacts) -> String {
    match (&facts.starts, &facts.not_ready) {
        (_, Some(NotReady::NotGranted { code, .. })) => {
            return of_code(code).to_owned();
        }
        (_, Some(NotReady::DoesNotListen { addresses, .. })) if addresses.is_empty() => {
            return "the server has to bind its address and listen before it says that it is ready"
                .to_owned();
        }
        (_, Some(NotReady::DoesNotListen { .. })) => return TAKE_THE_SOCKET.to_owned(),
        (Starts::Observed(option), None) => {
            let or = match option {
                ReadyOption::Notify => "if it does not use sd_notify(3): leave `--ready notify` out",
                ReadyOption::Exec(_) => "try that command on its own",
                ReadyOption::Either | ReadyOption::Listening | ReadyOption::After(_) => TAKE_THE_SOCKET,
            };
            return format!("{or}; if it just needs more time: `--ready-timeout 5m`");
        }
        (Starts::Notifying, None) => {
            return "to go by its listening instead: `--ready listening`; if it just needs more time: \
                    `--ready-timeout 5m`"
                .to_owned();
        }
        (Starts::Speaking, None) => {}
    }
    if facts.addresses.is_empty() {
        "the server has to call `readyFor(address)` when it is ready; if it just needs more time: `--ready-timeout 5m`"
            .to_owned()
    } else {
        "if it just needs more time: `--ready-timeout 5m`; `-v` shows what it is waiting for".to_owned()
    }
}

fn not_started(failure: &SpawnFailure) -> String {
    match failure {
        SpawnFailure::NotFound { program } if program.contains('/') => {
            format!("check that it exists: `ls -l {program}` (from `--cwd`, if that is given)")
        }
        SpawnFailure::NotFound { program } => {
            format!("check the spelling, or use its path: `serverswap ./{program}`")
        }
        SpawnFailure::NotExecutable { program, errno: libc::ENOENT } => {
            format!("the interpreter in its first line does not exist: `head -1 {program}`")
        }
        SpawnFailure::NotExecutable { program, errno: libc::ENOEXEC } => {
            format!(
                "it is neither a program nor a script with a first line like `#!/bin/sh`: `file {program}`"
            )
        }
        SpawnFailure::NotExecutable { program, .. } => format!("make it executable: `chmod +x {program}`"),
        SpawnFailure::WorkingDirectory { path, .. } => {
            format!("use a directory that exists and may be entered: `ls -ld {}`", path.display())
        }
        SpawnFailure::EnvFile { path, .. } | SpawnFailure::EnvFileLine { path, .. } => {
            format!("see `cat {}`: a line is `NAME=VALUE`, empty, or begins with `#`", path.display())
        }
        SpawnFailure::Output { path, .. } => {
            format!("use a file in a directory that this user may write to: `ls -ld {}`", path.display())
        }
        SpawnFailure::NotIntercepted { errno: libc::EBUSY } => {
            "start it outside of what intercepts this process, for example not inside a server of `--intercept`".to_owned()
        }
        SpawnFailure::NotIntercepted { .. } => {
            "if it can be passed a socket: `--socket ADDRESS`; else use the library".to_owned()
        }
        SpawnFailure::Other { errno: libc::EMFILE, .. } => MORE_FILES.to_owned(),
        SpawnFailure::Other { .. } => "check the limits of this user: `ulimit -a`".to_owned(),
    }
}

/// By the code of the first claim that failed.
fn failed(facts: &RunFacts) -> Option<String> {
    failed_code(facts).map(|code| of_code(code).to_owned())
}

fn of_code(code: &Code) -> &'static str {
    match code {
        Code::AddressInUse => {
            "stop the program that holds it, or take the address over without a gap with `--adopt=ADDRESS` (with `--socket`: `--adopt`), or start that program with serverswap in the same directory (`--dir`); then run the command again"
        }
        Code::AddressOverlaps => {
            "claim the address as the other server has it; or stop that server first, and run the command again: nobody serves in between"
        }
        Code::NotListening => {
            "the server has to listen on the address before it says `serving`, and with `bind` on a socket of its own"
        }
        Code::AddressNotPermitted => {
            "a port below 1024 needs root, `setcap cap_net_bind_service=+ep` on serverswap, or `sysctl net.ipv4.ip_unprivileged_port_start`; a Unix socket needs a directory that we may write to"
        }
        Code::AddressNotAvailable => {
            "check which addresses this machine has: `ip address`; the directory of a Unix socket has to exist"
        }
        Code::InvalidAddress => {
            "write it like `:8080`, `127.0.0.1:8080`, `[::1]:443`, `unix:/run/app.sock`, `udp::53` or `mailer`"
        }
        Code::NotInheritable => "an address without a socket cannot be inherited: claim it with `bind`",
        Code::AlreadyClaimed => "one server may claim an address once, and only one may hold it exclusively",
        Code::StateNotWritten => "check whether the disk of the runtime directory is full: `df`",
        Code::Exhausted => "check how many files it may open: `ulimit -n`",
        Code::SupervisorLost | Code::ArbiterNotResponding => STATUS,
        Code::MalformedLine
        | Code::LineTooLong
        | Code::InvalidMessage
        | Code::UnknownType
        | Code::DescriptorMismatch
        | Code::NotNegotiated
        | Code::VersionUnsupported
        | Code::OutOfOrder
        | Code::IdReused => "the server's client library violates the protocol: update it",
        Code::NotPermitted
        | Code::OtherPidNamespace
        | Code::TooManyConnections
        | Code::Superseded
        | Code::Stopping
        | Code::Withdrawn
        | Code::Internal
        | Code::Other(_) => STATUS,
    }
}
