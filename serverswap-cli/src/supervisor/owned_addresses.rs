//! All addresses of the generation: questions that the states of the life cycle ask.
//!
//! Deliberately no transition in here; see [`OwnedAddress`].

use std::collections::{BTreeMap, BTreeSet, btree_map, btree_set};
use std::time::Duration;

use serverswap::protocol::Address;
use serverswap::protocol::message::Holding;

use super::owned_address::{AddressNotice, Duplicate, OwnedAddress, Ownership, ServerStanding};
use crate::ui::ClaimOutcome;

/// Every address that the arbiter has reported anything about.
///
/// Which addresses have a standing is known without a look at the others: a generation may have ten
/// thousand, and the life cycle asks at every event.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct OwnedAddresses {
    known: BTreeMap<Address, Known>,
    by_standing: BTreeMap<ServerStanding, BTreeSet<Address>>,
}

/// One address.
#[derive(Debug, Clone, Default, PartialEq)]
struct Known {
    state: OwnedAddress,
    milestones: Milestones,
}

/// When an address reached what the outcome tells.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Milestones {
    /// From the server's start to the last grant.
    pub(super) ready_after: Option<Duration>,
    /// From the server's start until it last began to serve.
    pub(super) serving_after: Option<Duration>,
}

/// What a notice made of an address.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AddressChange {
    pub(super) before: OwnedAddress,
    pub(super) after: OwnedAddress,
}

/// What is left to a generation whose server has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// It never owned an address, and lost no claim.
    Nothing,
    /// It never owned an address, and a newer generation was faster.
    Superseded,
    /// Newer generations serve everything that it owned.
    Replaced,
    /// It owns something, and no newer generation has asked for it.
    Owned,
    /// A newer generation has asked for something that it owns, and nothing of that is vacant.
    HandedOver,
    /// A newer generation had asked, and something that it owns is vacant.
    Returned,
}

impl OwnedAddresses {
    pub(super) fn on_notice(&mut self, address: &Address, notice: AddressNotice) -> AddressChange {
        let known = self.known.entry(address.clone()).or_default();
        let before = std::mem::take(&mut known.state);
        let after = before.clone().next(notice);
        known.state = after.clone();
        self.move_between(address, before.server_standing(), after.server_standing());
        AddressChange { before, after }
    }

    fn move_between(&mut self, address: &Address, before: ServerStanding, after: ServerStanding) {
        if before == after {
            return;
        }
        if let btree_map::Entry::Occupied(mut addresses) = self.by_standing.entry(before) {
            addresses.get_mut().remove(address);
            if addresses.get().is_empty() {
                addresses.remove();
            }
        }
        if after != ServerStanding::None {
            self.by_standing.entry(after).or_default().insert(address.clone());
        }
    }

    pub(super) fn milestones(&mut self, address: &Address) -> &mut Milestones {
        &mut self.known.entry(address.clone()).or_default().milestones
    }

    /// Whether this supervisor keeps a duplicate of its listener.
    pub(super) fn duplicate(&self, address: &Address) -> Duplicate {
        self.known.get(address).map_or(Duplicate::None, |known| known.state.duplicate())
    }

    /// Every address that the generation has claimed.
    pub(super) fn all(&self) -> Vec<Address> {
        self.known.keys().cloned().collect()
    }

    /// Whether a server of the generation was ever granted an address.
    pub(super) fn is_any_granted(&self) -> bool {
        self.known.values().any(|known| known.milestones.ready_after.is_some())
    }

    /// A server was started: it has claimed nothing yet.
    pub(super) fn server_started(&mut self) {
        for address in self.all() {
            self.on_notice(&address, AddressNotice::ServerStarted);
        }
    }

    /// The addresses that are the generation's and not replaced.
    pub(super) fn owned(&self) -> Vec<Address> {
        self.with_ownership(|ownership| match ownership {
            Ownership::Held | Ownership::Requested | Ownership::Returned | Ownership::Free => true,
            Ownership::Never | Ownership::Lost | Ownership::Replaced => false,
        })
    }

    /// What the generation owns and nobody has.
    pub(super) fn vacant(&self) -> Vec<Address> {
        self.with_ownership(|ownership| match ownership {
            Ownership::Returned | Ownership::Free => true,
            Ownership::Never
            | Ownership::Lost
            | Ownership::Held
            | Ownership::Requested
            | Ownership::Replaced => false,
        })
    }

    /// What the present server serves.
    pub(super) fn serving(&self) -> Vec<Address> {
        self.with_standing(ServerStanding::Serves).cloned().collect()
    }

    /// What is left to the generation when its server has ended.
    pub(super) fn left(&self) -> Left {
        let is_any =
            |wanted: &[Ownership]| self.known.values().any(|known| wanted.contains(&known.state.ownership()));
        if is_any(&[Ownership::Requested, Ownership::Returned]) {
            if is_any(&[Ownership::Returned, Ownership::Free]) { Left::Returned } else { Left::HandedOver }
        } else if is_any(&[Ownership::Held, Ownership::Free]) {
            Left::Owned
        } else if is_any(&[Ownership::Replaced]) {
            Left::Replaced
        } else if is_any(&[Ownership::Lost]) {
            Left::Superseded
        } else {
            Left::Nothing
        }
    }

    /// Whether a newer generation is about to take everything that this one owns.
    pub(super) fn is_all_requested(&self) -> bool {
        self.known.values().all(|known| match known.state.ownership() {
            Ownership::Never | Ownership::Lost | Ownership::Requested | Ownership::Replaced => true,
            Ownership::Held | Ownership::Returned | Ownership::Free => false,
        })
    }

    /// Whether the arbiter has still to report what became of an address.
    pub(super) fn is_unsettled(&self) -> bool {
        self.known.values().any(|known| known.state.is_unsettled())
    }

    /// Whether the present server has, or still finishes, anything that a takedown is for.
    pub(super) fn is_anything_to_drain(&self) -> bool {
        self.has_any() || self.is_any(ServerStanding::Drains)
    }

    /// Whether the present server finishes what it had, and neither has nor claims more.
    pub(super) fn is_only_draining(&self) -> bool {
        self.is_any(ServerStanding::Drains) && !self.has_any() && !self.is_any(ServerStanding::Claims)
    }

    /// Whether the present server serves something beside an older one.
    pub(super) fn is_on_probation(&self) -> bool {
        self.is_any(ServerStanding::OnProbation)
    }

    /// When the server, after its start, last began to serve an address beside an older one.
    pub(super) fn last_on_probation(&self) -> Option<Duration> {
        let on_probation = self.with_standing(ServerStanding::OnProbation);
        on_probation.filter_map(|address| self.known[address].milestones.serving_after).max()
    }

    /// Those with which the present server has this to do; not for [`ServerStanding::None`].
    pub(super) fn with_standing(&self, standing: ServerStanding) -> btree_set::Iter<'_, Address> {
        static NO_ADDRESSES: BTreeSet<Address> = BTreeSet::new();
        self.by_standing.get(&standing).unwrap_or(&NO_ADDRESSES).iter()
    }

    /// Whether the present server lost a claim, and has, claims and drains nothing else.
    pub(super) fn is_superseded(&self) -> bool {
        self.is_any(ServerStanding::Outbid)
            && !self.is_anything_to_drain()
            && !self.is_any(ServerStanding::Claims)
    }

    /// Whether a claim of the present server failed, other than by losing.
    pub(super) fn is_any_failed(&self) -> bool {
        self.is_any(ServerStanding::Failed)
    }

    /// For the supervisor's `hello`: what its generation owns.
    pub(super) fn holding(&self) -> Vec<Holding> {
        let serving = self.serving();
        let holding =
            |address: Address| Holding { serving: serving.contains(&address), on_takedown: false, address };
        self.owned().into_iter().map(holding).collect()
    }

    /// What became of each, for the outcome.
    pub(super) fn outcomes(&self) -> Vec<ClaimOutcome> {
        let outcome = |(address, known): (&Address, &Known)| ClaimOutcome {
            address: address.clone(),
            standing: known.state.standing(),
            ready_after: known.milestones.ready_after,
            serving_after: known.milestones.serving_after,
        };
        self.known.iter().map(outcome).collect()
    }

    pub(super) fn is_any(&self, standing: ServerStanding) -> bool {
        self.with_standing(standing).len() > 0
    }

    /// Whether the present server has an address, whether it serves it or not.
    fn has_any(&self) -> bool {
        [ServerStanding::Granted, ServerStanding::OnProbation, ServerStanding::Serves]
            .into_iter()
            .any(|standing| self.is_any(standing))
    }

    fn with_ownership(&self, condition: impl Fn(Ownership) -> bool) -> Vec<Address> {
        self.that(|known| condition(known.state.ownership()))
    }

    fn that(&self, condition: impl Fn(&Known) -> bool) -> Vec<Address> {
        let found = self.known.iter().filter(|(_, known)| condition(known));
        found.map(|(address, _)| address.clone()).collect()
    }
}
