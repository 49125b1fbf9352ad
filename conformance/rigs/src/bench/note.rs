//! What the bench's own server notes down: one JSON object a line, with the time of one clock
//! that is the same in every process.

use std::collections::BTreeMap;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use serverswap_protocol::Address;

/// Something that happened in a server, and when.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Note {
    /// Nanoseconds of `CLOCK_MONOTONIC`.
    pub(super) nanos: u64,
    /// What.
    pub(super) what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum What {
    /// `main` was entered.
    Runs,
    /// An address is about to be claimed.
    Claims(Address),
    /// It was granted.
    Granted(Address),
    /// A drain has begun.
    Drains,
    /// It is over, after so many reports of progress.
    Drained {
        /// How many were sent.
        progress: u64,
    },
    /// An address is about to be released.
    Releases(Address),
    /// All claims are granted and serve.
    Up,
    /// An arbiter answered the `hello` of a server that had lost its own.
    Returned,
    /// Every address was released.
    Over,
}

impl Note {
    pub(super) fn now(what: What) -> Note {
        Note { nanos: nanos(), what }
    }

    /// Writes it to standard output, in one piece.
    pub(super) fn print(&self) {
        println!("{}", serde_json::to_string(self).expect("a note always serialises"));
    }

    /// The notes among the lines of an output.
    pub(super) fn all_in(text: &str) -> Vec<Note> {
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

/// The time of `CLOCK_MONOTONIC`, in nanoseconds.
pub(super) fn nanos() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let (seconds, nanos) = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
    seconds.unwrap_or_default() * 1_000_000_000 + nanos.unwrap_or_default()
}

/// When each address was what `of` picks, by address.
pub(super) fn times(notes: &[Note], of: fn(&What) -> Option<&Address>) -> BTreeMap<Address, u64> {
    notes.iter().filter_map(|note| Some((of(&note.what)?.clone(), note.nanos))).collect()
}

/// When this first happened.
pub(super) fn first(notes: &[Note], what: &What) -> Option<u64> {
    notes.iter().find(|note| note.what == *what).map(|note| note.nanos)
}
