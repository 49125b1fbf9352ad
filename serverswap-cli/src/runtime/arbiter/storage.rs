//! State before act (R1): what a turn has changed is written before anything is sent, and what becomes of the
//! turn where it cannot be.

use std::collections::BTreeMap;
use std::io;

use serverswap::protocol::message::{Code, FromClient};
use serverswap::protocol::{Address, Generation};

use super::{ArbiterRuntime, Pending};
use crate::arbiter::{Arbiter, ArbiterEvent, Changed, Changes, ClientHello, ConnectionId};
use crate::runtime::directory_lease::LeaseState;
use crate::state::Update;
use crate::ui::Report;

/// Whether the state file could be written the last time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Storage {
    Writable,
    Failing,
}

impl ArbiterRuntime {
    /// Writes nothing where another arbiter's state is by now.
    pub(super) fn write(&mut self, next: &Arbiter, changes: &Changes) -> io::Result<()> {
        self.renew_lease()?;
        match self.lease_state {
            LeaseState::Held | LeaseState::Reacquired => {
                self.journal.write(&update(next, changes), || next.snapshot())?;
                self.storage = Storage::Writable;
            }
            LeaseState::Lost => {}
        }
        Ok(())
    }

    pub(super) fn renew_lease(&mut self) -> io::Result<()> {
        self.lease_state = self.lease.renew()?;
        let directory = self.directory.path().to_owned();
        match self.lease_state {
            LeaseState::Held => {}
            LeaseState::Reacquired => (self.report)(Report::DirectoryRemade { directory }),
            LeaseState::Lost => (self.report)(Report::DirectoryLost { directory }),
        }
        Ok(())
    }

    pub(super) fn report_not_written(&self, error: &io::Error) {
        (self.report)(Report::StateNotWritten { path: self.directory.state(), problem: error.to_string() });
    }

    /// Nothing was decided: claims and new deploys are refused, everything else waits until it can
    /// be written. Whoever waits for its `welcome` is told nothing else before it: with its claim its connection is
    /// refused, and it comes back.
    pub(super) fn defer(&mut self, pending: Vec<Pending>, error: &io::Error) {
        if self.storage == Storage::Writable {
            self.report_not_written(error);
        }
        self.storage = Storage::Failing;
        let refused = claims_before_the_welcome(&pending);
        for (link, (generation, address)) in &refused {
            self.refuse_connection(*link, error);
            self.notify_supervisors_of(*generation, address, Code::StateNotWritten, not_written(error));
        }
        for pending in pending {
            match &pending.event {
                ArbiterEvent::Hello(ClientHello { link, .. }) | ArbiterEvent::Received { link, .. }
                    if refused.contains_key(link) => {}
                ArbiterEvent::Received { link, message: FromClient::ReadyFor(claim), .. } => {
                    self.refuse_claim(*link, claim, Code::StateNotWritten, not_written(error));
                }
                ArbiterEvent::Hello(arrival) if arrival.is_of_a_new_deploy() => {
                    self.refuse_connection(arrival.link, error);
                }
                ArbiterEvent::Tick => {}
                ArbiterEvent::Hello(_)
                | ArbiterEvent::Received { .. }
                | ArbiterEvent::Disconnected { .. }
                | ArbiterEvent::Gone { .. }
                | ArbiterEvent::Opened { .. }
                | ArbiterEvent::HeldByAbsent { .. }
                | ArbiterEvent::Fetched { .. }
                | ArbiterEvent::Polled { .. }
                | ArbiterEvent::Looked { .. }
                | ArbiterEvent::Signalled { .. }
                | ArbiterEvent::SignalSent { .. } => self.deferred.push(pending),
            }
        }
    }

    fn refuse_connection(&mut self, link: ConnectionId, error: &io::Error) {
        self.refuse(link, None, Code::StateNotWritten, not_written(error));
        self.clients.close_after_sending(link);
    }
}

/// The first claim on each connection whose `hello` waits here too, with the generation of the `hello`.
fn claims_before_the_welcome(pending: &[Pending]) -> BTreeMap<ConnectionId, (Option<Generation>, Address)> {
    let (mut unwelcomed, mut claims) = (BTreeMap::new(), BTreeMap::new());
    for pending in pending {
        if let ArbiterEvent::Hello(arrival) = &pending.event
            && !arrival.is_of_a_new_deploy()
        {
            unwelcomed.insert(arrival.link, arrival.generation);
        }
        if let ArbiterEvent::Received { link, message: FromClient::ReadyFor(claim), .. } = &pending.event
            && let Some(generation) = unwelcomed.get(link)
        {
            claims.entry(*link).or_insert((*generation, claim.address.clone()));
        }
    }
    claims
}

/// The records that a turn has changed, as they are now.
fn update(core: &Arbiter, changes: &Changes) -> Update {
    let address = |address: &Address| (address.clone(), core.address_record(address));
    Update {
        generations: changes.generations.iter().map(|one| (*one, core.generation_record(*one))).collect(),
        addresses: changes.addresses.iter().map(address).collect(),
        pending_events: (changes.pending_events == Changed::State).then(|| core.pending_events().to_vec()),
        unrecorded: (changes.unrecorded == Changed::State).then(|| core.unrecorded_processes()),
    }
}

fn not_written(error: &io::Error) -> String {
    format!("the arbiter cannot write its state: {error}")
}
