//! What a world begins with, how much may go wrong in it, and which fault is seeded.

use std::time::Duration;

use serverswap::protocol::message::Form;
use serverswap::protocol::{Address, SocketMode};

use super::fault::Seeded;

/// The beginning of a run. Supervisor N starts generation N, and older ones come first.
#[derive(Debug, Clone)]
pub struct Setup {
    pub supervisors: Vec<Planned>,
    pub addresses: Vec<Address>,
    pub start: Start,
    /// Which faults may happen, and how many of them.
    pub faults: Faults,
    pub answers: Answers,
    pub seeded: Seeded,
}

/// When the arbiter gets the answers of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// In a turn of its own that follows at once.
    AtOnce,
    /// Whenever it may.
    Later,
}

/// One `serverswap` command.
#[derive(Debug, Clone, Copy)]
pub struct Planned {
    pub form: Form,
    pub socket: SocketMode,
    /// Zero: none.
    pub probation: Duration,
    pub speaker: Speaker,
}

/// Who speaks for a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    Itself,
    /// Its supervisor, for as long as it lives. The server opens the listener by itself if there is none.
    StandIn,
}

/// Whether the first generation serves before the others begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// All begin together.
    Cold,
    /// The first one is up, and its supervisor has left or stays.
    Warm,
    /// Moreover the second serves beside it, on probation.
    OnProbation,
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
    /// A connection ends, and both its ends live on.
    pub drops: Allowed,
    /// A server says `fail`.
    pub fails: Allowed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    No,
    Yes,
}

/// What a run is called.
impl std::fmt::Display for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let forms: Vec<Form> = self.supervisors.iter().map(|one| one.form).collect();
        let probations: Vec<u64> = self.supervisors.iter().map(|one| one.probation.as_secs()).collect();
        write!(f, "{:?} {forms:?} {:?}, ", self.supervisors[0].socket, self.start)?;
        let speakers: Vec<Speaker> = self.supervisors.iter().map(|one| one.speaker).collect();
        if speakers.contains(&Speaker::StandIn) {
            write!(f, "spoken for by {speakers:?}, ")?;
        }
        if self.addresses.len() > 1 {
            write!(f, "{} addresses, ", self.addresses.len())?;
        }
        if probations.iter().any(|seconds| *seconds > 0) {
            write!(f, "probations of {probations:?} s, ")?;
        }
        if self.answers == Answers::Later {
            write!(f, "the kernel answers later, ")?;
        }
        write!(f, "{}", self.faults)
    }
}

impl std::fmt::Display for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kinds = [
            ("kills", self.kills),
            ("stalls", self.stalls),
            ("stops", self.stops),
            ("drops", self.drops),
            ("fails", self.fails),
        ];
        let allowed = kinds.iter().filter(|(_, allowed)| *allowed == Allowed::Yes).map(|(kind, _)| *kind);
        write!(f, "{} faults {}", self.budget, allowed.collect::<Vec<_>>().join(" and "))
    }
}

impl Faults {
    pub const NONE: Faults = Faults {
        budget: 0,
        kills: Allowed::No,
        stalls: Allowed::No,
        stops: Allowed::No,
        drops: Allowed::No,
        fails: Allowed::No,
    };

    pub fn kills(budget: u8) -> Self {
        Faults { budget, kills: Allowed::Yes, ..Faults::NONE }
    }

    pub fn kills_and_stalls(budget: u8) -> Self {
        Faults { stalls: Allowed::Yes, ..Faults::kills(budget) }
    }

    pub fn stops(budget: u8) -> Self {
        Faults { budget, stops: Allowed::Yes, ..Faults::NONE }
    }

    pub fn drops(budget: u8) -> Self {
        Faults { budget, drops: Allowed::Yes, ..Faults::NONE }
    }

    pub fn fails(budget: u8) -> Self {
        Faults { budget, fails: Allowed::Yes, ..Faults::NONE }
    }

    pub fn and_drops(self) -> Self {
        Faults { drops: Allowed::Yes, ..self }
    }

    pub fn and_fails(self) -> Self {
        Faults { fails: Allowed::Yes, ..self }
    }
}

impl Setup {
    /// One command a form, all with the same way to take one address, all at once.
    pub fn new(socket: SocketMode, forms: &[Form]) -> Self {
        let (probation, speaker) = (Duration::ZERO, Speaker::Itself);
        let planned = |form: &Form| Planned { form: *form, socket, probation, speaker };
        Setup {
            supervisors: forms.iter().map(planned).collect(),
            addresses: vec![":1".parse().expect("an address")],
            start: Start::Cold,
            faults: Faults::NONE,
            answers: Answers::AtOnce,
            seeded: Seeded::Nothing,
        }
    }

    pub fn warm(self) -> Self {
        Setup { start: Start::Warm, ..self }
    }

    pub fn on_probation(self) -> Self {
        Setup { start: Start::OnProbation, ..self }
    }

    /// The probation of each command, in seconds.
    pub fn probations(mut self, seconds: &[u64]) -> Self {
        for (planned, seconds) in self.supervisors.iter_mut().zip(seconds) {
            planned.probation = Duration::from_secs(*seconds);
        }
        self
    }

    pub fn has_probations(&self) -> bool {
        self.supervisors.iter().any(|planned| !planned.probation.is_zero())
    }

    /// Every server has a stand-in.
    pub fn spoken_for(mut self) -> Self {
        for planned in &mut self.supervisors {
            planned.speaker = Speaker::StandIn;
        }
        self
    }

    /// Only the server of this supervisor has one.
    pub fn one_spoken_for(mut self, index: usize) -> Self {
        self.supervisors[index].speaker = Speaker::StandIn;
        self
    }

    pub fn two_addresses(mut self) -> Self {
        self.addresses.push(":2".parse().expect("an address"));
        self
    }

    pub fn faults(self, faults: Faults) -> Self {
        Setup { faults, ..self }
    }

    pub fn answered_later(self) -> Self {
        Setup { answers: Answers::Later, ..self }
    }

    pub fn seeded(self, seeded: Seeded) -> Self {
        Setup { seeded, ..self }
    }
}
