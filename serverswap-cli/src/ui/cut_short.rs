//! What a server could not finish before its end: connections that it closed at its deadline, and the signals
//! that it needed.

use serde::Serialize;

use super::grammar;
use crate::supervisor::GenerationSignal;

/// A server that was cut short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

impl CutShort {
    /// `pid 7 got TERM with 3 connections open`.
    pub(super) fn text(&self) -> String {
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
