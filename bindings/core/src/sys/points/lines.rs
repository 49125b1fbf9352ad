//! The points of the lines of one connection: before and after each is sent, before and after
//! each that was received is acted upon.

use std::mem;

use serde_json::{Map, Value};
use serverswap_protocol::message::Message;

use super::at;

/// What precedes the name of a message in its line.
const TYPE: &str = "\"type\":\"";

/// What a line without a name is called.
const UNNAMED: &str = "a line";

/// The points of the lines of one connection.
#[derive(Debug, Default)]
pub struct Lines {
    /// Whose end of the connection this is.
    side: &'static str,
    /// Queued and not sent.
    queued: Vec<String>,
    /// Received, and perhaps not acted upon.
    received: Option<String>,
}

impl Lines {
    /// The points of a connection on which `Out` is sent.
    pub fn sending<Out: Message>() -> Self {
        let side = if Out::TYPES.contains(&"greeting") { "arbiter" } else { "client" };
        Lines { side, ..Lines::default() }
    }

    /// A line was queued.
    pub fn queued(&mut self, line: &[u8]) {
        self.queued.push(kind(line));
    }

    /// What is queued is about to be sent.
    pub fn before_sending(&self) {
        for kind in &self.queued {
            self.at("before sending", kind);
        }
    }

    /// It was sent as far as possible; so many bytes are left.
    pub fn after_sending(&mut self, bytes_left: usize) {
        if bytes_left == 0 {
            for kind in mem::take(&mut self.queued) {
                self.at("after sending", &kind);
            }
        }
    }

    /// A line has arrived and is about to be acted upon.
    pub fn received(&mut self, line: &Map<String, Value>) {
        let kind = line.get("type").and_then(Value::as_str).unwrap_or(UNNAMED).to_owned();
        self.at("before acting on", &kind);
        self.received = Some(kind);
    }

    /// What arrived before has been acted upon.
    pub fn handled(&mut self) {
        if let Some(kind) = self.received.take() {
            self.at("after acting on", &kind);
        }
    }

    fn at(&self, when: &str, kind: &str) {
        at(&format!("{}: {when} {kind}", self.side));
    }
}

fn kind(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    let kind = line.split_once(TYPE).and_then(|(_, rest)| rest.split_once('"'));
    kind.map_or(UNNAMED, |(kind, _)| kind).to_owned()
}

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn a_point_is_named_after_the_type_of_the_line() {
        assert_eq!(kind(br#"{"type":"granted","re":1,"address":":80"}"#), "granted");
        assert_eq!(kind(b"not json"), "a line");
    }
}
