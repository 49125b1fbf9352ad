//! Whom the arbiter may take down, and who may end whom.

use serverswap::protocol::{Address, SocketMode};

use super::server::{Doing, Life};
use super::setup::{Allowed, Faults};
use super::supervision::Supervision;
use super::world::{Broken, World};

impl World {
    /// No server is taken down before a newer one has declared that it is ready.
    pub(super) fn check_takedown(&mut self, link: u64, address: &Address) {
        let Some(old) = self.wires.get(&link).and_then(|wire| self.servers.get(&wire.client)) else { return };
        if !old.is_alive() {
            return;
        }
        let generation = old.generation;
        let is_ready = self.servers.values().any(|server| {
            server.generation > generation
                && match server.socket {
                    SocketMode::Bind => !matches!(server.life, Life::Booting),
                    SocketMode::Inherit => self.has_ever_served(server.process.pid, address),
                }
        });
        if !is_ready {
            self.broken.push(Broken::TakenTooEarly(address.clone()));
        }
        if old.socket == SocketMode::Inherit && !self.has_newer_passed(generation, address) {
            self.broken.push(Broken::ProbationCut(address.clone()));
        }
    }

    /// The arbiter ends nobody who is the only one to serve an inherited address, or whose
    /// successor is on probation.
    pub(super) fn check_end(&mut self, pid: u32) {
        let Some(server) = self.servers.get(&pid) else { return };
        if server.socket == SocketMode::Bind || self.stopped.contains(&server.parent) {
            return;
        }
        let generation = server.generation;
        let served = server.doings().filter(|(_, doing)| doing.accepts());
        let served: Vec<Address> = served.map(|(address, _)| address.clone()).collect();
        for address in served {
            let others = self.accepting(&address).filter(|other| other.process.pid != pid).count();
            if self.excused.contains(&address) {
                continue;
            }
            if others == 0 {
                self.broken.push(Broken::TakenTooEarly(address.clone()));
            }
            let goes_back = self.is_served_by_older(generation, &address);
            if self.setup.has_probations() && !goes_back && !self.has_newer_passed(generation, &address) {
                self.broken.push(Broken::ProbationCut(address));
            }
        }
    }

    /// Where the machine does not stand still, a server releases its address long before its drain is over.
    pub(super) fn check_drain(&mut self, pid: u32) {
        let Some(server) = self.servers.get(&pid) else { return };
        if self.setup.faults.stalls == Allowed::Yes {
            return;
        }
        let first = server.doings().find(|(_, doing)| doing.accepts());
        if let Some((address, _)) = first {
            self.broken.push(Broken::DrainCut(address.clone()));
        }
    }

    /// Where nothing else went wrong, a supervisor that was asked to stop ends no server that has an address
    /// and was not sent a takedown for it.
    pub(super) fn check_stop(&mut self, supervisor: &Supervision, pid: u32) {
        let Some(server) = self.servers.get(&pid) else { return };
        if !self.stopped.contains(&supervisor.index) || self.setup.faults != Faults::stops(1) {
            return;
        }
        let keeps = |doing: Doing| match doing {
            Doing::Prepares(_) | Doing::Serves(_) => true,
            Doing::Waits | Doing::Leaves { .. } | Doing::Released | Doing::Lost => false,
        };
        let first = server.doings().find(|(_, doing)| keeps(*doing));
        if let Some((address, _)) = first {
            self.broken.push(Broken::EndedWithoutTakedown(address.clone()));
        }
    }
}
