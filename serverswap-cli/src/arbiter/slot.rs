//! One address: who claims, holds and gives it up, and who keeps a duplicate of its listener.
//!
//! Queries only; who may do what next is decided in `decide`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serverswap::protocol::message::TakedownReason;
use serverswap::protocol::{Generation, SocketMode};
use serverswap::sys::process::Process;

use super::Liveness;

/// What the arbiter knows of one address.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Slot {
    /// The servers that have to do with the address.
    pub(super) parties: BTreeMap<Process, Party>,
    /// Named by the state file, alive, and not back yet.
    pub(super) expected: BTreeMap<Process, Expected>,
    /// Supervisors that stay, whose generation served here and is not replaced.
    pub(super) owners: BTreeMap<Process, Generation>,
    /// Supervisors that have a duplicate of the listener.
    pub(super) keepers: BTreeMap<Process, Keeper>,
    /// Whether the arbiter itself has a duplicate of the listener.
    pub(super) listener: Listener,
    /// Whether anything is known of who holds the address.
    pub(super) holders: Holders,
}

/// What is known of the holders of an address; a state file that could not be read may have named
/// others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Holders {
    /// There may be others than the parties.
    #[default]
    Unknown,
    /// Somebody has or had it exclusively, so every other one is among the parties.
    Known,
}

/// The arbiter's own duplicate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Listener {
    /// It has none.
    #[default]
    Absent,
    /// It was asked for in this batch of events.
    Opening,
    /// A server of this directory has it, whom no state file names and who is not back yet.
    Awaited {
        /// How long claims wait for its return.
        until: Duration,
        /// What they are told then.
        message: String,
    },
    /// The driver has it.
    Held,
}

/// A server and an address.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Party {
    pub(super) generation: Generation,
    pub(super) stage: Stage,
}

/// How far a server is with an address.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stage {
    /// It said `readyFor` and waits.
    Claim(Claim),
    /// `granted`, and it has not said `serving` yet.
    Granted { socket: SocketMode, since: Duration },
    /// It serves an inherited address beside an older server, until its probation is over.
    /// `Dead`: it had ended when that was over, and its end will be read.
    Trial { since: Duration, until: Duration, liveness: Liveness },
    /// It serves.
    Hold { socket: SocketMode, since: Duration },
    /// It is to let go.
    Taking(Taking),
    /// It let go, and finishes what is open.
    Released { takedown: Option<u64>, served: Served, since: Duration },
}

/// A waiting claim.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Claim {
    /// The `id` of the `readyFor`.
    pub(super) id: u64,
    pub(super) socket: SocketMode,
    /// Whether the claimant was told what it waits for.
    pub(super) told: Told,
}

/// Whether something was said already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Not,
    Once,
}

/// A takedown that is under way.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Taking {
    pub(super) socket: SocketMode,
    /// The `id` of the `takedown` on the present connection; `None` while it was not sent there.
    pub(super) message: Option<u64>,
    pub(super) reason: TakedownReason,
    pub(super) served: Served,
    pub(super) since: Duration,
}

/// How a server served that is to let go, or has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Served {
    /// It never said that it serves.
    Not,
    /// Beside an older server, which goes on.
    OnProbation {
        until: Duration,
    },
    ForGood,
}

/// What the state file says of a process that is not back yet.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expected {
    /// A server that was granted the address, and serves it or not.
    Server {
        generation: Generation,
        socket: SocketMode,
        serving: bool,
        since: Duration,
        probation_until: Option<Duration>,
    },
    /// A supervisor that owns the address, keeps a duplicate, or both.
    Supervisor { generation: Generation, owns: bool, keeps: bool },
}

/// A supervisor's duplicate.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Keeper {
    pub(super) generation: Generation,
    /// Whether it was told, on its present connection, to close it.
    pub(super) told_to_close: Told,
}

impl Stage {
    /// How the address is held, by who was granted it.
    pub(super) fn socket(&self) -> Option<SocketMode> {
        match self {
            Stage::Granted { socket, .. } | Stage::Hold { socket, .. } => Some(*socket),
            Stage::Trial { .. } => Some(SocketMode::Inherit),
            Stage::Taking(taking) => Some(taking.socket),
            Stage::Claim(_) | Stage::Released { .. } => None,
        }
    }
}

impl Party {
    /// Granted or serving: the address is its own.
    pub(super) fn holds(&self) -> bool {
        match self.stage {
            Stage::Granted { .. } | Stage::Trial { .. } | Stage::Hold { .. } => true,
            Stage::Claim(_) | Stage::Taking(_) | Stage::Released { .. } => false,
        }
    }

    /// Anything but a server that lets go or has let go.
    pub(super) fn is_active(&self) -> bool {
        match self.stage {
            Stage::Claim(_) | Stage::Granted { .. } | Stage::Trial { .. } | Stage::Hold { .. } => true,
            Stage::Taking(_) | Stage::Released { .. } => false,
        }
    }

    pub(super) fn serves(&self) -> bool {
        matches!(self.stage, Stage::Hold { .. })
    }

    /// How it serves, or did before it was to let go.
    pub(super) fn served(&self) -> Served {
        match &self.stage {
            Stage::Trial { until, .. } => Served::OnProbation { until: *until },
            Stage::Hold { .. } => Served::ForGood,
            Stage::Taking(Taking { served, .. }) | Stage::Released { served, .. } => *served,
            Stage::Claim(_) | Stage::Granted { .. } => Served::Not,
        }
    }

    pub(super) fn is_granted(&self) -> bool {
        matches!(self.stage, Stage::Granted { .. })
    }

    pub(super) fn is_taking(&self) -> bool {
        matches!(self.stage, Stage::Taking(_))
    }

    pub(super) fn claim(&self) -> Option<&Claim> {
        match &self.stage {
            Stage::Claim(claim) => Some(claim),
            Stage::Granted { .. }
            | Stage::Trial { .. }
            | Stage::Hold { .. }
            | Stage::Taking(_)
            | Stage::Released { .. } => None,
        }
    }
}

impl Slot {
    /// The newest generation that serves, those on probation not counted.
    pub(super) fn top(&self) -> Option<Generation> {
        self.newest(Party::serves)
    }

    /// The newest generation with a waiting claim.
    pub(super) fn newest_claim(&self) -> Option<Generation> {
        self.newest(|party| party.claim().is_some())
    }

    /// The newest generation that was granted the address and has not taken it over yet.
    pub(super) fn newest_granted(&self) -> Option<Generation> {
        self.newest(|party| party.is_granted() || party.is_on_probation())
    }

    pub(super) fn newest_owner(&self) -> Option<Generation> {
        self.owners.values().copied().max()
    }

    /// The processes whose party fulfils `condition`.
    pub(super) fn processes(&self, condition: impl Fn(&Party) -> bool) -> BTreeSet<Process> {
        self.parties.iter().filter(|(_, party)| condition(party)).map(|(process, _)| *process).collect()
    }

    /// The generation of every server that has to do with the address, back or awaited.
    pub(super) fn generations_of_servers(&self) -> impl Iterator<Item = Generation> {
        let awaited = self.expected.values().filter_map(|expected| match expected {
            Expected::Server { generation, .. } => Some(*generation),
            Expected::Supervisor { .. } => None,
        });
        self.parties.values().map(|party| party.generation).chain(awaited)
    }

    /// Whether somebody is known to have it exclusively: then nobody else has it.
    pub(super) fn has_exclusive_holder(&self) -> bool {
        let awaited = self.expected.values().any(|expected| match expected {
            Expected::Server { socket, .. } => *socket == SocketMode::Bind,
            Expected::Supervisor { .. } => false,
        });
        awaited || self.parties.values().any(|party| party.stage.socket() == Some(SocketMode::Bind))
    }

    /// Whether nothing is left to be remembered.
    pub(super) fn is_empty(&self) -> bool {
        self.parties.is_empty()
            && self.expected.is_empty()
            && self.owners.is_empty()
            && self.keepers.is_empty()
            && self.listener == Listener::Absent
    }

    fn newest(&self, condition: impl Fn(&Party) -> bool) -> Option<Generation> {
        self.parties.values().filter(|party| condition(party)).map(|party| party.generation).max()
    }
}
