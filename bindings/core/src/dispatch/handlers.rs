//! The takedown handlers of each address, and which of them a takedown still waits for. Pure.
//!
//! Rules:
//! 1. A takedown goes to the owner that registered a handler last, and to all handlers of that
//!    owner, in the order in which they were registered.
//! 2. The address is released when each of these is done. A handler that is never done lets the
//!    server be ended at the drain deadline. Without a handler nothing is released.

use std::collections::{BTreeMap, BTreeSet};

use serverswap_protocol::Address;

use super::CallId;

/// Every handler that is registered, and the takedowns that are not released yet.
#[derive(Debug)]
pub(super) struct Handlers<O> {
    /// Oldest first.
    registered: BTreeMap<Address, Vec<Handler<O>>>,
    /// The handlers that each takedown waits for.
    running: BTreeMap<Address, BTreeSet<CallId>>,
    /// The address of each handler that is registered or runs.
    addresses: BTreeMap<CallId, Address>,
}

#[derive(Debug)]
struct Handler<O> {
    /// The number of the call that registered it.
    id: CallId,
    owner: O,
}

impl<O> Default for Handlers<O> {
    fn default() -> Self {
        Handlers { registered: BTreeMap::new(), running: BTreeMap::new(), addresses: BTreeMap::new() }
    }
}

impl<O: Clone + PartialEq> Handlers<O> {
    pub fn add(&mut self, id: CallId, owner: O, address: Address) {
        self.addresses.insert(id, address.clone());
        self.registered.entry(address).or_default().push(Handler { id, owner });
    }

    /// A handler is not to be called any more. A takedown that it was called for waits on.
    pub fn remove(&mut self, id: CallId) {
        let Some(address) = self.addresses.get(&id).cloned() else { return };
        if let Some(handlers) = self.registered.get_mut(&address) {
            handlers.retain(|handler| handler.id != id);
            if handlers.is_empty() {
                self.registered.remove(&address);
            }
        }
        self.forget(id, &address);
    }

    /// A takedown has arrived: who handles it, and by which handlers.
    pub fn taken(&mut self, address: &Address) -> Option<(O, Vec<CallId>)> {
        let registered = self.registered.get(address)?;
        let owner = registered.last()?.owner.clone();
        let of_owner = registered.iter().filter(|handler| handler.owner == owner);
        let handlers: Vec<CallId> = of_owner.map(|handler| handler.id).collect();
        self.running.insert(address.clone(), handlers.iter().copied().collect());
        Some((owner, handlers))
    }

    /// A handler is done. The address, if it was the last one that its takedown waited for.
    pub fn done(&mut self, id: CallId) -> Option<Address> {
        let address = self.addresses.get(&id)?.clone();
        let running = self.running.get_mut(&address)?;
        if !running.remove(&id) {
            return None;
        }
        let is_last = running.is_empty();
        if is_last {
            self.running.remove(&address);
        }
        self.forget(id, &address);
        is_last.then_some(address)
    }

    /// The address is not held any more: no handler that is done releases it.
    pub fn released(&mut self, address: &Address) {
        for id in self.running.remove(address).unwrap_or_default() {
            self.forget(id, address);
        }
    }

    pub fn remove_owner(&mut self, owner: &O) {
        let of_owner = self.registered.values().flatten().filter(|handler| handler.owner == *owner);
        for id in of_owner.map(|handler| handler.id).collect::<Vec<_>>() {
            self.remove(id);
        }
    }

    /// Forgets the address of a handler that is neither registered nor runs.
    fn forget(&mut self, id: CallId, address: &Address) {
        let runs = self.running.get(address).is_some_and(|running| running.contains(&id));
        let mut registered = self.registered.get(address).into_iter().flatten();
        if !runs && !registered.any(|handler| handler.id == id) {
            self.addresses.remove(&id);
        }
    }
}
