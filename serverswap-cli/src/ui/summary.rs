//! The summary of a run: one line for a success, an error and a hint for a failure.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serverswap::protocol::message::Code;

use super::cut_short::CutShort;
use super::duration::text;
use super::outcome::{ClaimOutcome, ClaimStanding, Reached, RunEnding, RunFacts, RunOutcome};
use super::still_serving::{StillServing, still};
use super::{grammar, hints};
use crate::spawn::SpawnFailure;
use crate::supervisor::Starts;

/// The summary, without colour and without the program's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Summary {
    /// The run has done what it was asked to.
    Success(String),
    /// It has not.
    Failure {
        /// What went wrong; and what is still true.
        error: String,
        /// The next command.
        hint: String,
    },
}

/// Most addresses that are named in a sentence.
const NAMED_MAX: usize = 4;

impl Summary {
    /// The summary of a run.
    pub fn of(outcome: &RunOutcome, still_serving: &StillServing) -> Summary {
        let facts = &outcome.facts;
        match success(&outcome.ending, facts) {
            Some(text) => Summary::Success(format!("{text}{}", CutShort::all(&facts.cut_short))),
            None => Summary::Failure {
                error: format!(
                    "{}{}; {}",
                    failure(&outcome.ending, facts),
                    CutShort::all(&facts.cut_short),
                    still(facts, still_serving)
                ),
                hint: hints::next(&outcome.ending, facts),
            },
        }
    }
}

fn success(ending: &RunEnding, facts: &RunFacts) -> Option<String> {
    match ending {
        RunEnding::Done => Some(done(facts)),
        RunEnding::Replaced => {
            let replaced = named(facts, |standing| *standing == ClaimStanding::Replaced);
            Some(format!("replaced: a newer generation serves {replaced}"))
        }
        RunEnding::Stopped(asked) => {
            Some(format!("stopped by {} after {}", asked.name(), text(facts.duration)))
        }
        RunEnding::Left(asked) => {
            let served = named(facts, |standing| *standing == ClaimStanding::Serving);
            Some(format!("left on {}: {} keeps serving {served}", asked.name(), server(facts)))
        }
        RunEnding::Ended => {
            Some(format!("{} exited with status 0 after {}", server(facts), text(facts.duration)))
        }
        RunEnding::DoneInPart
        | RunEnding::Interrupted(_)
        | RunEnding::LeftServing(_)
        | RunEnding::Superseded
        | RunEnding::SaidFail(_)
        | RunEnding::Exited(_)
        | RunEnding::NotUp
        | RunEnding::NotUpKept
        | RunEnding::NotStarted(_) => None,
    }
}

fn failure(ending: &RunEnding, facts: &RunFacts) -> String {
    let server = server(facts);
    match ending {
        RunEnding::DoneInPart => format!("{server} is up, but {}", failed(facts).unwrap_or_default()),
        RunEnding::Interrupted(asked) if facts.pid.is_none() => {
            format!("received {} before {server} was started", asked.name())
        }
        RunEnding::Interrupted(asked) => {
            format!("received {} before {server} was up, and ended it", asked.name())
        }
        RunEnding::LeftServing(asked) => format!("received {} before {server} was fully up", asked.name()),
        RunEnding::Superseded => {
            let lost = named(facts, |standing| *standing == ClaimStanding::Superseded);
            format!("{server} was superseded: a newer generation claims or holds {lost}")
        }
        RunEnding::SaidFail(reason) if facts.is_rolled_back() => {
            format!("rolled back: {server} sent `fail` on probation: {reason}")
        }
        RunEnding::SaidFail(reason) => format!("{server} sent `fail`: {reason}"),
        RunEnding::Exited(exit) => exited(&grammar::ended(*exit), facts),
        RunEnding::NotUp | RunEnding::NotUpKept => not_up(facts),
        RunEnding::NotStarted(failure) => not_started(failure),
        RunEnding::Done
        | RunEnding::Replaced
        | RunEnding::Stopped(_)
        | RunEnding::Left(_)
        | RunEnding::Ended => String::new(),
    }
}

fn done(facts: &RunFacts) -> String {
    let verb = if facts.replaced.is_empty() { "served" } else { "swapped" };
    let slowest: Option<Duration> = facts.addresses.iter().filter_map(|swap| swap.serving_after).max();
    let joint = if facts.replaced.is_empty() { "after" } else { "in" };
    let served = named(facts, |standing| *standing == ClaimStanding::Serving);
    format!("done: {served} {verb} {joint} {}", text(slowest.unwrap_or(facts.duration)))
}

fn exited(how: &str, facts: &RunFacts) -> String {
    let server = server(facts);
    let after = text(facts.duration);
    match (facts.reached, failed(facts)) {
        (Reached::Nothing, _) if facts.is_rolled_back() => {
            format!("rolled back: {server} {how} after {after}, on probation")
        }
        (Reached::Nothing, Some(failed)) => format!("{server} {how} after {after}; {failed}"),
        (Reached::Nothing, None) if facts.addresses.is_empty() => {
            format!("{server} {how} after {after}, before it claimed an address")
        }
        (Reached::Nothing, None) => format!("{server} {how} after {after}, before it served"),
        (Reached::Serving | Reached::Up, _) => {
            format!("{server} {how} {after} after the start, while it was serving")
        }
    }
}

fn not_up(facts: &RunFacts) -> String {
    let server = server(facts);
    if let Some(reason) = &facts.not_ready {
        return reason.text(&server);
    }
    let timeout = text(facts.ready_timeout);
    let waiting = facts.addresses.iter().find(|swap| swap.standing == ClaimStanding::Waiting);
    let granted = facts.addresses.iter().find(|swap| swap.standing == ClaimStanding::Granted);
    match (failed(facts), waiting, granted) {
        (Some(failed), ..) => format!("{server} was not up within {timeout}: {failed}"),
        (None, Some(swap), _) => {
            format!("{server} was not up within {timeout}: its claim for {} was still waiting", swap.address)
        }
        (None, None, Some(swap)) => match &facts.starts {
            Starts::Observed(option) => {
                format!("{server} was not ready for {} within {timeout}: {}", swap.address, option.awaited())
            }
            Starts::Notifying => format!(
                "{server} was not ready for {} within {timeout}: it uses sd_notify(3), and did not say READY=1",
                swap.address
            ),
            Starts::Speaking => format!(
                "{server} was not up within {timeout}: it was granted {} but did not serve it",
                swap.address
            ),
        },
        (None, None, None) if facts.addresses.is_empty() => {
            format!("{server} claimed no address within {timeout}")
        }
        (None, None, None) => format!("{server} did not report that it was up within {timeout}"),
    }
}

fn not_started(failure: &SpawnFailure) -> String {
    failure.to_string()
}

/// What became of the first claim that failed.
fn failed(facts: &RunFacts) -> Option<String> {
    let failed = |swap: &ClaimOutcome| match &swap.standing {
        ClaimStanding::Failed { code, message, .. } => {
            Some(grammar::claim_failed(&swap.address, code, message))
        }
        ClaimStanding::Waiting
        | ClaimStanding::Granted
        | ClaimStanding::Probation
        | ClaimStanding::Serving
        | ClaimStanding::Replaced
        | ClaimStanding::Superseded => None,
    };
    facts.addresses.iter().find_map(failed)
}

/// The code of the first claim that failed.
pub(super) fn failed_code(facts: &RunFacts) -> Option<&Code> {
    facts.addresses.iter().find_map(|swap| match &swap.standing {
        ClaimStanding::Failed { code, .. } => Some(code),
        ClaimStanding::Waiting
        | ClaimStanding::Granted
        | ClaimStanding::Probation
        | ClaimStanding::Serving
        | ClaimStanding::Replaced
        | ClaimStanding::Superseded => None,
    })
}

fn server(facts: &RunFacts) -> String {
    match facts.pid {
        Some(pid) => format!("`{}` (pid {pid})", facts.command),
        None => format!("`{}`", facts.command),
    }
}

fn named(facts: &RunFacts, condition: impl Fn(&ClaimStanding) -> bool) -> String {
    let found: Vec<_> =
        facts.addresses.iter().filter(|swap| condition(&swap.standing)).map(|swap| &swap.address).collect();
    match found.len() {
        0 => "its addresses".to_owned(),
        1..=NAMED_MAX => grammar::list(&found),
        many => format!("{many} addresses"),
    }
}
