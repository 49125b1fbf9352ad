//! A rehearsal as a page to look at.

use super::advice::advice;
use super::findings::Finding;
use super::findings_text::{said, what};
use super::{Rehearsal, Rehearsed};
use crate::shell::typed;
use crate::style::number;
use crate::swap_report::{Note, SwapReport, made_now};

/// Everything that the page of a rehearsal says.
pub fn report<'a>(rehearsal: &Rehearsal, rehearsed: &'a Rehearsed) -> SwapReport<'a> {
    let note = |finding: &Finding| Note {
        what: what(finding),
        said: said(finding).to_vec(),
        advice: advice(finding, rehearsed.speaks, rehearsed.language),
    };
    SwapReport {
        title: "Rehearsal",
        noun: "generation",
        command: typed(&rehearsal.command),
        addresses: rehearsed.addresses.iter().map(ToString::to_string).collect(),
        is_good: rehearsed.is_good(),
        verdict: verdict(rehearsed),
        notes: rehearsed.findings.iter().map(note).collect(),
        tally: &rehearsed.tally,
        model: rehearsed.model.as_ref(),
        made: made_now(),
    }
}

fn verdict(rehearsed: &Rehearsed) -> String {
    let (tally, made) = (&rehearsed.tally, rehearsed.swaps.len());
    if rehearsed.addresses.is_empty() {
        return "The server did not come up, so nothing was requested and no swap was made.".to_owned();
    }
    let total = number(tally.ok() + tally.failed());
    let requests = match tally.failed() {
        0 => format!("none of {total} requests failed"),
        failed => format!("{} of {total} requests failed", number(failed)),
    };
    let left = rehearsed.findings.iter().filter(|finding| matches!(finding, Finding::LeftBehind { .. }));
    let left = match left.count() {
        0 if rehearsed.is_good() => ", and no process was left behind".to_owned(),
        0 => String::new(),
        1 => ", and one process was left behind".to_owned(),
        count => format!(", and {count} processes were left behind"),
    };
    match rehearsed.asked {
        asked if made < asked as usize => {
            format!("Swap {} of {asked} was not made as it should; {requests}{left}.", made + 1)
        }
        asked => {
            let swaps = if asked == 1 {
                "The swap was made".to_owned()
            } else {
                format!("All {asked} swaps were made")
            };
            let but = if tally.failed() > 0 { ", but" } else { ":" };
            format!("{swaps}{but} {requests}{left}.")
        }
    }
}
