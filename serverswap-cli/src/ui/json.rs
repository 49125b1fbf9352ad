//! The JSON forms: a line of progress on stderr, the result on stdout. Each says the same as
//! the text.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use serverswap::protocol::Generation;

use super::duration::{millis, serialize_millis};
use super::fault::Fault;
use super::outcome::{Outcome, Swap, UNABLE};
use super::survivors::{Survivor, Survivors};
use super::verdict::Verdict;
use crate::printed::Printed;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogLine<L, W> {
    pub(super) time: String,
    pub(super) level: L,
    #[serde(rename = "elapsedMs", serialize_with = "serialize_millis")]
    pub(super) elapsed: Duration,
    #[serde(flatten)]
    pub(super) what: W,
    pub(super) message: String,
}

#[derive(Serialize)]
pub(super) struct End<'a> {
    pub(super) event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hint: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultObject<'a> {
    outcome: &'a str,
    reason: &'a str,
    status: u8,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(flatten)]
    details: Option<Details<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    command: &'a str,
    generation: Generation,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    restarts: u32,
    addresses: &'a [Swap],
    replaced: &'a [u32],
    #[serde(skip_serializing_if = "Option::is_none")]
    serving_now: Option<&'a [Survivor]>,
    duration_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    printed: Option<PrintedJson<'a>>,
}

#[derive(Serialize)]
struct PrintedJson<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stdout: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stderr: &'a [String],
}

/// The JSON object on stdout, with its line feed.
pub fn outcome_json(
    outcome: &Outcome,
    survivors: &Survivors,
    printed: &Printed,
    verdict: &Verdict,
) -> String {
    let facts = &outcome.facts;
    let details = Details {
        command: &facts.command,
        generation: facts.generation,
        pid: facts.pid,
        restarts: facts.restarts,
        addresses: &facts.addresses,
        replaced: &facts.replaced,
        serving_now: match survivors {
            Survivors::Known(survivors) => Some(survivors),
            Survivors::Unknown => None,
        },
        duration_ms: millis(facts.duration),
        printed: (*printed != Printed::default())
            .then_some(PrintedJson { stdout: &printed.stdout, stderr: &printed.stderr }),
    };
    result_object(outcome.word(), outcome.reason(), outcome.status(), verdict, Some(details))
}

/// The JSON object on stdout after a fault, with its line feed.
pub fn fault_json(fault: &Fault, verdict: &Verdict) -> String {
    result_object("unable", fault.reason(), UNABLE, verdict, None)
}

fn result_object(
    outcome: &str,
    reason: &str,
    status: u8,
    verdict: &Verdict,
    details: Option<Details<'_>>,
) -> String {
    let (message, hint) = match verdict {
        Verdict::Well(text) => (text.as_str(), None),
        Verdict::Badly { error, hint } => (error.as_str(), Some(hint.as_str())),
    };
    json_line(&ResultObject { outcome, reason, status, message, hint, details })
}

pub(super) fn json_line(value: &impl Serialize) -> String {
    let mut line = serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
    line.push('\n');
    line
}

pub(super) fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}
