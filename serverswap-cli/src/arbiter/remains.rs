//! What is left of a generation whose servers have ended: its wrapper, its sidecars, its helpers (R13).
//!
//! The driver reports with the end of a server which other processes of its generation live; it finds them
//! by their environment. They count as soon as no server of the generation is known any more:
//!
//! - *The generation was taken down*: they are participants like a server that drains. They get TERM and
//!   KILL at its deadlines, they are in the state and in `status`, and a deploy is done when they are gone.
//! - *Its last server has ended by itself*, and no supervisor is there to start another one: they are kept at
//!   the address (`left`), because they may start a server again, or accept connections themselves: a pool
//!   whose main process was killed has inherited the listener. The listener is kept for the next claim, and looked for in them
//!   by a new arbiter. They are ended when a newer generation serves every address of theirs; earlier only
//!   if the address cannot be had otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serverswap::protocol::message::TakedownReason;
use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap::sys::process::Process;

use super::address::AddressState;
use super::address::state::{
    Expected, Had, Left, LeftListener, Participant, PendingTakedown, Search, Served, Stage,
};
use super::server::{ServerConnection, ServerKind, ServerRecord, Speaker, Termination};
use super::{Arbiter, Turn};

/// The living processes of generations of which no server lives.
pub type Remains = BTreeMap<Generation, BTreeSet<Process>>;

impl Arbiter {
    /// The generation of a server that has ended, if nothing else that is known of it lives: then, what
    /// remains of it is to be looked for.
    pub fn last_of_generation(
        &self,
        process: Process,
        lives: impl Fn(Process) -> bool,
    ) -> Option<Generation> {
        let generation = self.servers.get(process)?.generation;
        let mut others = self.servers.of_generation(generation).filter(|other| *other != process);
        (!others.any(lives)).then_some(generation)
    }

    /// `ended` was the last server that was known of its generation; `stood` is how it stood at its addresses.
    pub(super) fn note_remains(
        &mut self,
        ended: &ServerRecord,
        stood: &[(Address, Standing)],
        remains: &BTreeSet<Process>,
        turn: &mut Turn,
    ) {
        let generation = ended.generation;
        if self.servers.of_generation(generation).next().is_some() {
            return;
        }
        let is_supervised = self.generation(generation).supervisor.process().is_some();
        let was_taken_down = stood.iter().any(|(_, standing)| *standing == Standing::TakenDown);
        let until = ended.drain_until().unwrap_or(turn.now);
        let termination =
            if was_taken_down { ended.termination.of_remains(until) } else { Termination::None };
        for (address, standing) in stood {
            let Some(change) = standing.of_remains(is_supervised) else {
                continue;
            };
            for process in remains {
                self.follow(*process, generation, ended.speaker, termination, turn);
            }
            let now = turn.now;
            self.edit(address, turn, |state| match change {
                Remaining::Drains => state.drain_remains(generation, remains, now),
                Remaining::IsSearched => state.search_remains(generation, remains),
                Remaining::IsLeft => remains
                    .iter()
                    .for_each(|process| state.leave(*process, generation, LeftListener::NotFound)),
            });
            turn.touched.insert(address.clone());
        }
        for process in remains {
            self.notify_remains(*process, turn);
        }
    }

    /// A process that is no server, for as long as it lives.
    pub(super) fn follow(
        &mut self,
        process: Process,
        generation: Generation,
        speaker: Speaker,
        termination: Termination,
        turn: &mut Turn,
    ) {
        if self.servers.get(process).is_some() {
            return;
        }
        let away = ServerConnection::Away { since: turn.now };
        let record = ServerRecord {
            kind: ServerKind::Helper,
            speaker,
            termination,
            ..ServerRecord::new(generation, away)
        };
        self.servers.insert(process, record);
        turn.generations.insert(generation);
    }

    /// A newer generation serves: what was left by an older one that had ended by itself has no time
    /// left, unless a server of it came back and drains.
    pub(super) fn end_remains(&mut self, process: Process, turn: &mut Turn) {
        let Some(generation) = self.servers.get(process).map(|server| server.generation) else {
            return;
        };
        let siblings = self.servers.of_generation(generation).filter_map(|one| self.servers.get(one));
        let until = siblings.filter_map(ServerRecord::drain_until).max().unwrap_or(turn.now);
        self.set_drain(process, until, turn);
        self.notify_remains(process, turn);
    }

    fn notify_remains(&self, process: Process, turn: &mut Turn) {
        for address in self.index.addresses_of(process) {
            if self.address(&address).participants.contains_key(&process) {
                self.notify_draining(&address, process, turn);
            }
        }
    }
}

/// How a server that has ended stood at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It was granted it, or it was left by one that was.
    Active { socket: SocketMode },
    /// It had released it, or was to.
    TakenDown,
}

/// What becomes of the rest of its generation there.
enum Remaining {
    Drains,
    /// It is left, and the listener is looked for in it.
    IsSearched,
    IsLeft,
}

impl Standing {
    /// `None`: its supervisor knows.
    fn of_remains(self, is_supervised: bool) -> Option<Remaining> {
        match self {
            Standing::TakenDown => Some(Remaining::Drains),
            Standing::Active { .. } if is_supervised => None,
            Standing::Active { socket: SocketMode::Inherit } => Some(Remaining::IsSearched),
            Standing::Active { socket: SocketMode::Bind } => Some(Remaining::IsLeft),
        }
    }
}

impl AddressState {
    pub(super) fn standing(&self, process: Process) -> Option<Standing> {
        if let Some(left) = self.left.get(&process) {
            let socket = match left.listener {
                LeftListener::Found => SocketMode::Inherit,
                LeftListener::NotFound => SocketMode::Bind,
            };
            return Some(Standing::Active { socket });
        }
        let stage = &self.participants.get(&process)?.stage;
        match stage {
            Stage::Claim(_) => None,
            Stage::Granted { .. }
            | Stage::Providing { .. }
            | Stage::Probation { .. }
            | Stage::Serving { .. } => stage.socket().map(|socket| Standing::Active { socket }),
            Stage::TakingDown(_) | Stage::Released { .. } => Some(Standing::TakenDown),
        }
    }

    pub(super) fn drain_remains(
        &mut self,
        generation: Generation,
        remains: &BTreeSet<Process>,
        now: Duration,
    ) {
        for process in remains {
            let stage = Stage::Released { takedown: None, served: Served::Not, since: now };
            self.participants.entry(*process).or_insert(Participant { generation, stage });
        }
    }

    /// They are left, and a listener is looked for in them first.
    pub(super) fn search_remains(&mut self, generation: Generation, remains: &BTreeSet<Process>) {
        let expected = Expected { generation, had: Had::Remains, search: Search::AtOnce };
        self.expected.extend(remains.iter().map(|process| (*process, expected.clone())));
    }

    pub(super) fn leave(&mut self, process: Process, generation: Generation, listener: LeftListener) {
        self.expected.remove(&process);
        self.left.insert(process, Left { generation, listener });
    }

    /// A newer generation serves: what was left by older ones is ended.
    pub(super) fn replace_left(&mut self, newest: Generation, now: Duration) {
        for (process, left) in self.take_left_older_than(newest) {
            self.drain_remains(left.generation, &[process].into(), now);
        }
    }

    /// What was left by older generations is ended before a claim of a newer one is granted.
    pub(super) fn take_down_left(&mut self, newest: Generation, socket: SocketMode, now: Duration) {
        for (process, left) in self.take_left_older_than(newest) {
            let (reason, served, provides) = (TakedownReason::Replaced, Served::Not, false);
            let takedown = PendingTakedown { socket, message: None, reason, served, provides, since: now };
            self.participate(process, left.generation, Stage::TakingDown(takedown));
        }
    }

    pub(super) fn is_left_by_older(&self, newest: Generation) -> bool {
        self.left.values().any(|left| left.generation < newest)
    }

    fn take_left_older_than(&mut self, newest: Generation) -> BTreeMap<Process, Left> {
        let (older, rest) =
            std::mem::take(&mut self.left).into_iter().partition(|(_, left)| left.generation < newest);
        self.left = rest;
        older
    }
}
