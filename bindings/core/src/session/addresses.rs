//! What a server has to do with each address, and the claims in the order of asking.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serverswap_protocol::{Address, SocketMode};

/// What a server has to do with one address.
#[derive(Debug, Clone)]
pub(super) enum AddressState<L> {
    /// Nothing.
    Free,
    /// It was claimed, and the claim is not answered.
    Claiming(Claiming),
    /// It is held; the accept loop does not run yet.
    Granted(Granted<L>),
    /// It is held and served.
    Serving(Serving<L>),
    /// It is held, and is to be released.
    TakingDown(TakingDown<L>),
    /// It was released; what is open is being finished.
    Draining(Draining),
}

impl<L> AddressState<L> {
    /// Whether the address is this server's, as a `hello` says it.
    pub fn is_held(&self) -> bool {
        match self {
            AddressState::Granted(_) | AddressState::Serving(_) | AddressState::TakingDown(_) => true,
            AddressState::Free | AddressState::Claiming(_) | AddressState::Draining(_) => false,
        }
    }
}

/// A claim that is not answered.
#[derive(Debug, Clone)]
pub(super) struct Claiming {
    pub socket: SocketMode,
    pub more: bool,
    /// When the server made it.
    pub since: Duration,
    /// Its `id` on this link; `None` until it is sent there.
    pub id: Option<u64>,
}

/// Held; the accept loop does not run yet.
#[derive(Debug, Clone)]
pub(super) struct Granted<L> {
    /// `None` for `bind`.
    pub listener: Option<L>,
}

/// Held and served.
#[derive(Debug, Clone)]
pub(super) struct Serving<L> {
    /// `None` for `bind`.
    pub listener: Option<L>,
}

/// Held, and to be released.
#[derive(Debug, Clone)]
pub(super) struct TakingDown<L> {
    /// `None` for `bind`.
    pub listener: Option<L>,
    /// Whether the accept loop runs, or did when the takedown came.
    pub serves: bool,
    /// The takedown of this link that `released` answers; `None` since a link was lost.
    pub owed: Option<u64>,
}

/// Released.
#[derive(Debug, Clone)]
pub(super) struct Draining {
    /// The takedown of this link that `progress` is about; `None` if none arrived on this
    /// link.
    pub takedown: Option<u64>,
}

/// Every address that a server has to do with.
#[derive(Debug, Clone)]
pub(super) struct Addresses<L> {
    addresses: BTreeMap<Address, AddressState<L>>,
    /// The addresses that are [`AddressState::Claiming`], oldest claim first.
    claims: BTreeSet<(Duration, Address)>,
}

impl<L> Default for Addresses<L> {
    fn default() -> Self {
        Addresses { addresses: BTreeMap::new(), claims: BTreeSet::new() }
    }
}

impl<L> Addresses<L> {
    pub fn of(&self, address: &Address) -> &AddressState<L> {
        self.addresses.get(address).unwrap_or(&AddressState::Free)
    }

    /// Takes the state out, to be [`set`](Self::set) again.
    pub fn take(&mut self, address: &Address) -> AddressState<L> {
        let state = self.addresses.remove(address).unwrap_or(AddressState::Free);
        if let AddressState::Claiming(claiming) = &state {
            self.claims.remove(&(claiming.since, address.clone()));
        }
        state
    }

    pub fn set(&mut self, address: &Address, state: AddressState<L>) {
        drop(self.take(address));
        match &state {
            AddressState::Free => return,
            AddressState::Claiming(claiming) => {
                self.claims.insert((claiming.since, address.clone()));
            }
            AddressState::Granted(_)
            | AddressState::Serving(_)
            | AddressState::TakingDown(_)
            | AddressState::Draining(_) => {}
        }
        self.addresses.insert(address.clone(), state);
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Address, &AddressState<L>)> {
        self.addresses.iter()
    }

    /// The claims that wait, in the order in which they were made.
    pub fn claimed(&self) -> Vec<Address> {
        self.claims.iter().map(|(_, address)| address.clone()).collect()
    }

    /// The claim that has waited longest, and since when.
    pub fn oldest_claim(&self) -> Option<(Duration, &Address)> {
        self.claims.first().map(|(since, address)| (*since, address))
    }

    /// Notes the `id` of a claim on this link.
    pub fn asked(&mut self, address: &Address, number: u64) {
        if let Some(AddressState::Claiming(claiming)) = self.addresses.get_mut(address) {
            claiming.id = Some(number);
        }
    }

    /// Forgets every number of a link that has ended.
    pub fn forget_numbers(&mut self) {
        for state in self.addresses.values_mut() {
            match state {
                AddressState::Claiming(claiming) => claiming.id = None,
                AddressState::TakingDown(taking_down) => taking_down.owed = None,
                AddressState::Draining(draining) => draining.takedown = None,
                AddressState::Free | AddressState::Granted(_) | AddressState::Serving(_) => {}
            }
        }
    }
}
