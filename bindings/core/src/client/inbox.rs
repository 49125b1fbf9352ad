//! The events that have arrived and that were not asked for yet. Pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use serverswap_protocol::Address;
use serverswap_protocol::message::TakedownReason;

use super::error::ClientError;
use crate::connection::Event;
use crate::dispatch::{CallId, Recipient};
use crate::drain::Drain;
use crate::session::{CallError, Refusal};

/// Most faults that are kept for [`super::Client::faults`].
const FAULTS_MAX: usize = 16;

/// A takedown, as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct TakedownNotice {
    pub address: Address,
    pub reason: TakedownReason,
    pub drain: Duration,
    /// The same for responses that still make progress.
    pub stream: Duration,
    pub arrived: Instant,
}

impl TakedownNotice {
    /// When `drain` is over, and the server gets TERM.
    pub fn term(&self) -> Instant {
        self.arrived + self.drain
    }

    /// Until when open connections may be finished: a little before TERM.
    pub fn drain_deadline(&self) -> Instant {
        Drain::new().deadline(Some((self.arrived, self.drain)))
    }
}

/// What has arrived.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// By the number of the claim.
    answers: BTreeMap<CallId, Result<Option<OwnedFd>, ClientError>>,
    held: BTreeSet<Address>,
    /// The addresses that are taken down and not yet released.
    taken: BTreeMap<Address, TakedownNotice>,
    /// Those of `taken` that no `wait_takedown` has returned.
    unseen: VecDeque<Address>,
    faults: VecDeque<Refusal>,
}

impl Inbox {
    /// Takes in an event. `now` is when it arrived.
    pub fn put(&mut self, to: Recipient<()>, event: Event, now: Instant) {
        match event {
            Event::Granted { address, listener } => {
                self.held.insert(address);
                self.put_answer(to, Ok(listener));
            }
            Event::Refused { address, error } => {
                self.put_answer(to, Err(ClientError::Refused { address, source: error }));
            }
            Event::Takedown { address, reason, drain, stream } => {
                let notice = TakedownNotice { address: address.clone(), reason, drain, stream, arrived: now };
                self.taken.insert(address.clone(), notice);
                self.unseen.push_back(address);
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

    fn put_answer(&mut self, to: Recipient<()>, answer: Result<Option<OwnedFd>, ClientError>) {
        match to {
            Recipient::Claimant { claim, .. } => drop(self.answers.insert(claim, answer)),
            Recipient::Handlers { .. } | Recipient::Everybody => {}
        }
    }

    /// Takes the answer to a claim.
    pub fn answer(&mut self, claim: CallId) -> Option<Result<Option<OwnedFd>, ClientError>> {
        self.answers.remove(&claim)
    }

    /// Whether the address is taken down, and how; an error if it is not held.
    pub fn taken(&mut self, address: &Address) -> Option<Result<TakedownNotice, ClientError>> {
        if !self.held.contains(address) {
            return Some(Err(CallError::NotHeld(address.clone()).into()));
        }
        let notice = self.taken.get(address)?.clone();
        self.unseen.retain(|unseen| unseen != address);
        Some(Ok(notice))
    }

    /// The next takedown that was not returned yet.
    pub fn next_takedown(&mut self) -> Option<TakedownNotice> {
        let address = self.unseen.pop_front()?;
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

    /// Forgets an address that was released; how it was taken down, if it was.
    pub fn released(&mut self, address: &Address) -> Option<TakedownNotice> {
        self.held.remove(address);
        self.unseen.retain(|unseen| unseen != address);
        self.taken.remove(address)
    }

    pub fn faults(&mut self) -> Vec<Refusal> {
        self.faults.drain(..).collect()
    }
}
