//! What was said in one case, in order.

use std::time::Instant;

use serverswap_protocol::trace::Side;

use crate::report::{Party, TraceLine};

/// A trace under way.
#[derive(Debug)]
pub struct Trace {
    begun: Instant,
    lines: Vec<TraceLine>,
}

/// A line of the protocol that is traced.
#[derive(Debug)]
pub struct WireEntry<'a> {
    /// Who sent it.
    pub from: Side,
    /// Without its line feed.
    pub bytes: &'a [u8],
    /// The names of its descriptors.
    pub fds: Vec<String>,
    /// Whether a scenario has it sent although it may break a rule.
    pub deliberate: bool,
}

impl Default for Trace {
    fn default() -> Self {
        Trace { begun: Instant::now(), lines: Vec::new() }
    }
}

impl Trace {
    /// Adds what no connection of the protocol carried, without its line feed.
    pub fn add(&mut self, from: Party, on: Option<&str>, bytes: &[u8]) {
        let line = self.line(from, on, bytes);
        self.lines.push(line);
    }

    /// Adds a line of a connection that the suite plays from `ours`; `fds` are the names of its descriptors.
    pub fn add_wire(&mut self, ours: Side, on: &str, line: WireEntry<'_>) {
        let by = (ours == Side::Client).then_some(Party::Client);
        let WireEntry { from, bytes, fds, deliberate } = line;
        let line = TraceLine { fds, by, deliberate, ..self.line(party(from), Some(on), bytes) };
        self.lines.push(line);
    }

    /// Adds a remark of the suite.
    pub fn remark(&mut self, on: Option<&str>, text: &str) {
        self.add(Party::Suite, on, text.as_bytes());
    }

    fn line(&self, from: Party, on: Option<&str>, bytes: &[u8]) -> TraceLine {
        let at_micros = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let line = String::from_utf8_lossy(bytes).into_owned();
        let on = on.map(str::to_owned);
        TraceLine { at_micros, from, on, line, fds: Vec::new(), by: None, deliberate: false }
    }

    /// How long it lasts, in milliseconds.
    #[must_use]
    pub fn millis(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &[TraceLine] {
        &self.lines
    }

    /// The lines, for a report.
    #[must_use]
    pub fn into_lines(self) -> Vec<TraceLine> {
        self.lines
    }
}

fn party(side: Side) -> Party {
    match side {
        Side::Client => Party::Client,
        Side::Arbiter => Party::Arbiter,
    }
}
