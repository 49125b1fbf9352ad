//! The JSON forms: a line of progress on stderr, the result on stdout. Each has the same content
//! as the text.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use serverswap::protocol::Generation;

use super::cut_short::CutShort;
use super::duration::{millis, serialize_millis};
use super::outcome::{ClaimOutcome, RunOutcome, UNABLE};
use super::setup_error::SetupError;
use super::still_serving::{ServingServer, StillServing};
use super::summary::Summary;
use crate::output::OutputTail;

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
struct ResultObject<'a, D> {
    outcome: &'a str,
    reason: &'a str,
    status: u8,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(flatten)]
    details: Option<D>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    command: &'a str,
    generation: Generation,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    restarts: u32,
    addresses: &'a [ClaimOutcome],
    replaced: &'a [u32],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    cut_short: &'a [CutShort],
    #[serde(skip_serializing_if = "Option::is_none")]
    serving_now: Option<&'a [ServingServer]>,
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
    outcome: &RunOutcome,
    still_serving: &StillServing,
    output: &OutputTail,
    summary: &Summary,
) -> String {
    let facts = &outcome.facts;
    let details = Details {
        command: &facts.command,
        generation: facts.generation,
        pid: facts.pid,
        restarts: facts.restarts,
        addresses: &facts.addresses,
        replaced: &facts.replaced,
        cut_short: &facts.cut_short,
        serving_now: match still_serving {
            StillServing::Known(still_serving) => Some(still_serving),
            StillServing::Unknown => None,
        },
        duration_ms: millis(facts.duration),
        printed: (!(output.stdout.is_empty() && output.stderr.is_empty()))
            .then_some(PrintedJson { stdout: &output.stdout, stderr: &output.stderr }),
    };
    result_json(outcome.word(), outcome.reason(), outcome.status(), summary, Some(details))
}

/// The JSON object on stdout after a setup error, with its line feed.
pub fn setup_error_json(error: &SetupError, summary: &Summary) -> String {
    result_json("unable", error.reason(), UNABLE, summary, None::<()>)
}

/// The JSON object on stdout, with what only one command has to tell.
pub(crate) fn result_json(
    outcome: &str,
    reason: &str,
    status: u8,
    summary: &Summary,
    details: Option<impl Serialize>,
) -> String {
    let (message, hint) = match summary {
        Summary::Success(text) => (text.as_str(), None),
        Summary::Failure { error, hint } => (error.as_str(), Some(hint.as_str())),
    };
    json_line(&ResultObject { outcome, reason, status, message, hint, details })
}

pub(crate) fn json_line(value: &impl Serialize) -> String {
    let mut line = serde_json::to_string(value).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"));
    line.push('\n');
    line
}

pub(super) fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}
