//! What a rehearsal has found.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serverswap_protocol::Address;

use serverswap_load::{Failure, Tally};

use super::server::Language;
use crate::swap_report::Model;

/// A rehearsal that was carried through, well or not.
#[derive(Debug)]
pub struct Rehearsed {
    /// Where the requests went.
    pub addresses: Vec<Address>,
    /// How many swaps were asked for.
    pub asked: u32,
    /// How long each swap took that was made: from the command to the exit of the old server.
    pub swaps: Vec<Duration>,
    /// Everything about the requests.
    pub tally: Tally,
    /// What the server is written in, as far as that can be told.
    pub language: Language,
    /// Who speaks to the arbiter for it.
    pub speaks: Speaks,
    /// What is wrong, in the order in which it should be looked at.
    pub findings: Vec<Finding>,
    /// What happened when; `None` if no request was made.
    pub model: Option<Model>,
}

/// Who speaks the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// The server, by a library.
    Server,
    /// Its supervisor, for a server that knows of none.
    Supervisor,
}

/// Something that is wrong with the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A start or a swap failed. Swap 0 is the first start.
    DeployFailed {
        /// Which.
        swap: u32,
        /// The exit status of its command.
        status: i32,
        /// The last lines that it and its server said.
        said: Vec<String>,
    },
    /// A start or a swap took longer than the rehearsal waits.
    NotInTime {
        /// Which.
        swap: u32,
        /// The last lines that the new command and its server said.
        said: Vec<String>,
    },
    /// A command that was replaced, or asked to stop at the end, did not end with 0.
    CommandFailed {
        /// The swap that started it; 0 is the first start.
        swap: u32,
        /// Its exit status.
        status: i32,
        /// The last lines that it and its server said.
        said: Vec<String>,
    },
    /// A replaced server had to be ended by a signal.
    Overran {
        /// Which swap.
        swap: u32,
        /// The old server.
        pid: u32,
        /// What of its generation still ran when the server itself had ended; nothing: the server ran.
        beside: Vec<Beside>,
    },
    /// A process of an older generation lives on.
    LeftBehind {
        /// The process.
        pid: u32,
        /// Its command line.
        command: String,
        /// Whether it has served.
        served: bool,
    },
    /// The recording shows that somebody broke the protocol, or the arbiter a guarantee.
    Recorded {
        /// What, each with its line.
        said: Vec<String>,
        /// Where the recording is kept.
        recording: PathBuf,
    },
    /// Kept connections were closed while they were idle, without `Connection: close` before. Here
    /// the clients saw it before they used them again; over a network requests would be lost.
    IdleClosed {
        /// How many.
        count: u64,
    },
    /// Requests were lost.
    Lost {
        /// How.
        failure: Failure,
        /// How many while a swap was under way.
        in_swaps: u64,
        /// How many otherwise.
        between: u64,
    },
}

/// A process that was started by a server, or that has started it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beside {
    /// The process.
    pub pid: u32,
    /// Its command line.
    pub command: String,
}

impl Rehearsed {
    /// Whether every swap was made and nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.findings.is_empty() && self.swaps.len() == self.asked as usize
    }
}

/// What the load has found: the requests that were lost, by kind, and those that nearly were.
pub(super) fn of_load(tally: &Tally) -> Vec<Finding> {
    let kinds = tally.failed_by_kind();
    let count = |of: &BTreeMap<Failure, u64>, kind| of.get(kind).copied().unwrap_or(0);
    let lost = kinds.keys().map(|kind| Finding::Lost {
        failure: *kind,
        in_swaps: count(&tally.swap.failed, kind),
        between: count(&tally.between.failed, kind),
    });
    let idle = (tally.idle_closed > 0).then_some(Finding::IdleClosed { count: tally.idle_closed });
    lost.chain(idle).collect()
}
