//! A generation whose supervisor was killed before it was up: nobody else asks whether its server is late (R14).
//!
//! - Its server may still come up, until the ready timeout is over, counted from the end of the supervisor; after
//!   that it is late (R9). One that serves is kept, one that was granted an address is taken down.
//! - Otherwise every process of the generation gets TERM and then KILL: a server that hangs has never connected,
//!   so only its environment shows whose it is.

use std::time::Duration;

use serverswap::protocol::Generation;

use super::address::state::Participant;
use super::generation::UpStatus;
use super::{Arbiter, ArbiterAction, TerminationSignal, Turn};

/// The ready timeout of a generation whose supervisor gave none.
const READY_TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);

/// How far the end of a generation without a supervisor is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Abandoned {
    /// It may still come up.
    Until(Duration),
    /// It is being sent TERM.
    Terminating,
    /// It got TERM.
    Terminated { at: Duration },
}

impl Arbiter {
    /// The supervisor of a generation is gone.
    pub(super) fn abandon(&mut self, generation: Generation, now: Duration) {
        if self.generation(generation).up != UpStatus::Yes {
            let ready = self.timeouts(generation).ready_ms.map(Duration::from_millis);
            let until = now + ready.unwrap_or(READY_TIMEOUT_DEFAULT);
            self.abandoned.insert_mut(generation, Abandoned::Until(until));
        }
    }

    /// The server of a generation gives up; nobody else would end it.
    pub(super) fn end_if_abandoned(&mut self, generation: Generation, turn: &Turn) {
        if self.abandoned.contains_key(&generation) {
            self.abandoned.insert_mut(generation, Abandoned::Until(turn.now));
        }
    }

    pub(super) fn is_abandoned(&self, generation: Generation) -> bool {
        self.abandoned.contains_key(&generation)
    }

    pub(super) fn next_abandoned(&self) -> Option<Duration> {
        self.abandoned.iter().filter_map(|(generation, stage)| self.abandoned_due(*generation, *stage)).min()
    }

    pub(super) fn end_abandoned(&mut self, turn: &mut Turn) {
        let due = self.abandoned.iter().filter(|(generation, stage)| {
            self.abandoned_due(**generation, **stage).is_some_and(|due| due <= turn.now)
        });
        let due: Vec<(Generation, Abandoned)> =
            due.map(|(generation, stage)| (*generation, *stage)).collect();
        for (generation, stage) in due {
            self.abandoned.remove_mut(&generation);
            turn.generations.insert(generation);
            match stage {
                Abandoned::Until(_) => self.end_late(generation, turn),
                Abandoned::Terminating | Abandoned::Terminated { .. } => {
                    signal(generation, TerminationSignal::Kill, turn)
                }
            }
        }
    }

    fn end_late(&mut self, generation: Generation, turn: &mut Turn) {
        if self.is_kept(generation) {
            return;
        }
        self.condemn(generation, turn);
        // What was granted or served is taken down, and its server has its own deadlines.
        let addresses = self.index.addresses_of_generation(generation);
        let has_had =
            |participant: &Participant| participant.generation == generation && participant.claim().is_none();
        if !addresses.iter().any(|address| self.address(address).participants.values().any(has_had)) {
            self.abandoned.insert_mut(generation, Abandoned::Terminating);
            signal(generation, TerminationSignal::Term, turn);
        }
    }

    /// It has got TERM, if it was being sent it.
    pub(super) fn abandoned_is_terminated(&mut self, generation: Generation, at: Duration) {
        if let Some(stage @ Abandoned::Terminating) = self.abandoned.get_mut(&generation) {
            *stage = Abandoned::Terminated { at };
        }
    }

    fn abandoned_due(&self, generation: Generation, stage: Abandoned) -> Option<Duration> {
        match stage {
            Abandoned::Until(until) => Some(until),
            Abandoned::Terminating => None,
            Abandoned::Terminated { at } => Some(at + self.kill_time(generation)),
        }
    }
}

fn signal(generation: Generation, signal: TerminationSignal, turn: &mut Turn) {
    turn.actions.push(ArbiterAction::SignalGeneration { generation, signal });
}
