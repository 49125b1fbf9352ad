//! Negotiated connections.

use std::collections::BTreeSet;

use serverswap::protocol::Generation;
use serverswap::protocol::message::{Form, Role};
use serverswap::sys::process::Process;

use super::ConnectionId;
use super::address::state::Notified;
use super::collections::{Map, Set, insert_into, remove_from};

/// A negotiated connection.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) process: Process,
    pub(super) generation: Option<Generation>,
    pub(super) role: Role,
    pub(super) form: Form,
    /// The greatest `id` received.
    pub(super) last_id: u64,
    /// The greatest `id` sent.
    pub(super) sent_id: u64,
    /// Whether a server has sent `fail` on it.
    pub(super) intent: Intent,
    /// Whether a supervisor was sent `up`.
    pub(super) up: Notified,
    /// Whether a supervisor was sent `done`.
    pub(super) done: Notified,
}

/// What a server is about to do, by what it sent on its present connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    /// To serve.
    Serve,
    /// To exit: it sent `fail`.
    GiveUp,
}

/// Every negotiated connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Peers {
    all: Map<ConnectionId, Peer>,
    /// The last connection on which each living process sent `hello`, also after its end.
    newest: Map<Process, ConnectionId>,
    supervisors: Map<Generation, Set<ConnectionId>>,
    observers: Set<ConnectionId>,
    of_generation: Map<Generation, Set<ConnectionId>>,
}

impl Peers {
    pub(super) fn get(&self, link: ConnectionId) -> Option<&Peer> {
        self.all.get(&link)
    }

    pub(super) fn get_mut(&mut self, link: ConnectionId) -> Option<&mut Peer> {
        self.all.get_mut(&link)
    }

    pub(super) fn insert(&mut self, link: ConnectionId, peer: Peer) {
        if let Some(generation) = peer.generation {
            insert_into(&mut self.of_generation, generation, link);
        }
        match (peer.role, peer.generation) {
            (Role::Supervisor, Some(generation)) => insert_into(&mut self.supervisors, generation, link),
            (Role::Observer, _) => self.observers.insert_mut(link),
            (Role::Server | Role::Supervisor, _) => {}
        }
        self.all.insert_mut(link, peer);
    }

    pub(super) fn remove(&mut self, link: ConnectionId) -> Option<Peer> {
        let peer = self.all.get(&link)?.clone();
        self.all.remove_mut(&link);
        self.observers.remove_mut(&link);
        if let Some(generation) = peer.generation {
            remove_from(&mut self.of_generation, &generation, &link);
            remove_from(&mut self.supervisors, &generation, &link);
        }
        Some(peer)
    }

    /// Takes note of a connection on which a process has sent `hello`; whether it is its newest.
    pub(super) fn is_newest(&mut self, process: Process, link: ConnectionId) -> bool {
        let newest = self.newest.get(&process).copied().unwrap_or(link).max(link);
        self.newest.insert_mut(process, newest);
        newest == link
    }

    /// The present connection of a process, whatever its role.
    pub(super) fn link_of(&self, process: Process) -> Option<ConnectionId> {
        self.newest.get(&process).copied().filter(|link| self.all.contains_key(link))
    }

    pub(super) fn forget(&mut self, process: Process) -> Option<Peer> {
        let link = self.link_of(process);
        self.newest.remove_mut(&process);
        self.remove(link?)
    }

    pub(super) fn supervisors_of(&self, generation: Generation) -> impl Iterator<Item = ConnectionId> {
        self.supervisors.get(&generation).into_iter().flat_map(|links| links.iter().copied())
    }

    pub(super) fn is_supervised(&self, generation: Generation) -> bool {
        self.supervisors.contains_key(&generation)
    }

    /// Whether a client of the generation is connected, whatever its role.
    pub(super) fn is_connected(&self, generation: Generation) -> bool {
        self.of_generation.contains_key(&generation)
    }

    /// The supervisors of the generations, and every observer, in the order of their connections.
    pub(super) fn readers(
        &self,
        generations: impl IntoIterator<Item = Generation>,
    ) -> BTreeSet<ConnectionId> {
        let supervisors = generations.into_iter().flat_map(|generation| self.supervisors_of(generation));
        supervisors.chain(self.observers.iter().copied()).collect()
    }

    pub(super) fn next_id(&mut self, link: ConnectionId) -> Option<u64> {
        let peer = self.all.get_mut(&link)?;
        peer.sent_id += 1;
        Some(peer.sent_id)
    }
}
