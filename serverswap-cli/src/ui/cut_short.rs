//! What a server could not finish before its end: connections that it closed at its deadline, and the signals
//! that it needed.

use serde::{Deserialize, Serialize};

use super::grammar;
use crate::supervisor::GenerationSignal;

/// A server that was cut short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CutShort {
    /// The server.
    pub pid: u32,
    /// How many connections it has closed unfinished, as it reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<u64>,
    /// The last signal that it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<GenerationSignal>,
    /// How many connections were open when it was sent the first one, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<u64>,
}

/// Most servers that are named in a sentence.
const NAMED_MAX: usize = 4;

impl CutShort {
    /// How many connections it has not finished, as far as that is known.
    pub(crate) fn connections_cut(&self) -> u64 {
        let open = self.signal.and(self.connections).unwrap_or_default();
        self.cut.unwrap_or_default() + open
    }

    /// What was not finished, with its numbers, behind what was done: empty if there is nothing.
    pub(crate) fn all(all: &[CutShort]) -> String {
        let texts: Vec<String> = all.iter().take(NAMED_MAX).map(CutShort::text).collect();
        let more = all.len() - texts.len();
        let more =
            (more > 0).then(|| format!("{more} more {} cut short", if more == 1 { "was" } else { "were" }));
        texts.into_iter().chain(more).map(|part| format!("; {part}")).collect()
    }

    /// `pid 7 got TERM with 3 connections open`.
    fn text(&self) -> String {
        let cut = self.cut.map(|cut| format!("closed {} unfinished", grammar::count(cut, "connection")));
        let signal = self.signal.map(|signal| {
            let open = match self.connections {
                Some(0) => "with no connection open".to_owned(),
                Some(open) => format!("with {} open", grammar::count(open, "connection")),
                None => "with an unknown number of connections open".to_owned(),
            };
            format!("got {} {open}", signal.name())
        });
        let parts: Vec<String> = cut.into_iter().chain(signal).collect();
        format!("pid {} {}", self.pid, grammar::list(&parts))
    }
}
