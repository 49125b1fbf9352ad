//! Which JavaScript thread an event is for.
//!
//! A claim's answer goes to the thread that claims, a takedown to the one that registered for
//! it last, and a fault of the connection to all. A thread that has ended gets nothing.

use std::collections::HashMap;

use serverswap::{Address, Event};

use crate::deliver::{Deliver, Delivery};

/// The number of one JavaScript thread, never used again.
pub type ThreadId = u32;

/// The threads, and what they claim and handle.
#[derive(Default)]
pub struct Routes {
    threads: HashMap<ThreadId, Deliver>,
    last_thread: ThreadId,
    claims: HashMap<Address, Claim>,
    last_claim: u32,
    takedowns: HashMap<Address, ThreadId>,
}

#[derive(Clone, Copy)]
struct Claim {
    thread: ThreadId,
    /// Tells this claim from an earlier one of the same address, whose answer may still be on
    /// its way up.
    number: u32,
}

impl Routes {
    /// A thread begins.
    pub fn open(&mut self, deliver: Deliver) -> ThreadId {
        self.last_thread += 1;
        self.threads.insert(self.last_thread, deliver);
        self.last_thread
    }

    /// A thread has ended. What it claimed or held is returned.
    pub fn close(&mut self, thread: ThreadId) -> Vec<Address> {
        self.threads.remove(&thread);
        self.takedowns.retain(|_, handling| *handling != thread);
        let (ended, left): (HashMap<_, _>, HashMap<_, _>) =
            self.claims.drain().partition(|(_, claim)| claim.thread == thread);
        self.claims = left;
        ended.into_keys().collect()
    }

    /// A thread claims an address. The number is in the answer, too.
    pub fn claim(&mut self, thread: ThreadId, address: Address) -> u32 {
        self.last_claim += 1;
        let number = self.last_claim;
        self.claims.insert(address, Claim { thread, number });
        number
    }

    /// A thread handles the takedown of an address.
    pub fn handle_takedown(&mut self, thread: ThreadId, address: Address) {
        self.takedowns.insert(address, thread);
    }

    /// Sends an event to whom it is for.
    pub fn send(&self, event: Event) {
        match event {
            Event::Granted { .. } | Event::Refused { .. } | Event::Waiting { .. } => self.answer(event),
            Event::Takedown { ref address, .. } => {
                let claimant = self.claims.get(address).map(|claim| claim.thread);
                let thread = self.takedowns.get(address).copied().or(claimant);
                self.deliver(thread, Delivery { claim: None, event });
            }
            Event::Error { code, message } => {
                for deliver in self.threads.values() {
                    let event = Event::Error { code: code.clone(), message: message.clone() };
                    deliver.send(Delivery { claim: None, event });
                }
            }
        }
    }

    fn answer(&self, event: Event) {
        let claim = event.address().and_then(|address| self.claims.get(address)).copied();
        let number = claim.map(|claim| claim.number);
        self.deliver(claim.map(|claim| claim.thread), Delivery { claim: number, event });
    }

    fn deliver(&self, thread: Option<ThreadId>, delivery: Delivery) {
        if let Some(deliver) = thread.and_then(|thread| self.threads.get(&thread)) {
            deliver.send(delivery);
        }
    }
}
