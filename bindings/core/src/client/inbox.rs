//! The events that have arrived and that nobody has asked for yet. Pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use serverswap_protocol::Address;
use serverswap_protocol::message::TakedownReason;

use super::error::ClientError;
use crate::connection::Event;
use crate::session::{Refusal, UseError};

/// Most faults that are kept for [`super::Client::faults`].
const FAULTS_MAX: usize = 16;

/// What a claim is answered with.
pub(crate) type Answer = Result<Option<OwnedFd>, Refusal>;

/// A takedown, as it was told.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub address: Address,
    pub reason: TakedownReason,
    pub drain: Duration,
    /// When `drain` is over.
    pub deadline: Instant,
}

/// What has arrived.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    answers: BTreeMap<Address, Answer>,
    held: BTreeSet<Address>,
    /// The addresses that are taken down and not yet let go of.
    taken: BTreeMap<Address, Told>,
    /// Those of `taken` that `wait_takedown` has not told.
    untold: VecDeque<Address>,
    faults: VecDeque<Refusal>,
}

impl Inbox {
    /// Takes in an event. `now` is when it arrived.
    pub fn put(&mut self, event: Event, now: Instant) {
        match event {
            Event::Granted { address, listener } => {
                self.held.insert(address.clone());
                self.answers.insert(address, Ok(listener));
            }
            Event::Refused { address, error } => {
                self.answers.insert(address, Err(error));
            }
            Event::Takedown { address, reason, drain } => {
                let told = Told { address: address.clone(), reason, drain, deadline: now + drain };
                self.taken.insert(address.clone(), told);
                self.untold.push_back(address);
            }
            Event::Waiting { .. } => {}
            Event::Error { code, message } => {
                if self.faults.len() == FAULTS_MAX {
                    self.faults.pop_front();
                }
                self.faults.push_back(Refusal { code, message });
            }
        }
    }

    /// Takes the answer to a claim.
    pub fn answer(&mut self, address: &Address) -> Option<Result<Option<OwnedFd>, ClientError>> {
        let answer = self.answers.remove(address)?;
        Some(answer.map_err(|source| ClientError::Refused { address: address.clone(), source }))
    }

    /// Whether the address is taken down, and how; an error if it is not held.
    pub fn taken(&mut self, address: &Address) -> Option<Result<Told, ClientError>> {
        if !self.held.contains(address) {
            return Some(Err(UseError::NotHeld(address.clone()).into()));
        }
        let told = self.taken.get(address)?.clone();
        self.untold.retain(|untold| untold != address);
        Some(Ok(told))
    }

    /// The next takedown that was not told.
    pub fn next_takedown(&mut self) -> Option<Told> {
        let address = self.untold.pop_front()?;
        self.taken.get(&address).cloned()
    }

    /// The addresses that are held.
    pub fn held(&self) -> Vec<Address> {
        self.held.iter().cloned().collect()
    }

    /// The addresses that are taken down.
    pub fn all_taken(&self) -> impl Iterator<Item = &Address> {
        self.taken.keys()
    }

    /// Forgets an address that was let go of; how it was taken down, if it was.
    pub fn let_go(&mut self, address: &Address) -> Option<Told> {
        self.held.remove(address);
        self.untold.retain(|untold| untold != address);
        self.taken.remove(address)
    }

    pub fn faults(&mut self) -> Vec<Refusal> {
        self.faults.drain(..).collect()
    }
}
