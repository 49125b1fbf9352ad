//! Who awaits which claim, and who holds what came of it. Pure.

use std::collections::BTreeMap;

use serverswap_protocol::Address;

use super::CallId;

/// The last claim of each address, until it has ended and nothing is held by it.
#[derive(Debug)]
pub(super) struct Claims<O> {
    claims: BTreeMap<Address, OwnedClaim<O>>,
    /// The address of each of them.
    addresses: BTreeMap<CallId, Address>,
}

/// A claim that waits, or what was granted by it.
#[derive(Debug, Clone)]
pub(super) struct OwnedClaim<O> {
    /// The number of the call that made it.
    pub id: CallId,
    pub owner: O,
    answer: Answer,
}

/// Whether the owner was sent the answer.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Awaited,
    Granted,
}

impl<O> Default for Claims<O> {
    fn default() -> Self {
        Claims { claims: BTreeMap::new(), addresses: BTreeMap::new() }
    }
}

impl<O: Clone + PartialEq> Claims<O> {
    pub fn made(&mut self, id: CallId, owner: O, address: Address) {
        self.end(&address);
        self.addresses.insert(id, address.clone());
        self.claims.insert(address, OwnedClaim { id, owner, answer: Answer::Awaited });
    }

    pub fn of(&self, address: &Address) -> Option<&OwnedClaim<O>> {
        self.claims.get(address)
    }

    /// Whose claim the grant answers.
    pub fn granted(&mut self, address: &Address) -> Option<OwnedClaim<O>> {
        let claim = self.claims.get_mut(address)?;
        claim.answer = Answer::Granted;
        Some(claim.clone())
    }

    /// Whose claim the refusal ends.
    pub fn refused(&mut self, address: &Address) -> Option<OwnedClaim<O>> {
        self.end(address)
    }

    /// The address is not held any more. A claim whose answer is awaited ends with a refusal of
    /// its own.
    pub fn released(&mut self, address: &Address) {
        if let Some(OwnedClaim { answer: Answer::Granted, .. }) = self.claims.get(address) {
            self.end(address);
        }
    }

    /// The address of a claim, if it waits or its grant is held.
    pub fn address_of(&self, id: CallId) -> Option<&Address> {
        self.addresses.get(&id)
    }

    /// Removes what an owner claims or holds.
    pub fn remove_owner(&mut self, owner: &O) -> Vec<Address> {
        let of_owner = self.claims.iter().filter(|(_, claim)| claim.owner == *owner);
        let addresses: Vec<Address> = of_owner.map(|(address, _)| address.clone()).collect();
        for address in &addresses {
            self.end(address);
        }
        addresses
    }

    fn end(&mut self, address: &Address) -> Option<OwnedClaim<O>> {
        let claim = self.claims.remove(address)?;
        self.addresses.remove(&claim.id);
        Some(claim)
    }
}
