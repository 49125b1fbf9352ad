//! `serverswap explain CMD`: starts a server for a short time and privately, and says with which options it is swapped.
//!
//! Deliberately nothing is guessed from names: what is said was seen. Every start is a [trial]: it binds where nobody looks for
//! it, so that a server that serves at the same address is not touched. Whatever else the command does when it starts, it does.

mod asked;
pub(crate) mod keeper;
mod private_bind;
mod receivers;
mod request;
mod scratch;
mod seen;
mod serving;
mod stopping;
mod text;
mod trial;

use std::time::Duration;

use nix::sys::signal::Signal;

use self::scratch::Scratch;
use self::seen::{Alongside, Seen, Serves, Started, StopSeen, TakesSockets, Verdict};
use self::trial::{Trial, TrialError};
use crate::cli::{CommandLine, Explain};
use crate::spawn::SpawnFailure;
use crate::sys::seccomp;
use crate::ui::{Conclusion, Console, ResultFormat, Summary, UNABLE, not_started};

/// The exit status if the server cannot be swapped.
const CANNOT: u8 = 3;

/// How long a server may take to end at TERM, and at signals that it may not know.
const TERM_LIMIT: Duration = Duration::from_secs(10);
const OTHER_LIMIT: Duration = Duration::from_secs(5);

/// How often it is stopped at one signal at most.
const TIMES: u32 = 3;

/// The signals at which servers finish what is under way, if they do not at TERM: QUIT of nginx,
/// USR1 of haproxy, WINCH of Apache.
const OTHERS: [Signal; 4] = [Signal::SIGQUIT, Signal::SIGINT, Signal::SIGUSR1, Signal::SIGWINCH];

/// Looks at the server, says what was seen, and returns the exit status.
pub(crate) fn show(explain: &Explain) -> u8 {
    let console = Console::plain(explain.result);
    let conclusion = match look(&explain.command, explain.ready_timeout) {
        Ok(seen) => conclude(&seen, explain),
        Err(TrialError::Stopped(signal)) => Conclusion::result(128 + signal as u8, String::new()),
        Err(TrialError::Start(failure)) => console.failed(&not_executed(&failure), not_started(&failure)),
        Err(error @ (TrialError::Filter(_) | TrialError::Machine(_))) => {
            console.failed(&impossible(&error), UNABLE)
        }
    };
    console.finish(conclusion)
}

fn look(command: &CommandLine, limit: Duration) -> Result<Seen, TrialError> {
    seccomp::available()?;
    let scratch = Scratch::new()?;
    let mut first = Trial::start(command, &[], &scratch)?;
    let started = first.started(limit)?;
    let mut seen = Seen { started, alongside: Alongside::NotTried, stops: Vec::new() };
    let Started::Serves(serves) = &seen.started else { return Ok(seen) };
    seen.alongside = second(command, limit, serves, &scratch)?;
    let others = first.handled(&OTHERS)?;
    let term = first.stop(Signal::SIGTERM, TERM_LIMIT)?;
    drop(first);
    if matches!(seen.alongside, Alongside::Runs { .. }) {
        let mut known = Some(term);
        for signal in [Signal::SIGTERM].into_iter().chain(others) {
            let stop = try_signal(command, limit, &scratch, signal, known.take())?;
            seen.stops.extend(stop);
            if stop.as_ref().is_some_and(StopSeen::is_best) {
                break;
            }
        }
    } else {
        seen.stops.push(term);
    }
    Ok(seen)
}

/// Whether another one runs beside it, and takes the sockets that it is passed. One that does not come up with sockets may
/// come up without.
fn second(
    command: &CommandLine,
    limit: Duration,
    first: &Serves,
    scratch: &Scratch,
) -> Result<Alongside, TrialError> {
    let mut said = Vec::new();
    let passable = first.passable();
    let with = (!passable.is_empty()).then_some(passable.as_slice());
    for passed in with.into_iter().chain([&[][..]]) {
        let mut trial = Trial::start(command, passed, scratch)?;
        match trial.started(limit)? {
            Started::Serves(serves) => {
                let taken = first.taken_by(&serves);
                let is_blocking = taken != TakesSockets::No && trial.accepts_in_blocking_mode()?;
                return Ok(Alongside::Runs {
                    takes: if is_blocking { TakesSockets::Blocking } else { taken },
                });
            }
            Started::Ended { said: last, .. } | Started::NotInTime { said: last, .. } => said = last,
            Started::UsesPackage | Started::InBackground => {}
        }
    }
    Ok(Alongside::Fails { said })
}

/// What it does at this signal, after what is known of that: one that was lucky is not lucky three times.
fn try_signal(
    command: &CommandLine,
    limit: Duration,
    scratch: &Scratch,
    signal: Signal,
    mut seen: Option<StopSeen>,
) -> Result<Option<StopSeen>, TrialError> {
    for _ in 0..TIMES {
        if seen.is_some_and(|stop| stop.is_settled()) {
            break;
        }
        let Some(again) = stopped(command, limit, scratch, signal)? else { break };
        seen = Some(seen.map_or(again, |stop| stop.and(again)));
    }
    Ok(seen)
}

/// Starts it once more, and stops it by this signal; `None` if it does not come up.
fn stopped(
    command: &CommandLine,
    limit: Duration,
    scratch: &Scratch,
    signal: Signal,
) -> Result<Option<StopSeen>, TrialError> {
    let mut trial = Trial::start(command, &[], scratch)?;
    match trial.started(limit)? {
        Started::Serves(_) => Ok(Some(trial.stop(signal, OTHER_LIMIT)?)),
        Started::UsesPackage | Started::InBackground | Started::Ended { .. } | Started::NotInTime { .. } => {
            Ok(None)
        }
    }
}

fn conclude(seen: &Seen, explain: &Explain) -> Conclusion {
    let status = match seen.verdict() {
        Verdict::Start(_) => 0,
        Verdict::No => CANNOT,
    };
    Conclusion::result(
        status,
        match explain.result {
            ResultFormat::None => text::text(seen, &explain.command),
            ResultFormat::Json => format!("{}\n", text::json(seen, &explain.command)),
        },
    )
}

fn not_executed(failure: &SpawnFailure) -> Summary {
    Summary::Failure {
        error: format!("{failure}; nothing was started"),
        hint: "write the command as you start the server without serverswap".to_owned(),
    }
}

fn impossible(error: &TrialError) -> Summary {
    Summary::Failure {
        error: format!("a server cannot be looked at here: {error}; nothing is left running"),
        hint: "it takes seccomp filters with user notification (Linux 5.9), also inside a container"
            .to_owned(),
    }
}
