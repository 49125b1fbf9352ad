//! One line of a recording. Keys that are not known here are ignored.

use serde::Deserialize;
use serverswap_protocol::trace::Side;

use crate::report::Party;

#[derive(Debug, Deserialize)]
pub(super) struct RecordingEntry {
    /// The connection.
    pub(super) on: Option<String>,
    /// Which side recorded it; the arbiter, if it is not said.
    pub(super) by: Option<Side>,
    /// Who said the line.
    pub(super) from: Party,
    /// The line, without its line feed.
    pub(super) line: String,
    /// How many descriptors came with it.
    #[serde(default)]
    pub(super) fds: usize,
    /// Whether the recording side knew that it may break a rule.
    #[serde(default)]
    pub(super) deliberate: bool,
}

impl Party {
    /// Which side of a connection that is; a driver and the suite are on none.
    pub(super) fn side(self) -> Option<Side> {
        match self {
            Party::Client => Some(Side::Client),
            Party::Arbiter => Some(Side::Arbiter),
            Party::Driver | Party::Suite => None,
        }
    }
}
