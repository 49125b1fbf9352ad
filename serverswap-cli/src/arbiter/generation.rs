//! What the arbiter knows of generations as a whole, and what it tells their supervisors: `up` and `done`.

use std::time::Duration;

use serverswap::protocol::Generation;
use serverswap::protocol::message::{Event, EventKind, FromArbiter, Timeouts};
use serverswap::sys::process::Process;

use super::address::state::Notified;
use super::collections::{Map, Set, insert_into, remove_from};
use super::{Arbiter, Turn};
use crate::state::GenerationRecord;

/// Most generations that are remembered although neither their supervisor nor any server is
/// known to live; the oldest are forgotten first.
const UNBORN_MAX: usize = 16;

/// A generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GenerationState {
    pub(super) timeouts: Timeouts,
    pub(super) supervisor: SupervisorPresence,
    pub(super) server: FirstHello,
    pub(super) up: UpStatus,
    /// When its supervisor was last allowed to end its server: a server that was started before that
    /// gets nothing any more.
    pub(super) late_since: Option<Duration>,
}

/// The supervisor that started a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SupervisorPresence {
    /// None is known, or it has left.
    None,
    /// It lives and was connected to an arbiter before this one.
    Disconnected(Process),
    /// It leaves when its server is up and every replaced one has exited.
    Transient(Process),
    /// It stays with its server.
    Resident(Process),
    /// It was asked to stop: the generation gets nothing any more.
    Stopping(Process),
}

/// Whether a server of a generation has ever sent `hello`, to whichever arbiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FirstHello {
    /// It may have been started, and still send it, whatever became of its supervisor.
    Awaited,
    Received,
}

/// Whether a generation is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UpStatus {
    /// As soon as everything granted is served and no claim waits.
    Implied,
    /// Its server announced more claims: not before `serverUp`.
    Awaited,
    /// It sent `serverUp`; as soon as everything granted is served.
    Announced,
    /// It is up.
    Yes,
}

impl SupervisorPresence {
    pub(super) fn process(self) -> Option<Process> {
        match self {
            SupervisorPresence::None => None,
            SupervisorPresence::Disconnected(process)
            | SupervisorPresence::Transient(process)
            | SupervisorPresence::Resident(process)
            | SupervisorPresence::Stopping(process) => Some(process),
        }
    }
}

impl GenerationState {
    pub(super) fn new(timeouts: Timeouts) -> Self {
        GenerationState {
            timeouts,
            supervisor: SupervisorPresence::None,
            server: FirstHello::Awaited,
            up: UpStatus::Implied,
            late_since: None,
        }
    }

    /// Its supervisor is gone and its server may be on its way: it is to find the deadlines that the
    /// supervisor gave, its probation among them.
    fn is_unborn(&self) -> bool {
        self.supervisor == SupervisorPresence::None && self.server == FirstHello::Awaited
    }

    pub(super) fn record(&self) -> GenerationRecord {
        GenerationRecord {
            timeouts: self.timeouts,
            supervisor: self.supervisor.process(),
            up: self.up == UpStatus::Yes,
            awaits_server_up: self.up == UpStatus::Awaited,
        }
    }
}

/// Every generation that matters.
#[derive(Debug, Clone, Default)]
pub(super) struct Generations {
    all: Map<Generation, GenerationState>,
    of_supervisor: Map<Process, Set<Generation>>,
    unborn: Set<Generation>,
}

impl Generations {
    pub(super) fn get(&self, generation: Generation) -> Option<&GenerationState> {
        self.all.get(&generation)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Generation, &GenerationState)> {
        self.all.iter()
    }

    pub(super) fn insert(&mut self, generation: Generation, state: GenerationState) {
        self.remove(generation);
        if let Some(supervisor) = state.supervisor.process() {
            insert_into(&mut self.of_supervisor, supervisor, generation);
        }
        if state.is_unborn() {
            self.unborn.insert_mut(generation);
        }
        self.all.insert_mut(generation, state);
    }

    fn remove(&mut self, generation: Generation) {
        let Some(state) = self.all.get(&generation).copied() else {
            return;
        };
        if let Some(supervisor) = state.supervisor.process() {
            remove_from(&mut self.of_supervisor, &supervisor, &generation);
        }
        self.unborn.remove_mut(&generation);
        self.all.remove_mut(&generation);
    }

    pub(super) fn of_supervisor(&self, supervisor: Process) -> Vec<Generation> {
        let generations = self.of_supervisor.get(&supervisor);
        generations.into_iter().flat_map(|generations| generations.iter().copied()).collect()
    }

    /// Those of which a server may be on its way, newest first.
    fn unborn(&self) -> impl Iterator<Item = Generation> {
        self.unborn.iter().rev().copied()
    }
}

impl Arbiter {
    /// The deadlines of a generation.
    pub(super) fn timeouts(&self, generation: Generation) -> Timeouts {
        self.generations.get(generation).map_or(self.limits.timeouts, |state| state.timeouts)
    }

    pub(super) fn generation(&self, generation: Generation) -> GenerationState {
        let known = self.generations.get(generation).copied();
        known.unwrap_or_else(|| GenerationState::new(self.limits.timeouts))
    }

    pub(super) fn edit_generation(
        &mut self,
        generation: Generation,
        turn: &mut Turn,
        edit: impl FnOnce(&mut GenerationState),
    ) {
        let before = self.generations.get(generation).map(GenerationState::record);
        let mut state = self.generation(generation);
        edit(&mut state);
        if before != Some(state.record()) {
            turn.changes.generations.insert(generation);
        }
        self.generations.insert(generation, state);
        turn.generations.insert(generation);
    }

    /// Finds what the turn means for the generations that it touched: whether they are up, whether their
    /// commands are done, and whether anything of them is left.
    pub(super) fn settle_generations(&mut self, turn: &mut Turn) {
        for generation in std::mem::take(&mut turn.generations) {
            self.settle_up(generation, turn);
            self.notify_up_and_done(generation, turn);
            self.settle_deadlines(generation);
            self.forget_generation_if_over(generation, turn);
        }
        // The list of the unborn is bounded: a new one may be one too many.
        let excess: Vec<Generation> = self.generations.unborn().skip(UNBORN_MAX).collect();
        for generation in excess {
            self.forget_generation_if_over(generation, turn);
        }
        turn.generations.clear();
    }

    fn settle_up(&mut self, generation: Generation, turn: &mut Turn) {
        let Some(tally) = self.index.tally(generation) else {
            return;
        };
        let everything_is_served = tally.serving > 0 && tally.pending == 0;
        let is_up = match self.generation(generation).up {
            UpStatus::Implied | UpStatus::Announced => everything_is_served,
            UpStatus::Awaited | UpStatus::Yes => false,
        };
        self.edit_generation(generation, turn, |state| {
            if is_up {
                state.up = UpStatus::Yes;
            }
        });
        if is_up {
            // To observers; each supervisor is sent it once on each connection.
            self.notify(&Event::new(EventKind::Up, generation), [], turn);
        }
    }

    fn notify_up_and_done(&mut self, generation: Generation, turn: &mut Turn) {
        let is_up = self.generations.get(generation).is_some_and(|state| state.up == UpStatus::Yes);
        let is_done = self
            .index
            .tally(generation)
            .is_some_and(|tally| is_up && tally.serving > 0 && tally.pending == 0 && tally.older == 0)
            && !self.may_older_return(generation);
        let links: Vec<_> = self.peers.supervisors_of(generation).collect();
        for link in links {
            let Some(peer) = self.peers.get_mut(link) else {
                continue;
            };
            if is_up && peer.up == Notified::No {
                peer.up = Notified::Yes;
                turn.send(link, FromArbiter::Event(Event::new(EventKind::Up, generation)));
            }
            if is_done && peer.done == Notified::No {
                peer.done = Notified::Yes;
                let done = Event::new(EventKind::Done, generation);
                turn.send(link, FromArbiter::Event(done.clone()));
                self.notify(&done, [], turn);
            }
        }
    }

    /// Whether a process of an older generation, of which no state says what it drains, may still come back.
    fn may_older_return(&self, generation: Generation) -> bool {
        self.recover_until.is_some() && self.unrecorded.values().any(|older| *older < generation)
    }

    /// What the return of such a process, or the end of the wait for it, may mean to every generation.
    pub(super) fn nobody_may_return(&self, turn: &mut Turn) {
        turn.generations.extend(self.generations.iter().map(|(generation, _)| *generation));
    }

    fn forget_generation_if_over(&mut self, generation: Generation, turn: &mut Turn) {
        let is_supervised =
            self.generations.get(generation).is_some_and(|state| state.supervisor.process().is_some());
        let is_over = self.index.tally(generation).is_none()
            && !self.peers.is_connected(generation)
            && !self.is_abandoned(generation)
            && !is_supervised
            && !self.generations.unborn().take(UNBORN_MAX).any(|unborn| unborn == generation);
        if is_over && self.generations.get(generation).is_some() {
            self.generations.remove(generation);
            turn.changes.generations.insert(generation);
        }
    }
}
