//! Everything that is known about one address. Queries only: what follows is decided in `handover`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serverswap::protocol::message::{Code, EventKind, TakedownReason};
use serverswap::protocol::{Generation, SocketMode};
use serverswap::sys::process::Process;

use crate::arbiter::{ConnectionId, Fetched};

/// One address.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct AddressState {
    /// The servers that claim, hold or give up the address, and those that gave it up and live.
    pub(crate) participants: BTreeMap<Process, Participant>,
    /// Named by the state file, alive, and not back yet.
    pub(crate) expected: BTreeMap<Process, Expected>,
    /// Resident supervisors whose generation served here and is not replaced (R6).
    pub(crate) owners: BTreeMap<Process, Generation>,
    /// What lives of generations whose last server here ended by itself, and that are not replaced (`remains`).
    pub(crate) left: BTreeMap<Process, Left>,
    /// Supervisors that have a duplicate of the listener.
    pub(crate) keepers: BTreeMap<Process, Keeper>,
    /// The arbiter's own duplicate of the listener.
    pub(crate) listener: ListenerState,
    pub(crate) holders: Holders,
    /// The status that each connected supervisor was sent last.
    pub(crate) notified: BTreeMap<Process, GenerationStatus>,
    /// Claims that ended in this turn and are to be answered at the end of it.
    pub(crate) refused: Vec<Refused>,
}

/// Whether the state file that the arbiter began with can have missed a holder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Holders {
    /// There may be other holders than the participants.
    #[default]
    Unknown,
    /// A participant has or had the address exclusively, so every other holder is one, too.
    Known,
}

/// The arbiter's own duplicate of a listener.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum ListenerState {
    /// It has none.
    #[default]
    Absent,
    /// The driver was asked to open one.
    Opening,
    /// A server of this directory has it that no state file names and that is not back yet.
    Awaited {
        /// How long claims wait for its return.
        until: Duration,
        /// Why they are refused then.
        message: String,
    },
    /// A descriptor of it came with the events of this turn.
    Arrived,
    /// The driver has it.
    Held,
}

/// A server and an address.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Participant {
    pub(crate) generation: Generation,
    pub(crate) stage: Stage,
}

/// How far a server is with an address.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stage {
    /// It sent `readyFor` and waits.
    Claim(PendingClaim),
    /// `granted`, and it has not sent `serving` yet.
    Granted { socket: SocketMode, since: Duration },
    /// The same without a listener: it opens one by itself, and sends it with `serving`.
    Providing { since: Duration },
    /// It serves an inherited address beside an older server, until its probation is over.
    Probation { since: Duration, until: Duration, check: Check },
    /// It serves.
    Serving { socket: SocketMode, since: Duration },
    /// It is to release the address.
    TakingDown(PendingTakedown),
    /// It released the address, and finishes what is open.
    Released { takedown: Option<u64>, served: Served, since: Duration },
}

/// A waiting claim.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PendingClaim {
    /// The connection on which it was made, and is answered.
    pub(crate) link: ConnectionId,
    /// The `id` of the `readyFor`.
    pub(crate) id: u64,
    pub(crate) socket: SocketMode,
    /// Whether the server opens the listener if there is none.
    pub(crate) provides: bool,
    /// The processes that the claimant was told it waits for; empty until it was told.
    pub(crate) waits_for: BTreeSet<Process>,
}

/// A claim that ended without a grant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refused {
    pub(crate) process: Process,
    pub(crate) generation: Generation,
    /// The connection on which it was made, and is answered.
    pub(crate) link: ConnectionId,
    /// The `id` of the `readyFor`.
    pub(crate) id: u64,
    pub(crate) code: Code,
    pub(crate) message: String,
}

/// Whether a server is known to have lived to the end of its probation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// The probation is not over.
    Due,
    /// It is over, and the driver was asked whether the server lives.
    Asked,
    /// It lives.
    Alive,
    /// The server had ended, which will be read.
    Dead,
}

/// Whether something was sent already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notified {
    No,
    Yes,
}

/// A takedown that is under way.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PendingTakedown {
    pub(crate) socket: SocketMode,
    /// The `id` of the `takedown` on the present connection; `None` while it was not sent there.
    pub(crate) message: Option<u64>,
    pub(crate) reason: TakedownReason,
    pub(crate) served: Served,
    /// It was to open the listener by itself, and had not sent it.
    pub(crate) provides: bool,
    pub(crate) since: Duration,
}

/// How a server served before it was to release the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Served {
    /// It never sent `serving`.
    Not,
    /// Beside an older server, which goes on.
    OnProbation { until: Duration },
    /// As the one that replaces all older ones.
    Fully,
}

/// What the state file says of a process that is not back yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expected {
    pub(crate) generation: Generation,
    pub(crate) had: Had,
    pub(crate) search: Search,
}

/// What it had.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Had {
    /// A server that was granted the address.
    Grant {
        socket: SocketMode,
        serving: bool,
        since: Duration,
        probation_until: Option<Duration>,
        /// It was to open the listener by itself, and had not sent it.
        provides: bool,
    },
    /// A supervisor that owns the address, keeps a duplicate, or both.
    Ownership { owns: bool, keeps: bool },
    /// Nothing itself: a server of its generation that has ended was granted the address.
    Remains,
}

/// How far the search for a listener among the descriptors of a process is (R10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Search {
    /// It begins if the process does not come back in time.
    AfterWait,
    /// It begins at once: the process is back and cannot send descriptors.
    AtOnce,
    /// The driver was asked.
    Asked,
    /// The driver has answered.
    Answered(Fetched),
}

/// A process that a server which ended by itself has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) generation: Generation,
    pub(crate) listener: LeftListener,
}

/// Whether it has inherited the listener: then it may accept connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeftListener {
    Found,
    /// It has not, or the kernel does not let us look.
    NotFound,
}

/// A supervisor's duplicate.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Keeper {
    pub(crate) generation: Generation,
    /// Whether it was asked, on its present connection, to close it.
    pub(crate) asked_to_close: Notified,
}

/// What an address is to a generation. The first three in the order in which a server comes to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum GenerationStatus {
    Granted,
    Probation,
    Serving,
    Busy,
    Vacant,
    Replaced,
}

impl GenerationStatus {
    pub(crate) fn kind(self) -> EventKind {
        match self {
            GenerationStatus::Granted => EventKind::Granted,
            GenerationStatus::Probation => EventKind::Probation,
            GenerationStatus::Serving => EventKind::Serving,
            GenerationStatus::Busy => EventKind::Busy,
            GenerationStatus::Vacant => EventKind::Vacant,
            GenerationStatus::Replaced => EventKind::Replaced,
        }
    }

    /// The status that an event carries, if it carries one.
    pub(crate) fn of(kind: &EventKind) -> Option<GenerationStatus> {
        use GenerationStatus::{Busy, Granted, Probation, Replaced, Serving, Vacant};
        let all = [Granted, Probation, Serving, Busy, Vacant, Replaced];
        all.into_iter().find(|status| status.kind() == *kind)
    }
}

impl Stage {
    /// How far a holder of the state file was.
    pub(crate) fn recorded(
        socket: SocketMode,
        serving: bool,
        since: Duration,
        probation_until: Option<Duration>,
        provides: bool,
    ) -> Stage {
        match (serving, probation_until) {
            _ if provides => Stage::Providing { since },
            (true, Some(until)) => Stage::Probation { since, until, check: Check::Due },
            (true, None) => Stage::Serving { socket, since },
            (false, _) => Stage::Granted { socket, since },
        }
    }

    /// How the address is held, by a server that was granted it.
    pub(crate) fn socket(&self) -> Option<SocketMode> {
        match self {
            Stage::Granted { socket, .. } | Stage::Serving { socket, .. } => Some(*socket),
            Stage::Providing { .. } | Stage::Probation { .. } => Some(SocketMode::Inherit),
            Stage::TakingDown(takedown) => Some(takedown.socket),
            Stage::Claim(_) | Stage::Released { .. } => None,
        }
    }

    /// Whether this is the takedown with that `id`, under way or answered.
    pub(crate) fn is_about_takedown(&self, id: u64) -> bool {
        match self {
            Stage::TakingDown(takedown) => takedown.message == Some(id),
            Stage::Released { takedown, .. } => *takedown == Some(id),
            Stage::Claim(_)
            | Stage::Granted { .. }
            | Stage::Providing { .. }
            | Stage::Probation { .. }
            | Stage::Serving { .. } => false,
        }
    }
}

impl Served {
    /// How far a server of the state file was.
    pub(crate) fn recorded(serving: bool, probation_until: Option<Duration>) -> Served {
        match (serving, probation_until) {
            (true, Some(until)) => Served::OnProbation { until },
            (true, None) => Served::Fully,
            (false, _) => Served::Not,
        }
    }

    /// As the state file says it: whether it served, and until when on probation.
    pub(crate) fn record(self) -> (bool, Option<Duration>) {
        match self {
            Served::Not => (false, None),
            Served::OnProbation { until } => (true, Some(until)),
            Served::Fully => (true, None),
        }
    }
}

impl Stage {
    /// How the server serves, or did before it was to release the address.
    pub(crate) fn served(&self) -> Served {
        match self {
            Stage::Probation { until, .. } => Served::OnProbation { until: *until },
            Stage::Serving { .. } => Served::Fully,
            Stage::TakingDown(PendingTakedown { served, .. }) | Stage::Released { served, .. } => *served,
            Stage::Claim(_) | Stage::Granted { .. } | Stage::Providing { .. } => Served::Not,
        }
    }

    /// Until when the server serves beside an older one, as time since boot.
    pub(crate) fn probation_until(&self) -> Option<Duration> {
        match self {
            Stage::Probation { until, .. } => Some(*until),
            Stage::Claim(_)
            | Stage::Granted { .. }
            | Stage::Providing { .. }
            | Stage::Serving { .. }
            | Stage::TakingDown(_)
            | Stage::Released { .. } => None,
        }
    }
}

impl Participant {
    /// Granted or serving: the address is its own.
    pub(crate) fn holds(&self) -> bool {
        match self.stage {
            Stage::Granted { .. }
            | Stage::Providing { .. }
            | Stage::Probation { .. }
            | Stage::Serving { .. } => true,
            Stage::Claim(_) | Stage::TakingDown(_) | Stage::Released { .. } => false,
        }
    }

    /// Holds the address, or has not released it yet.
    pub(crate) fn occupies(&self) -> bool {
        self.holds() || self.is_taking_down()
    }

    /// Claims, was granted or serves: anything but a server that releases or has released.
    pub(crate) fn is_active(&self) -> bool {
        self.claim().is_some() || self.holds()
    }

    /// Whether it serves, those on probation not counted.
    pub(crate) fn serves(&self) -> bool {
        matches!(self.stage, Stage::Serving { .. })
    }

    pub(crate) fn is_on_probation(&self) -> bool {
        self.stage.probation_until().is_some()
    }

    /// The same, or it was when its takedown began, and has not released.
    pub(crate) fn is_taken_for_on_probation(&self) -> bool {
        match &self.stage {
            Stage::Probation { .. } => true,
            Stage::TakingDown(takedown) => matches!(takedown.served, Served::OnProbation { .. }),
            Stage::Claim(_)
            | Stage::Granted { .. }
            | Stage::Providing { .. }
            | Stage::Serving { .. }
            | Stage::Released { .. } => false,
        }
    }

    pub(crate) fn is_granted(&self) -> bool {
        matches!(self.stage, Stage::Granted { .. } | Stage::Providing { .. })
    }

    pub(crate) fn is_providing(&self) -> bool {
        matches!(self.stage, Stage::Providing { .. })
    }

    pub(crate) fn is_taking_down(&self) -> bool {
        matches!(self.stage, Stage::TakingDown(_))
    }

    /// How it serves, or did before it was to release the address.
    pub(crate) fn served(&self) -> Served {
        self.stage.served()
    }

    pub(crate) fn claim(&self) -> Option<&PendingClaim> {
        match &self.stage {
            Stage::Claim(claim) => Some(claim),
            Stage::Granted { .. }
            | Stage::Providing { .. }
            | Stage::Probation { .. }
            | Stage::Serving { .. }
            | Stage::TakingDown(_)
            | Stage::Released { .. } => None,
        }
    }

    /// When it is to be asked whether it lived to the end of its probation.
    pub(crate) fn check_due(&self) -> Option<Duration> {
        match self.stage {
            Stage::Probation { until, check: Check::Due, .. } => Some(until),
            Stage::Probation { check: Check::Asked | Check::Alive | Check::Dead, .. }
            | Stage::Claim(_)
            | Stage::Granted { .. }
            | Stage::Providing { .. }
            | Stage::Serving { .. }
            | Stage::TakingDown(_)
            | Stage::Released { .. } => None,
        }
    }

    /// The most that the server had; `None` if it was never granted the address.
    pub(crate) fn had(&self) -> Option<GenerationStatus> {
        if self.claim().is_some() {
            return None;
        }
        Some(match self.served() {
            Served::Not => GenerationStatus::Granted,
            Served::OnProbation { .. } => GenerationStatus::Probation,
            Served::Fully => GenerationStatus::Serving,
        })
    }
}

impl Expected {
    /// The server as it counts if it does not come back: as the state file says.
    pub(crate) fn recorded_stage(&self) -> Option<Stage> {
        match self.had {
            Had::Grant { socket, serving, since, probation_until, provides } => {
                Some(Stage::recorded(socket, serving, since, probation_until, provides))
            }
            Had::Ownership { .. } | Had::Remains => None,
        }
    }

    /// A server that is back, and whose listener is being looked for, has sent `serving`.
    pub(crate) fn begins_to_serve(&mut self, stage: &Stage, now: Duration) {
        match &mut self.had {
            Had::Grant { serving, since, probation_until, provides, .. } => {
                (*serving, *since, *provides) = (true, now, false);
                *probation_until = stage.probation_until();
            }
            Had::Ownership { .. } | Had::Remains => {}
        }
    }

    /// How it served, as far as is known.
    pub(crate) fn served(&self) -> Served {
        match self.had {
            Had::Grant { serving, probation_until, .. } => Served::recorded(serving, probation_until),
            Had::Ownership { .. } | Had::Remains => Served::Not,
        }
    }

    pub(crate) fn is_server(&self) -> bool {
        matches!(self.had, Had::Grant { .. })
    }

    /// Whether its generation is not to be ended here.
    pub(crate) fn is_active(&self) -> bool {
        match self.had {
            Had::Grant { .. } | Had::Remains => true,
            Had::Ownership { .. } => false,
        }
    }

    /// Whether the state file says that it serves.
    pub(crate) fn serves(&self) -> bool {
        matches!(self.had, Had::Grant { serving: true, .. })
    }

    pub(crate) fn is_on_probation(&self) -> bool {
        matches!(self.had, Had::Grant { probation_until: Some(_), .. })
    }
}

impl ListenerState {
    pub(crate) fn awaited_until(&self) -> Option<Duration> {
        match self {
            ListenerState::Awaited { until, .. } => Some(*until),
            ListenerState::Absent | ListenerState::Opening | ListenerState::Arrived | ListenerState::Held => {
                None
            }
        }
    }
}

impl AddressState {
    /// The newest generation that serves, those on probation not counted.
    pub(crate) fn newest_serving(&self) -> Option<Generation> {
        self.newest(Participant::serves)
    }

    /// The newest generation with a waiting claim.
    pub(crate) fn newest_claim(&self) -> Option<Generation> {
        self.newest(|participant| participant.claim().is_some())
    }

    /// The newest generation that was granted the address and has not replaced the older ones yet.
    pub(crate) fn newest_granted(&self) -> Option<Generation> {
        self.newest(|participant| participant.is_granted() || participant.is_on_probation())
    }

    pub(crate) fn newest_owner(&self) -> Option<Generation> {
        self.owners.values().copied().max()
    }

    /// The newest generation that serves, was granted, owns or claims the address, also by the state file.
    pub(crate) fn newest_rival(&self) -> Option<Generation> {
        let present =
            [self.newest_serving(), self.newest_granted(), self.newest_owner(), self.newest_claim()];
        let expected = self.expected.values().map(|expected| expected.generation).max();
        present.into_iter().flatten().chain(expected).max()
    }

    /// Who keeps an overlapping address from being bound, or may: the newest server that serves, before others,
    /// supervisors and what an ended server has left.
    pub(crate) fn occupant(&self) -> Option<Process> {
        let is_here = |one: &Participant| one.is_active() || one.is_taking_down();
        let present = self.participants.iter().filter(|(_, one)| is_here(one));
        let server =
            present.max_by_key(|(_, one)| (one.serves(), one.generation)).map(|(process, _)| process);
        let others = self.expected.keys().chain(self.owners.keys()).chain(self.keepers.keys());
        server.into_iter().chain(others).chain(self.left.keys()).next().copied()
    }

    /// Whether a server older than the generation serves, or the state file says so of one that
    /// is not back yet.
    pub(crate) fn is_served_by_older(&self, generation: Generation) -> bool {
        let serves = |participant: &Participant| participant.serves() || participant.is_on_probation();
        self.participants.values().any(|older| older.generation < generation && serves(older))
            || self.expected.values().any(|older| older.generation < generation && older.serves())
    }

    /// Whether a server has released the address.
    pub(crate) fn has_released(&self, process: Process) -> bool {
        let participant = self.participants.get(&process);
        participant.is_some_and(|one| matches!(one.stage, Stage::Released { .. }))
    }

    /// Whether a server was granted an inherited address and has not read that: it has no listener, and has
    /// never served.
    pub(crate) fn is_grant_unread(&self, process: Process) -> bool {
        let participant = self.participants.get(&process);
        let is_granted = participant.is_some_and(|one| {
            one.stage.socket() == Some(SocketMode::Inherit) && one.served() == Served::Not
        });
        is_granted && self.listener == ListenerState::Absent
    }

    /// The participants that fulfil `condition`.
    pub(crate) fn processes(&self, condition: impl Fn(&Participant) -> bool) -> BTreeSet<Process> {
        let matching = self.participants.iter().filter(|(_, participant)| condition(participant));
        matching.map(|(process, _)| *process).collect()
    }

    /// The generation of every server that has to do with the address, back or awaited.
    pub(crate) fn generations_of_servers(&self) -> impl Iterator<Item = Generation> {
        let awaited = self.expected.values().filter(|expected| expected.is_server());
        let present = self.participants.values().map(|participant| participant.generation);
        present.chain(awaited.map(|expected| expected.generation))
    }

    /// A server is at this stage from now on.
    pub(crate) fn participate(&mut self, process: Process, generation: Generation, stage: Stage) {
        self.participants.insert(process, Participant { generation, stage });
    }

    /// Ends the claim of a server; the answer is sent at the end of the turn.
    pub(crate) fn refuse(&mut self, process: Process, code: Code, message: String) {
        let Some(participant) = self.participants.get(&process) else {
            return;
        };
        let Some(claim) = participant.claim() else {
            return;
        };
        let (link, id, generation) = (claim.link, claim.id, participant.generation);
        self.participants.remove(&process);
        self.refused.push(Refused { process, generation, link, id, code, message });
    }

    /// Everything that names the process is forgotten.
    pub(crate) fn forget(&mut self, process: Process) {
        self.participants.remove(&process);
        self.expected.remove(&process);
        self.owners.remove(&process);
        self.left.remove(&process);
        self.keepers.remove(&process);
        self.notified.remove(&process);
    }

    /// What the address is to a generation: the first line that fits; `None`: nothing that a
    /// supervisor acts on.
    pub(crate) fn status(&self, generation: Generation) -> Option<GenerationStatus> {
        let newer = |other: Option<Generation>| other.is_some_and(|other| other > generation);
        let own = |condition: fn(&Participant) -> bool| {
            let mut participants = self.participants.values();
            participants.any(|participant| participant.generation == generation && condition(participant))
        };
        if newer(self.newest_serving()) {
            Some(GenerationStatus::Replaced)
        } else if own(Participant::serves) {
            Some(GenerationStatus::Serving)
        } else if own(Participant::is_taken_for_on_probation) {
            Some(GenerationStatus::Probation)
        } else if own(Participant::is_granted) {
            Some(GenerationStatus::Granted)
        } else if !self.expected.is_empty() {
            None
        } else if newer(self.newest_claim()) || newer(self.newest_granted()) || newer(self.newest_owner()) {
            Some(GenerationStatus::Busy)
        } else if self.participants.values().any(Participant::is_active) || own(Participant::is_taking_down) {
            None
        } else {
            Some(GenerationStatus::Vacant)
        }
    }

    /// When something is to be decided although nothing happens. While holders are awaited nothing
    /// is, so nothing is due.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let checks = self.participants.values().filter_map(Participant::check_due);
        let checks = checks.filter(|_| self.expected.is_empty());
        checks.chain(self.listener.awaited_until()).min()
    }

    /// Whether nothing is left to be remembered.
    pub(crate) fn is_empty(&self) -> bool {
        self.participants.is_empty()
            && self.expected.is_empty()
            && self.owners.is_empty()
            && self.left.is_empty()
            && self.keepers.is_empty()
            && self.notified.is_empty()
            && self.refused.is_empty()
            && self.listener == ListenerState::Absent
    }

    fn newest(&self, condition: impl Fn(&Participant) -> bool) -> Option<Generation> {
        let matching = self.participants.values().filter(|participant| condition(participant));
        matching.map(|participant| participant.generation).max()
    }
}
