//! What the supervisor knows of the addresses of its generation, by the arbiter's word.
//!
//! Queries and plain updates only; what follows is decided by the states.
//!
//! Two things are kept apart: how the claim of the *present* server stands (forgotten when
//! the server is started again), and what is the *generation's* (kept): an address is
//! *mine* if it was told to be served once, or was given up on request, and is not
//! replaced. `replaced` is final: whatever is told later does not undo it.

use std::collections::BTreeMap;
use std::time::Duration;

use serverswap::protocol::Address;
use serverswap::protocol::message::{Code, Holding};

use crate::ui::{ClaimOutcome, ClaimStanding};

/// Every address that a server of the generation has claimed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Addresses {
    known: BTreeMap<Address, Known>,
}

/// One address.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Known {
    /// How the claim of the present server stands.
    pub(super) claim: Claim,
    /// The arbiter's last word about the generation and this address.
    pub(super) word: Word,
    /// Whether it ever was the generation's.
    pub(super) owned: Owned,
    /// Whether the supervisor keeps a duplicate of the listener.
    pub(super) duplicate: Duplicate,
    /// From the server's start to the last grant.
    pub(super) ready_after: Option<Duration>,
    /// From the server's start until it last began to serve.
    pub(super) serving_after: Option<Duration>,
}

/// How a claim stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Claim {
    /// The present server has not claimed it.
    None,
    /// It waits.
    Open,
    /// Granted, not serving yet.
    Granted,
    /// Served beside an older server.
    Probation,
    /// Served.
    Serving,
    /// It was granted or served, and was let go of.
    LetGo,
    /// It lost to a newer generation.
    Superseded,
    /// It failed.
    Failed { code: Code, message: String },
}

/// The arbiter's last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// None about who has it.
    Unsaid,
    Granted,
    Probation,
    Serving,
    Busy,
    Vacant,
    /// Final.
    Replaced,
}

/// Whether an address ever was the generation's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owned {
    Never,
    /// It was served once, or given up on request.
    Once,
}

/// A duplicate of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Duplicate {
    None,
    Kept,
}

impl Default for Known {
    fn default() -> Self {
        Known {
            claim: Claim::None,
            word: Word::Unsaid,
            owned: Owned::Never,
            duplicate: Duplicate::None,
            ready_after: None,
            serving_after: None,
        }
    }
}

impl Known {
    /// Whether it is the generation's, as rule 5 means it.
    fn is_owned(&self) -> bool {
        self.owned == Owned::Once && self.word != Word::Replaced
    }

    /// Whether a newer generation asked for it: the server let go of it, or lost its claim.
    fn is_handed(&self) -> bool {
        let gave = matches!(self.claim, Claim::LetGo | Claim::Superseded);
        self.word == Word::Busy || (self.word == Word::Vacant && gave)
    }

    /// Whether the arbiter's last word is older than the server's exit.
    fn is_unsettled(&self) -> bool {
        matches!(self.word, Word::Granted | Word::Probation | Word::Serving)
    }

    fn standing(&self) -> ClaimStanding {
        match (&self.word, &self.claim) {
            (_, Claim::Superseded) => ClaimStanding::Superseded,
            (_, Claim::Failed { code, message }) => {
                ClaimStanding::Failed { code: code.clone(), message: message.clone() }
            }
            // Whoever else asks for it: the older server goes on.
            (_, Claim::Probation) => ClaimStanding::Probation,
            (Word::Replaced | Word::Busy, _) | (_, Claim::LetGo) => ClaimStanding::Replaced,
            (_, Claim::Serving) => ClaimStanding::Serving,
            (_, Claim::Granted) => ClaimStanding::Granted,
            (_, Claim::Open | Claim::None) => ClaimStanding::Waiting,
        }
    }
}

impl Addresses {
    pub(super) fn at(&mut self, address: &Address) -> &mut Known {
        self.known.entry(address.clone()).or_default()
    }

    /// The server was started anew: nothing is claimed any more.
    pub(super) fn forget_claims(&mut self) {
        for known in self.known.values_mut() {
            known.claim = Claim::None;
        }
    }

    /// The addresses that are the generation's and not replaced.
    pub(super) fn owned(&self) -> Vec<Address> {
        self.that(Known::is_owned)
    }

    /// Those of mine that nobody has.
    pub(super) fn vacant(&self) -> Vec<Address> {
        self.that(|known| known.is_owned() && known.word == Word::Vacant)
    }

    /// Whether something of mine was given up because a newer generation asked for it.
    pub(super) fn is_handed(&self) -> bool {
        self.known.values().any(|known| known.is_owned() && known.is_handed())
    }

    /// Whether a newer generation is about to take everything of mine.
    pub(super) fn is_all_busy(&self) -> bool {
        self.known.values().filter(|known| known.is_owned()).all(|known| known.word == Word::Busy)
    }

    /// Whether something was replaced.
    pub(super) fn is_any_replaced(&self) -> bool {
        self.known.values().any(|known| known.word == Word::Replaced && known.owned == Owned::Once)
    }

    /// Whether the arbiter will still say what became of some address.
    pub(super) fn is_unsettled(&self) -> bool {
        self.known.values().any(Known::is_unsettled)
    }

    /// What the present server serves.
    pub(super) fn serving(&self) -> Vec<Address> {
        self.that(|known| known.claim == Claim::Serving)
    }

    /// Whether the present server has, or still finishes, anything that a takedown is for.
    pub(super) fn is_anything_to_drain(&self) -> bool {
        let drains = |known: &Known| match known.claim {
            Claim::Granted | Claim::Probation | Claim::Serving | Claim::LetGo => true,
            Claim::None | Claim::Open | Claim::Superseded | Claim::Failed { .. } => false,
        };
        self.known.values().any(drains)
    }

    /// Whether the present server finishes what it had, and neither has nor waits for more.
    pub(super) fn is_only_draining(&self) -> bool {
        let active = |known: &Known| match known.claim {
            Claim::Open | Claim::Granted | Claim::Probation | Claim::Serving => true,
            Claim::None | Claim::LetGo | Claim::Superseded | Claim::Failed { .. } => false,
        };
        let drains = |known: &Known| known.claim == Claim::LetGo;
        self.known.values().any(drains) && !self.known.values().any(active)
    }

    /// Whether the present server serves something beside an older one.
    pub(super) fn is_on_probation(&self) -> bool {
        self.known.values().any(|known| known.claim == Claim::Probation)
    }

    /// Whether some claim of the present server lost, and nothing ever was the generation's.
    pub(super) fn is_all_lost(&self) -> bool {
        self.known.values().any(|known| known.claim == Claim::Superseded)
            && self.known.values().all(|known| known.owned == Owned::Never)
    }

    /// Whether some claim lost, and the server neither has nor waits for nor still
    /// finishes anything else.
    pub(super) fn is_superseded(&self) -> bool {
        let lost = |known: &Known| known.claim == Claim::Superseded;
        let nothing =
            |known: &Known| matches!(known.claim, Claim::None | Claim::Superseded | Claim::Failed { .. });
        self.known.values().any(lost) && self.known.values().all(nothing)
    }

    /// Whether some claim failed, other than by losing.
    pub(super) fn is_any_failed(&self) -> bool {
        self.known.values().any(|known| matches!(known.claim, Claim::Failed { .. }))
    }

    /// For the supervisor's `hello`: what its generation owns.
    pub(super) fn holding(&self) -> Vec<Holding> {
        let holding = |(address, known): (&Address, &Known)| Holding {
            address: address.clone(),
            serving: known.claim == Claim::Serving,
            on_takedown: false,
        };
        self.known.iter().filter(|(_, known)| known.is_owned()).map(holding).collect()
    }

    /// What became of each, for the outcome.
    pub(super) fn swaps(&self) -> Vec<ClaimOutcome> {
        let swap = |(address, known): (&Address, &Known)| ClaimOutcome {
            address: address.clone(),
            standing: known.standing(),
            ready_after: known.ready_after,
            serving_after: known.serving_after,
        };
        self.known.iter().map(swap).collect()
    }

    fn that(&self, condition: impl Fn(&Known) -> bool) -> Vec<Address> {
        let found = self.known.iter().filter(|(_, known)| condition(known));
        found.map(|(address, _)| address.clone()).collect()
    }
}
