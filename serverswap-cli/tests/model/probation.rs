//! What is to be so of probations (SS-SERVE-6), kept apart from what the arbiter thinks.
//!
//! A probation begins when the program serves, and is over when it has served for so long,
//! or when no older server is left that the arbiter knows to serve. A server that ends in it, or has
//! sent `fail`, never passes it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap_cli::state::{AddressRecord, HolderRecord, Snapshot};

use super::server::{Doing, Server};
use super::setup::{Allowed, Faults};
use super::world::{Broken, World};

/// Empty in a world without probations.
#[derive(Debug, Clone, Default, Hash)]
pub struct Probations {
    /// Who is not through it, and when it will be; what no time ends is `Duration::MAX`.
    until: BTreeMap<(u32, Address), Duration>,
    /// Who was serving by the state file, once.
    known: BTreeSet<(u32, Address)>,
}

impl Probations {
    pub fn is_any(&self) -> bool {
        !self.until.is_empty()
    }
}

impl World {
    pub fn has_ever_served(&self, pid: u32, address: &Address) -> bool {
        self.ever_served.contains(&(pid, address.clone()))
    }

    pub fn is_on_probation(&self, pid: u32, address: &Address) -> bool {
        self.probations.until.contains_key(&(pid, address.clone()))
    }

    /// Whether a newer server has ever served the address for good.
    pub fn has_newer_passed(&self, generation: Generation, address: &Address) -> bool {
        let newer = self.servers.values().filter(|server| server.generation > generation);
        let mut pids = newer.map(|server| server.process.pid);
        pids.any(|pid| self.has_ever_served(pid, address) && !self.is_on_probation(pid, address))
    }

    pub fn begins_to_serve(&mut self, server: &Server, address: &Address) {
        if server.socket == SocketMode::Inherit && !server.probation.is_zero() {
            let key = (server.process.pid, address.clone());
            self.probations.until.insert(key, self.now + server.probation);
        }
    }

    /// The clock goes on to `at`.
    pub fn passes(&mut self, at: Option<Duration>) {
        let now = at.unwrap_or(self.now).max(self.now);
        self.now = now;
        let mut until = std::mem::take(&mut self.probations.until);
        until.retain(|(pid, address), until| *until > now || !self.accepts(*pid, address));
        self.probations.until = until;
    }

    /// The arbiter has read `fail`.
    pub fn gives_up(&mut self, pid: u32) {
        let own = self.probations.until.iter_mut().filter(|((of, _), _)| *of == pid);
        own.for_each(|(_, until)| *until = Duration::MAX);
    }

    /// What the arbiter has decided.
    pub fn learn_from_file(&mut self, next: &Snapshot) {
        if !self.setup.has_probations() {
            return;
        }
        for (address, record) in &next.addresses {
            for holder in serving(record) {
                self.probations.known.insert((holder.process.pid, address.clone()));
            }
            if self.file.addresses.get(address).is_some_and(|before| moves_an_end(before, record)) {
                self.broken.push(Broken::ProbationMoved(address.clone()));
            }
            let through =
                serving(record).filter(|holder| !self.is_served_by_older(holder.generation, address));
            let through: Vec<u32> = through.map(|holder| holder.process.pid).collect();
            for pid in through {
                self.probations.until.remove(&(pid, address.clone()));
            }
        }
    }

    /// Whether an older server goes on, beside which the last server of a command has ended.
    /// Nothing is asserted where the command may not have received the status of its server: where the
    /// machine stands still for longer than the command waits for it, or the connection ends before it
    /// was read.
    pub fn is_rolled_back(&self, index: usize) -> bool {
        let own = self.servers.values().rfind(|server| server.parent == index);
        let Faults { stalls, drops, .. } = self.setup.faults;
        let is_told = !self.stopped.contains(&index) && [stalls, drops] == [Allowed::No; 2];
        let Some(own) = own.filter(|server| !server.is_alive() && is_told) else {
            return false;
        };
        let is_left = |address: &Address| {
            let pid = own.process.pid;
            self.is_on_probation(pid, address)
                && self.is_known(pid, address)
                && self.is_served_by_older(own.generation, address)
                && !self.has_newer_passed(own.generation, address)
        };
        self.setup.addresses.iter().any(is_left)
    }

    /// Whether an older server serves, as the arbiter knows, and was not asked to stop.
    pub fn is_served_by_older(&self, generation: Generation, address: &Address) -> bool {
        let older = self.servers.values().filter(|server| server.generation < generation);
        older.filter(|server| !self.stopped.contains(&server.parent)).any(|server| {
            matches!(server.doing(address), Some(Doing::Serves(_)))
                && self.is_known(server.process.pid, address)
        })
    }

    fn is_known(&self, pid: u32, address: &Address) -> bool {
        self.probations.known.contains(&(pid, address.clone()))
    }

    fn accepts(&self, pid: u32, address: &Address) -> bool {
        let doing = self.servers.get(&pid).and_then(|server| server.doing(address));
        doing.is_some_and(|doing| doing.accepts())
    }
}

fn serving(record: &AddressRecord) -> impl Iterator<Item = &HolderRecord> {
    let leaves = |one: &HolderRecord| record.draining.iter().any(|drain| drain.process == one.process);
    record.holders.iter().filter(move |holder| holder.serving && !leaves(holder))
}

fn moves_an_end(before: &AddressRecord, record: &AddressRecord) -> bool {
    record.holders.iter().any(|holder| {
        let mut earlier = before.holders.iter().filter(|earlier| earlier.process == holder.process);
        earlier.any(|earlier| match (earlier.probation_until(), holder.probation_until()) {
            (Some(was), Some(is)) => was != is,
            (None, _) | (_, None) => false,
        })
    })
}
