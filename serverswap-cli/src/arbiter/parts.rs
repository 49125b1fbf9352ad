//! What the arbiter knows of processes, connections and generations; addresses are in `slot`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serverswap::protocol::message::{Form, Role, Timeouts};
use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;

use super::Link;
use super::slot::Told;
use super::status::Status;

/// A server process, for as long as it lives.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) generation: Generation,
    pub(super) link: Option<Link>,
    /// When its connection ended; cleared when it comes back.
    pub(super) unlinked: Option<Duration>,
    /// The addresses whose takedown it handles.
    pub(super) handlers: BTreeSet<Address>,
    /// Until when it may drain; set by its first takedown, moved by later ones.
    pub(super) drain_until: Option<Duration>,
    /// When it got TERM.
    pub(super) term_sent: Option<Duration>,
    /// When it got KILL.
    pub(super) kill_sent: Option<Duration>,
    /// How many connections it has open, by its own word.
    pub(super) connections: Option<u64>,
}

/// A negotiated connection.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) process: Process,
    pub(super) generation: Option<Generation>,
    pub(super) role: Role,
    pub(super) form: Form,
    /// The greatest `id` received.
    pub(super) last_id: u64,
    /// The greatest `id` sent.
    pub(super) sent_id: u64,
    /// To a supervisor: the last status of each address.
    pub(super) told: BTreeMap<Address, Status>,
    pub(super) told_up: Told,
    pub(super) told_done: Told,
}

/// How far a generation is as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) timeouts: Timeouts,
    pub(super) supervision: Supervision,
    pub(super) server: Hello,
    pub(super) up: Up,
    /// When its supervisor was last allowed to end its server: whoever was started before
    /// that gets nothing any more.
    pub(super) condemned_at: Option<Duration>,
}

/// What is known of the supervisor that started a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Supervision {
    /// None is known, or it has left.
    Alone,
    /// It lives and was connected to an arbiter before this one.
    Away(Process),
    /// It leaves when its server is up and every replaced one has exited.
    Leaves(Process),
    /// It stays with its server.
    Stays(Process),
    /// It was asked to stop: the generation gets nothing any more.
    Stopping(Process),
}

/// Whether a server of a generation has ever said `hello`, to whichever arbiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hello {
    /// It may have been started, and say it yet, whatever became of its supervisor.
    Awaited,
    Said,
}

/// Whether a generation is up, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Up {
    /// As soon as everything granted is served and no claim waits.
    Implied,
    /// Its server said that more claims will follow: not before `serverUp`.
    Awaited,
    /// It said `serverUp`; as soon as everything granted is served.
    Said,
    /// It is up.
    Yes,
}
impl Supervision {
    pub(super) fn process(self) -> Option<Process> {
        match self {
            Supervision::Alone => None,
            Supervision::Away(process)
            | Supervision::Leaves(process)
            | Supervision::Stays(process)
            | Supervision::Stopping(process) => Some(process),
        }
    }
}
