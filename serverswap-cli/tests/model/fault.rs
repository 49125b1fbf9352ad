//! The faults that can be seeded, and what they make of what passes through the driver.

use std::time::Duration;

use serverswap::protocol::Generation;
use serverswap::protocol::message::FromArbiter;

/// A rule that the driver of the model breaks, to show that a property can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seeded {
    Nothing,
    /// R1: the state file is never written.
    StateNotWritten,
    /// N2: every `holding` is passed on as serving.
    HoldingIsServing,
    /// N4: who speaks is taken for alive.
    DeadAreBelieved,
    /// N5: a process is gone before its connection was read to the end.
    GoneBeforeRead,
    /// N1: a supervisor that did not get the lock does not try it again.
    LockTriedOnce,
    /// The protocol: a supervisor takes every barrier for passed as soon as it has asked for it.
    BarrierNotAwaited,
    /// The protocol: every `welcome` is sent twice.
    WelcomedTwice,
    /// R2: the arbiter receives the generations in reverse.
    OldestWins,
    /// A new arbiter does not read who is on probation.
    ProbationForgotten,
    /// A new arbiter reads that every probation ends later.
    ProbationProlonged,
    /// No supervisor is notified that its server is on probation.
    ProbationUntold,
}

impl Seeded {
    /// Until when somebody is on probation, as a new arbiter reads it in the state file.
    pub fn as_read(self, until: Option<Duration>) -> Option<Duration> {
        let later = if self == Self::ProbationProlonged { Duration::from_secs(1) } else { Duration::ZERO };
        until.filter(|_| self != Self::ProbationForgotten).map(|until| until + later)
    }

    /// A generation, as the arbiter receives it.
    pub fn as_told(self, generation: Generation) -> Generation {
        let start = if self == Self::OldestWins { 100 - generation.start } else { generation.start };
        Generation { start, ..generation }
    }

    /// How often the arbiter sends a message.
    pub fn copies_of(self, message: &FromArbiter) -> usize {
        if self == Self::WelcomedTwice && matches!(message, FromArbiter::Welcome(_)) { 2 } else { 1 }
    }
}
