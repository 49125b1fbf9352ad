//! What a world begins with, how much may go wrong in it, and which fault is seeded.

use serverswap::protocol::message::Form;
use serverswap::protocol::{Address, SocketMode};

/// The beginning of a run. Supervisor N starts generation N, and older ones come first.
#[derive(Debug, Clone)]
pub struct Setup {
    pub supervisors: Vec<Planned>,
    pub addresses: Vec<Address>,
    pub start: Start,
    /// Which faults may happen, and how many of them.
    pub faults: Faults,
    pub seeded: Seeded,
}

/// One `serverswap` command.
#[derive(Debug, Clone, Copy)]
pub struct Planned {
    pub form: Form,
    pub socket: SocketMode,
}

/// Whether the first generation serves before the others begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// All begin together.
    Cold,
    /// The first one is up, and its supervisor has left or stays.
    Warm,
}

/// Everything that may go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Faults {
    /// How many faults of any kind.
    pub budget: u8,
    /// kill -9 of any process, also between the write of the state and each send.
    pub kills: Allowed,
    /// The machine stands still until some deadline has passed: every wait may end too early,
    /// a ready timeout and a holder that does not come back in time among them.
    pub stalls: Allowed,
    /// TERM to a supervisor.
    pub stops: Allowed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    No,
    Yes,
}

/// A rule that the driver of the model breaks, to show that a property can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seeded {
    Nothing,
    /// Rule 1: the state file is never written.
    StateNotWritten,
    /// N2: every `holding` is passed on as serving.
    HoldingIsServing,
    /// N4: who speaks is taken for alive.
    DeadAreBelieved,
    /// N5: a process is gone before its connection was read to the end.
    GoneBeforeRead,
    /// N1: a supervisor that did not get the lock does not try it again.
    LockTriedOnce,
    /// The protocol: every `welcome` is sent twice.
    WelcomedTwice,
    /// Rule 2: the arbiter is told the generations in reverse.
    OldestWins,
}

impl std::fmt::Display for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kinds = [("kills", self.kills), ("stalls", self.stalls), ("stops", self.stops)];
        let allowed = kinds.iter().filter(|(_, allowed)| *allowed == Allowed::Yes).map(|(kind, _)| *kind);
        write!(f, "{} faults {}", self.budget, allowed.collect::<Vec<_>>().join(" and "))
    }
}

impl Faults {
    pub const NONE: Faults =
        Faults { budget: 0, kills: Allowed::No, stalls: Allowed::No, stops: Allowed::No };

    pub fn kills(budget: u8) -> Self {
        Faults { budget, kills: Allowed::Yes, ..Faults::NONE }
    }

    pub fn kills_and_stalls(budget: u8) -> Self {
        Faults { stalls: Allowed::Yes, ..Faults::kills(budget) }
    }

    pub fn stops(budget: u8) -> Self {
        Faults { budget, stops: Allowed::Yes, ..Faults::NONE }
    }
}

impl Setup {
    /// One command a form, all with the same way to take one address, all at once.
    pub fn new(socket: SocketMode, forms: &[Form]) -> Self {
        let supervisors = forms.iter().map(|form| Planned { form: *form, socket }).collect();
        Setup {
            supervisors,
            addresses: vec![":1".parse().expect("an address")],
            start: Start::Cold,
            faults: Faults::NONE,
            seeded: Seeded::Nothing,
        }
    }

    pub fn warm(self) -> Self {
        Setup { start: Start::Warm, ..self }
    }

    pub fn two_addresses(mut self) -> Self {
        self.addresses.push(":2".parse().expect("an address"));
        self
    }

    pub fn faults(self, faults: Faults) -> Self {
        Setup { faults, ..self }
    }

    pub fn seeded(self, seeded: Seeded) -> Self {
        Setup { seeded, ..self }
    }
}
