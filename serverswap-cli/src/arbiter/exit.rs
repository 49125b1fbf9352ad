//! A connection that ends, and a process that has ended (R4).

use std::collections::BTreeSet;

use serverswap::protocol::message::{Event, EventKind, Role};
use serverswap::sys::process::Process;

use super::address::state::Stage;
use super::collections::Map;
use super::generation::SupervisorPresence;
use super::server::ServerConnection;
use super::{Arbiter, ConnectionId, Turn};

impl Arbiter {
    /// What was granted on the connection stays granted (R4); what was claimed is not.
    pub(super) fn connection_ended(&mut self, link: ConnectionId, turn: &mut Turn) {
        let Some(peer) = self.peers.remove(link) else {
            return;
        };
        turn.generations.extend(peer.generation);
        match peer.role {
            Role::Server => self.server_connection_ended(link, peer.process, turn),
            Role::Supervisor => {
                for address in self.index.addresses_of(peer.process) {
                    self.edit(&address, turn, |state| state.notified.remove(&peer.process));
                }
            }
            Role::Observer => {}
        }
    }

    fn server_connection_ended(&mut self, link: ConnectionId, process: Process, turn: &mut Turn) {
        let Some(server) = self.servers.get_mut(process).filter(|server| server.link() == Some(link)) else {
            return;
        };
        server.connection = ServerConnection::Away { since: turn.now };
        server.takedowns = Map::new_sync();
        for address in self.index.addresses_of(process) {
            self.edit(&address, turn, |state| {
                match state.participants.get_mut(&process).map(|participant| &mut participant.stage) {
                    Some(Stage::Claim(_)) => {
                        state.participants.remove(&process);
                    }
                    Some(Stage::TakingDown(takedown)) => takedown.message = None,
                    Some(
                        Stage::Granted { .. }
                        | Stage::Providing { .. }
                        | Stage::Probation { .. }
                        | Stage::Serving { .. }
                        | Stage::Released { .. },
                    )
                    | None => {}
                }
            });
            turn.touched.insert(address);
        }
    }

    /// A process has ended, and everything that it had sent was read (R4, N5). `remains` are the other
    /// processes of its generation that live, if it was the last server of it.
    pub(super) fn gone(&mut self, process: Process, remains: &BTreeSet<Process>, turn: &mut Turn) {
        self.notify_gone(process, turn);
        self.forget_unrecorded(process, turn);
        let is_helper = self.is_helper(process);
        let mut stood = Vec::new();
        for address in self.index.addresses_of(process) {
            let state = self.address(&address);
            if let Some(participant) = state.participants.get(&process).filter(|_| !is_helper) {
                self.remember_had(&address, process, participant, turn);
            }
            stood.extend(state.standing(process).map(|standing| (address.clone(), standing)));
            self.edit(&address, turn, |state| state.forget(process));
            turn.touched.insert(address);
        }
        if let Some(server) = self.servers.remove(process) {
            turn.generations.insert(server.generation);
            self.signals.set(process, None);
            self.note_remains(&server, &stood, remains, turn);
        }
        if let Some(peer) = self.peers.forget(process) {
            turn.generations.extend(peer.generation);
        }
        for generation in self.generations.of_supervisor(process) {
            self.edit_generation(generation, turn, |state| state.supervisor = SupervisorPresence::None);
            self.abandon(generation, turn.now);
        }
    }

    /// The server's own supervisor takes `gone` for the last news about the server's addresses, so it is not
    /// sent while holders are awaited at one of them.
    fn notify_gone(&self, process: Process, turn: &mut Turn) {
        let Some(server) = self.servers.get(process) else {
            return;
        };
        let event = Event {
            pid: Some(process.pid),
            cut: server.cut,
            ..Event::new(EventKind::Gone, server.generation)
        };
        let states: Vec<_> =
            self.index.addresses_of(process).iter().map(|address| self.address(address)).collect();
        let states = states.iter().filter(|state| state.participants.contains_key(&process));
        let is_known = states.clone().all(|state| state.expected.is_empty());
        let concerned = states.flat_map(|state| state.participants.values()).map(|one| one.generation);
        let concerned = concerned.filter(|generation| is_known || *generation != server.generation);
        self.notify(&event, concerned, turn);
    }
}
