//! What was said in one case, in order.

use std::time::Instant;

use crate::report::{Party, TraceLine};

/// A trace under way.
#[derive(Debug)]
pub struct Trace {
    begun: Instant,
    lines: Vec<TraceLine>,
}

impl Default for Trace {
    fn default() -> Self {
        Trace { begun: Instant::now(), lines: Vec::new() }
    }
}

impl Trace {
    /// Adds a line without its line feed; `fds` are the names of its descriptors.
    pub fn add(&mut self, from: Party, on: Option<&str>, bytes: &[u8], fds: Vec<String>) {
        let at_micros = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let line = String::from_utf8_lossy(bytes).into_owned();
        self.lines.push(TraceLine { at_micros, from, on: on.map(str::to_owned), line, fds });
    }

    /// Adds a remark of the suite.
    pub fn remark(&mut self, on: Option<&str>, text: &str) {
        self.add(Party::Suite, on, text.as_bytes(), Vec::new());
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
