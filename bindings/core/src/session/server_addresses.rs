//! What a server has to do with each address, and the claims in the order of asking.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serverswap_protocol::{Address, SocketMode};

/// What a server has to do with one address.
#[derive(Debug, Clone)]
pub(super) enum ServerAddress<L> {
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

impl<L> ServerAddress<L> {
    /// Whether the address is this server's, as a `hello` says it.
    pub fn is_held(&self) -> bool {
        match self {
            ServerAddress::Granted(_) | ServerAddress::Serving(_) | ServerAddress::TakingDown(_) => true,
            ServerAddress::Free | ServerAddress::Claiming(_) | ServerAddress::Draining(_) => false,
        }
    }
}

/// A claim that is not answered.
#[derive(Debug, Clone)]
pub(super) struct Claiming {
    pub mode: ClaimMode,
    pub more: bool,
    /// When the server made it.
    pub since: Duration,
    /// Its `id` on this link; `None` until it is sent there.
    pub id: Option<u64>,
}

/// How an address is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClaimMode {
    Bind,
    Inherit,
    /// Inherited, or opened by the server where there is no listener.
    Provide,
}

impl ClaimMode {
    pub fn socket(self) -> SocketMode {
        match self {
            ClaimMode::Bind => SocketMode::Bind,
            ClaimMode::Inherit | ClaimMode::Provide => SocketMode::Inherit,
        }
    }

    /// Whether a grant of a claim like this comes with a listener, or without.
    pub fn fits(self, has_listener: bool) -> bool {
        match self {
            ClaimMode::Bind => !has_listener,
            ClaimMode::Inherit => has_listener,
            ClaimMode::Provide => true,
        }
    }
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
pub(super) struct ServerAddresses<L> {
    addresses: BTreeMap<Address, ServerAddress<L>>,
    /// The addresses that are [`ServerAddress::Claiming`], oldest claim first.
    claims: BTreeSet<(Duration, Address)>,
}

impl<L> Default for ServerAddresses<L> {
    fn default() -> Self {
        ServerAddresses { addresses: BTreeMap::new(), claims: BTreeSet::new() }
    }
}

impl<L> ServerAddresses<L> {
    pub fn of(&self, address: &Address) -> &ServerAddress<L> {
        self.addresses.get(address).unwrap_or(&ServerAddress::Free)
    }

    /// Takes the state out, to be [`set`](Self::set) again.
    pub fn take(&mut self, address: &Address) -> ServerAddress<L> {
        let state = self.addresses.remove(address).unwrap_or(ServerAddress::Free);
        if let ServerAddress::Claiming(claiming) = &state {
            self.claims.remove(&(claiming.since, address.clone()));
        }
        state
    }

    pub fn set(&mut self, address: &Address, state: ServerAddress<L>) {
        drop(self.take(address));
        match &state {
            ServerAddress::Free => return,
            ServerAddress::Claiming(claiming) => {
                self.claims.insert((claiming.since, address.clone()));
            }
            ServerAddress::Granted(_)
            | ServerAddress::Serving(_)
            | ServerAddress::TakingDown(_)
            | ServerAddress::Draining(_) => {}
        }
        self.addresses.insert(address.clone(), state);
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Address, &ServerAddress<L>)> {
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
        if let Some(ServerAddress::Claiming(claiming)) = self.addresses.get_mut(address) {
            claiming.id = Some(number);
        }
    }

    /// Forgets every number of a link that has ended.
    pub fn forget_numbers(&mut self) {
        for state in self.addresses.values_mut() {
            match state {
                ServerAddress::Claiming(claiming) => claiming.id = None,
                ServerAddress::TakingDown(taking_down) => taking_down.owed = None,
                ServerAddress::Draining(draining) => draining.takedown = None,
                ServerAddress::Free | ServerAddress::Granted(_) | ServerAddress::Serving(_) => {}
            }
        }
    }
}
