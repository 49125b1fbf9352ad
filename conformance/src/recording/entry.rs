//! One line of a recording. Keys that are not known here are ignored, and so is what anybody else said.

use serde::Deserialize;
use serde_json::Value;
use serverswap_protocol::trace::Side;

#[derive(Debug, Deserialize)]
pub(super) struct RecordingEntry {
    /// The connection.
    pub(super) on: Option<String>,
    /// Which side recorded it; the arbiter, if it is not said.
    pub(super) by: Option<Side>,
    /// Who said the line: a side, the kernel, or somebody of whom nothing is known here.
    pub(super) from: String,
    /// The line, without its line feed; only the kernel and the arbiter's core have none.
    #[serde(default)]
    pub(super) line: String,
    /// How many descriptors came with it.
    #[serde(default)]
    pub(super) fds: usize,
    /// Whether the recording side knew that it may break a rule.
    #[serde(default)]
    pub(super) deliberate: bool,
    /// The process id of the arbiter, where it is not the peer of a connection that says so.
    pub(super) arbiter: Option<u32>,
    /// The process at the other end of the connection.
    pub(super) peer: Option<ProcessEntry>,
    /// A process that has exited, and of which everything was read.
    pub(super) gone: Option<ProcessEntry>,
    /// A process whose descriptors the kernel refused to show.
    pub(super) hidden: Option<ProcessEntry>,
    /// A process that the arbiter ends by a signal.
    pub(super) signalled: Option<ProcessEntry>,
    /// What the arbiter begins with.
    pub(super) start: Option<Value>,
}

/// A process of this boot.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct ProcessEntry {
    pub(super) pid: u32,
    pub(super) start: u64,
}

impl RecordingEntry {
    /// Which side of a connection has said it.
    pub(super) fn side(&self) -> Option<Side> {
        match self.from.as_str() {
            "client" => Some(Side::Client),
            "arbiter" => Some(Side::Arbiter),
            _ => None,
        }
    }
}
