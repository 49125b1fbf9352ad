//! The listeners that the core has opened, fetched and closed.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use serverswap::protocol::message::{Code, UnixSockets};
use serverswap::protocol::{Address, Generation};
use serverswap::sys::listener::{self, OpenError, SocketOwner};
use serverswap::sys::process::{self, Process};

use super::super::listener_store::OwnListener;
use super::super::readiness_lookup::Socket;
use super::super::stop_signal;
use super::ArbiterRuntime;
use crate::arbiter::{ArbiterEvent, Fetched};
use crate::sys::descriptors;

impl ArbiterRuntime {
    /// Opens a listener. Where another process has the address, the answer comes when it is known which.
    pub(super) fn open(&mut self, address: Address) {
        if let Some(listener) = self.stored(&address) {
            self.found.push((address.clone(), listener));
            return self.answers.push(ArbiterEvent::Opened { address, result: Ok(()) }.into());
        }
        let result = match self.try_open(&address) {
            Ok(fd) if descriptors::is_reserved(&fd) => {
                let message = "the arbiter has no descriptor left for another listener".to_owned();
                Err((Code::Exhausted, message))
            }
            Ok(fd) => {
                self.found.push((address.clone(), Arc::new(fd)));
                Ok(())
            }
            Err(OpenError::InUse { .. }) => match self.passed_to_supervisor_of_claimant(&address) {
                Some(fd) => {
                    self.found.push((address.clone(), Arc::new(fd)));
                    Ok(())
                }
                None => return self.owners.start(address),
            },
            Err(error) => Err((error.code(), error.to_string())),
        };
        self.answers.push(ArbiterEvent::Opened { address, result }.into());
    }

    /// What a service manager keeps for this process, and nobody has, is given up where it is in the way.
    fn try_open(&self, address: &Address) -> Result<OwnedFd, OpenError> {
        let open = || listener::try_open(address, self.unix_sockets(address));
        match open() {
            Err(OpenError::InUse { .. }) if self.make_way_for(address, OwnListener::Used) => open(),
            result => result,
        }
    }

    /// What a service manager has for that process.
    fn passed_to_supervisor_of_claimant(&self, address: &Address) -> Option<OwnedFd> {
        let (_, supervisors) = self.core.claimant(address)?;
        let mut supervisors = supervisors.into_iter().filter_map(|link| self.clients.process_of(link));
        supervisors.find_map(|supervisor| {
            let pidfd = self.processes.pidfd(supervisor)?;
            listener::duplicate(supervisor, pidfd, address).ok().flatten()
        })
    }

    /// What a service manager has for this process.
    pub(super) fn stored(&self, address: &Address) -> Option<Arc<OwnedFd>> {
        self.store.as_ref().and_then(|store| store.listener(address))
    }

    pub(super) fn make_way_for(&self, address: &Address, own: OwnListener) -> bool {
        self.store.as_ref().is_some_and(|store| store.make_way_for(address, own))
    }

    /// As the command of the server that claims the address says, or else its umask.
    fn unix_sockets(&self, address: &Address) -> UnixSockets {
        let Some((process, supervisors)) = self.core.claimant(address) else {
            return UnixSockets::default();
        };
        let said = supervisors.into_iter().find_map(|link| self.clients.unix_sockets_of(link));
        let said = said.unwrap_or_default();
        let by_umask = || process::umask(process.pid).ok().map(|umask| 0o666 & !umask);
        UnixSockets { mode: said.mode.or_else(by_umask), ..said }
    }

    pub(super) fn fetch(&mut self, process: Process, address: Address) {
        let pidfd = self.processes.pidfd(process);
        let found = match pidfd.map(|pidfd| listener::duplicate(process, pidfd, &address)) {
            Some(Ok(None) | Err(_)) if self.core.stand_in_of(process).is_some() => {
                self.fetch_from_processes_of(process, &address)
            }
            Some(found) => found,
            None => Ok(None),
        };
        let fetched = match found {
            Ok(Some(fd)) => {
                self.found.push((address.clone(), Arc::new(fd)));
                Fetched::Found
            }
            Ok(None) => Fetched::Absent,
            Err(_) => Fetched::Refused,
        };
        self.answers.push(ArbiterEvent::Fetched { process, address, found: fetched }.into());
    }

    /// The main process of a server that a stand-in speaks for may be a wrapper, or have started the one that listens.
    fn fetch_from_processes_of(&self, process: Process, address: &Address) -> io::Result<Option<OwnedFd>> {
        let mut refused = Ok(None);
        for (member, pidfd) in self.processes_of_stand_in(process)? {
            match listener::duplicate(member, &pidfd, address) {
                Ok(None) => {}
                Ok(Some(fd)) => return Ok(Some(fd)),
                Err(error) => refused = Err(error),
            }
        }
        refused
    }

    /// Where there is no listener, nobody can wait at it.
    pub(super) fn look(&self, generation: Generation, servers: Vec<(Process, Address)>) {
        let socket = |(server, address): (Process, Address)| {
            let kept = self.listeners.get(&address).cloned();
            let fetched = || self.fetch_from_processes_of(server, &address).ok().flatten().map(Arc::new);
            let listener = kept.or_else(fetched)?;
            Some(Socket { server, address, listener })
        };
        self.readiness.start(generation, servers.into_iter().filter_map(socket).collect());
    }

    pub(super) fn listening(&mut self, generation: Generation, listening: Vec<Socket>) -> ArbiterEvent {
        let known = listening.iter().map(|one| (one.server, one.address.clone())).collect();
        self.found.extend(listening.into_iter().map(|one| (one.address, one.listener)));
        ArbiterEvent::Looked { generation, listening: known }
    }

    fn processes_of_stand_in(&self, process: Process) -> io::Result<Vec<(Process, OwnedFd)>> {
        let Some(generation) = self.core.generation_of_server(process) else {
            return Ok(Vec::new());
        };
        let origin = self.origin_of([process].into_iter());
        let groups = process::group(process.pid).into_iter().collect::<Vec<u32>>();
        stop_signal::processes_of(process, generation, origin, &groups)
    }

    /// Why a server that was started by nobody of ours is not adopted at an address.
    pub(super) fn objection_to_adoption(
        &self,
        process: Process,
        address: &Address,
    ) -> Option<(Code, String)> {
        if !self.core.is_free(address) {
            let message =
                format!("`{address}` is held in this directory, and not by pid {} alone", process.pid);
            return Some((Code::AddressInUse, message));
        }
        let addresses = std::slice::from_ref(address);
        let processes = self.processes_of_stand_in(process).unwrap_or_default();
        let listens = processes.iter().any(|(one, pidfd)| stop_signal::has_listener(*one, pidfd, addresses));
        let message = || {
            format!("pid {} has no listener of `{address}`, or the kernel does not let us look", process.pid)
        };
        (!listens).then(|| (Code::AddressNotAvailable, message()))
    }

    /// The late answer to [`ArbiterAction::Open`], where another process has the address.
    pub(super) fn in_use(&self, address: Address, owner: Option<SocketOwner>) -> ArbiterEvent {
        if let Some(owner) = &owner
            && let Some(generation) = self.started_here(owner)
        {
            return ArbiterEvent::HeldByAbsent { address, generation, holder: owner.to_string() };
        }
        let result = Err(self.refusal_of_in_use(&address, owner));
        ArbiterEvent::Opened { address, result }
    }

    /// Who has it, in words: a process, or the service manager.
    pub(super) fn refusal_of_in_use(&self, address: &Address, owner: Option<SocketOwner>) -> (Code, String) {
        let unit = self.store.as_ref().and_then(|store| store.unit_in_the_way_of(address));
        if let Some((other, unit)) = unit {
            let message =
                format!("`{address}` is held by the service manager, which has opened `{other}` as `{unit}`");
            return (Code::AddressInUse, message);
        }
        let error = OpenError::InUse { address: address.clone(), owner };
        (error.code(), error.to_string())
    }

    /// The generation of a process that was started in this directory.
    pub(super) fn started_here(&self, owner: &SocketOwner) -> Option<Generation> {
        let started_by = owner.started_by.as_ref()?;
        (started_by.directory == self.directory.path()).then_some(started_by.generation)
    }

    pub(super) fn close_listener(&mut self, address: &Address) {
        self.listeners.remove(address);
        match address {
            Address::Unix(path) => {
                // Somebody else may serve the path by now: then it is not stale and stays.
                let _ = listener::remove_stale(path);
            }
            Address::Tcp(_) | Address::Udp(_) | Address::Name(_) => {}
        }
    }
}
