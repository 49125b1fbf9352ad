//! `serverswap --replay FILE`: what this build's arbiter decides on the events that `--trace` has recorded.
//!
//! It starts nothing, connects to nobody and reads nothing but the file. `serverswap-conformance replay` runs it: the
//! core that is tried is the one that is installed.
//!
//! Rules:
//! - Each arbiter of the file is replayed by itself, turn by turn, at the recorded time.
//! - A difference is an action that is missing, superfluous or elsewhere in its turn. Texts for people are no decisions.
//! - After its first difference nothing more of an arbiter is replayed: what was recorded then answers decisions that
//!   this build has not made.

mod record;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::arbiter::{Arbiter, ArbiterAction, ArbiterLimits, Turn};
use crate::ui::{Conclusion, Console, ResultFormat};

use record::TurnRecord;
pub(crate) use record::{FORMAT, StartRecord, TurnTaken, nanos};

/// The exit status when this build decides otherwise.
const DIFFERS: u8 = 1;

/// The exit status when the file cannot be replayed.
const FAILED: u8 = 125;

/// Prints what differs, and returns the exit status.
pub(crate) fn show(file: &Path) -> u8 {
    let (status, text) = match replay(file) {
        Ok(replayed) => (if replayed.differences.is_empty() { 0 } else { DIFFERS }, replayed.text(file)),
        Err(error) => {
            let hint =
                "record with `--trace FILE`; `serverswap-conformance check-trace FILE` reads any recording";
            eprintln!("error: `{}` cannot be replayed: {error}\nhint: {hint}", file.display());
            return FAILED;
        }
    };
    Console::plain(ResultFormat::None).finish(Conclusion::result(status, text))
}

/// What came of a recording.
#[derive(Debug, Default, PartialEq, Eq)]
struct Replayed {
    arbiters: usize,
    turns: usize,
    differences: Vec<Difference>,
}

/// A turn in which this build does something else.
#[derive(Debug, PartialEq, Eq)]
struct Difference {
    /// The line of the recording, counted from 1.
    number: usize,
    events: Vec<String>,
    recorded: Vec<String>,
    decided: Vec<String>,
}

/// Why a recording cannot be replayed.
#[derive(Debug, thiserror::Error)]
enum ReplayError {
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    #[error("line {number} is no line of a recording that this build can read: {source}")]
    Line { number: usize, source: serde_json::Error },
    #[error("line {number} has format {format}, and this build reads {FORMAT}")]
    Format { number: usize, format: u32 },
    #[error("no turn of an arbiter is recorded in it")]
    NoTurns,
}

/// A line of a recording, as far as it is about a core.
#[derive(Deserialize)]
struct Line {
    from: String,
    arbiter: Option<u32>,
    start: Option<Value>,
    turn: Option<Value>,
}

fn replay(file: &Path) -> Result<Replayed, ReplayError> {
    let mut replayed = Replayed::default();
    // An arbiter that has differed is `None`.
    let mut cores: BTreeMap<u32, Option<Arbiter>> = BTreeMap::new();
    for (index, text) in BufReader::new(File::open(file)?).split(b'\n').enumerate() {
        let number = index + 1;
        let unreadable = |source| ReplayError::Line { number, source };
        let line: Line = serde_json::from_slice(&text?).map_err(unreadable)?;
        let (true, Some(pid)) = (line.from == "core", line.arbiter) else { continue };
        if let Some(start) = line.start {
            let format = start["format"].as_u64().and_then(|format| u32::try_from(format).ok()).unwrap_or(0);
            if format != FORMAT {
                return Err(ReplayError::Format { number, format });
            }
            let start = serde_json::from_value(start).map_err(unreadable)?;
            cores.insert(pid, Some(recovered(start)));
            replayed.arbiters += 1;
        }
        // The beginning of an arbiter may have been cut off the file.
        let (Some(turn), Some(slot)) = (line.turn, cores.get_mut(&pid)) else { continue };
        let Some(core) = slot else { continue };
        let turn = serde_json::from_value(turn).map_err(unreadable)?;
        replayed.turns += 1;
        if let Some(difference) = difference(core, turn, number) {
            replayed.differences.push(difference);
            *slot = None;
        }
    }
    if replayed.turns == 0 { Err(ReplayError::NoTurns) } else { Ok(replayed) }
}

fn recovered(start: StartRecord) -> Arbiter {
    let StartRecord { now_nanos, state, alive, remains, .. } = start;
    let now = Duration::from_nanos(now_nanos);
    Arbiter::recover(ArbiterLimits::default(), &state, &alive, &remains, now)
}

/// Takes the turn, and compares.
fn difference(core: &mut Arbiter, record: TurnRecord, number: usize) -> Option<Difference> {
    let TurnRecord { now_nanos, events, actions } = record;
    let mut turn = Turn::new(Duration::from_nanos(now_nanos));
    core.handle(events.iter().cloned(), &mut turn);
    let decided: Vec<Value> = turn.actions.iter().map(decision).collect();
    let recorded: Vec<Value> = actions.into_iter().map(without_texts).collect();
    if decided == recorded {
        return None;
    }
    let event = |event| serde_json::to_value(event).unwrap_or_default().to_string();
    let events = events.iter().map(event).collect();
    let texts = |actions: &[Value]| actions.iter().map(Value::to_string).collect();
    Some(Difference { number, events, recorded: texts(&recorded), decided: texts(&decided) })
}

fn decision(action: &ArbiterAction) -> Value {
    without_texts(serde_json::to_value(action).expect("an action is JSON"))
}

/// The value without texts for people, which builds may word as they like.
fn without_texts(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            // `message` is also the key of a whole message.
            fields.retain(|key, value| {
                !(matches!(key.as_str(), "message" | "waitingFor") && value.is_string())
            });
            for field in fields.values_mut() {
                *field = without_texts(field.take());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = without_texts(item.take())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    value
}

impl Replayed {
    fn text(&self, file: &Path) -> String {
        let file = file.display();
        let mut text = String::new();
        for Difference { number, events, recorded, decided } in &self.differences {
            text += &format!("{file}:{number}: this build decides otherwise\n");
            for event in events {
                text += &format!("    event    {event}\n");
            }
            // What both have says nothing, unless the order is the difference.
            let same_set =
                recorded.iter().all(|action| decided.contains(action)) && recorded.len() == decided.len();
            let only = |these: &[String], those: &[String]| -> Vec<String> {
                these.iter().filter(|action| same_set || !those.contains(action)).cloned().collect()
            };
            for action in only(recorded, decided) {
                text += &format!("  - recorded {action}\n");
            }
            for action in only(decided, recorded) {
                text += &format!("  + decided  {action}\n");
            }
        }
        let (turns, arbiters, differences) = (self.turns, self.arbiters, self.differences.len());
        text + &format!("{file}: {turns} turns of {arbiters} arbiters, {differences} differences\n")
    }
}
