//! `--adopt`: takes over an address from a process that serverswap did not start.
//!
//! Before the own server is started, this command stands in for that process: a generation of its own, older than ours,
//! which is granted the address and provides its listener. From then on it is an old server like any other.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use serverswap::protocol::message::Timeouts;
use serverswap::protocol::{Address, Generation};
use serverswap::session::{Call, Identity, StandIn};
use serverswap::sys::listener::{addresses_of, duplicate, is_in_use, owner_of};
use serverswap::sys::process::Process;
use serverswap::{Connection, Event};
use tokio::io::unix::AsyncFd;

use super::arbiter_link::client_info;
use super::error_map;
use super::listener_store::ListenerStore;
use crate::state::{self, Directory, StateFile};
use crate::status::is_alive;
use crate::sys::async_fd::async_fd;
use crate::ui::{NotAdoptable, Report, SetupError};

/// What is to be taken over, if anybody has it.
#[derive(Debug, Clone)]
pub(super) struct Adoption {
    pub(super) addresses: Vec<Address>,
    pub(super) stop_signal: u32,
    pub(super) timeouts: Timeouts,
    /// Ours.
    pub(super) generation: Generation,
}

/// A process that has some of them.
struct Foreign {
    process: Process,
    program: Option<String>,
    listeners: Vec<(Address, OwnedFd)>,
}

impl Adoption {
    /// Takes over what a process has that we did not start; returns what is to be said of it. An arbiter is connected
    /// to already.
    ///
    /// # Errors
    /// An address is held by a process that cannot be taken over. Nobody was touched.
    pub(super) async fn run(
        &self,
        directory: &Directory,
        store: &ListenerStore,
    ) -> Result<Vec<Report>, SetupError> {
        let mut reports = Vec::new();
        let foreign = self.foreign(directory, store)?;
        for (number, foreign) in (1..).zip(foreign) {
            let (pid, program) = (foreign.process.pid, foreign.program.clone());
            let addresses: Vec<Address> =
                foreign.listeners.iter().map(|(address, _)| address.clone()).collect();
            // Older than ours, and one for each.
            let start = self.generation.start.saturating_sub(number);
            let generation = Generation { start, ..self.generation };
            self.adopt(foreign, generation, directory).await?;
            reports.push(Report::Adopted { addresses, pid, program });
        }
        Ok(reports)
    }

    /// Everybody is looked at before anybody is taken over.
    fn foreign(&self, directory: &Directory, store: &ListenerStore) -> Result<Vec<Foreign>, SetupError> {
        let mut found: BTreeMap<Process, Foreign> = BTreeMap::new();
        if self.addresses.is_empty() {
            return Ok(Vec::new());
        }
        let state = state::read(&directory.state()).ok().flatten();
        for address in &self.addresses {
            let is_ours = is_held_here(state.as_ref(), address) || store.listener(address).is_some();
            if is_ours || !is_in_use(address) {
                continue;
            }
            let Some((process, program, listener)) = look(address)? else { continue };
            let foreign =
                found.entry(process).or_insert_with(|| Foreign { process, program, listeners: Vec::new() });
            foreign.listeners.push((address.clone(), listener));
        }
        Ok(found.into_values().collect())
    }

    async fn adopt(
        &self,
        foreign: Foreign,
        generation: Generation,
        directory: &Directory,
    ) -> Result<(), SetupError> {
        let system = |error: io::Error| error_map::system("the connection to the arbiter", &error);
        let identity = Identity { client: client_info(), generation: Some(generation) };
        let (pid, stop_signal) = (foreign.process.pid, self.stop_signal);
        let stand_in = StandIn { pid, stop_signal, adopt: Some(self.timeouts) };
        let connection = Connection::stand_in(directory.socket(), identity, stand_in);
        let connection = connection.map_err(|error| system(io::Error::other(error)))?;
        let mut connection = async_fd(connection).map_err(system)?;
        for (address, _) in &foreign.listeners {
            let claim = Call::Provide { address: address.clone(), more: false };
            connection.get_mut().call(claim).map_err(|error| system(io::Error::other(error)))?;
        }
        let mut listeners: BTreeMap<Address, OwnedFd> = foreign.listeners.into_iter().collect();
        while !(listeners.is_empty() && connection.get_ref().is_flushed()) {
            let event = next_event(&mut connection).await.map_err(system)?;
            match event {
                Some(Event::Granted { address, .. }) => {
                    if let Some(listener) = listeners.remove(&address) {
                        let provided = connection.get_mut().provide(&address, listener);
                        provided.map_err(|error| system(io::Error::other(error)))?;
                    }
                }
                Some(Event::Refused { address, error }) => {
                    let (program, why) = (foreign.program, NotAdoptable::Refused(error.message));
                    return Err(SetupError::NotAdopted { address, pid: Some(pid), program, why });
                }
                Some(Event::Waiting { .. } | Event::Takedown { .. } | Event::Error { .. }) | None => {}
            }
        }
        Ok(())
    }
}

async fn next_event(connection: &mut AsyncFd<Connection>) -> io::Result<Option<Event>> {
    if let Some(event) = connection.get_mut().next_event() {
        return Ok(Some(event));
    }
    connection.readable().await?.clear_ready();
    connection.get_mut().process()?;
    Ok(connection.get_mut().next_event())
}

/// Who has it is an old server of this directory: it is replaced without all this.
fn is_held_here(state: Option<&StateFile>, address: &Address) -> bool {
    let record = state.and_then(|state| state.snapshot.addresses.get(address));
    record.is_some_and(|record| record.holders.iter().any(|holder| is_alive(holder.process)))
}

/// The process that has the listener of an address, and a duplicate of it; `None` if serverswap has started it.
fn look(address: &Address) -> Result<Option<(Process, Option<String>, OwnedFd)>, SetupError> {
    let owner = owner_of(address);
    let refusal = |why| {
        let (pid, program) = owner.as_ref().map(|owner| (owner.pid, owner.program.clone())).unzip();
        SetupError::NotAdopted { address: address.clone(), pid, program: program.flatten(), why }
    };
    let Some(found) = &owner else { return Err(refusal(NotAdoptable::Unseen)) };
    if found.started_by.is_some() {
        return Ok(None);
    }
    let Ok(Some((process, pidfd))) = Process::hold(found.pid) else { return Ok(None) };
    match duplicate(process, pidfd.as_fd(), address) {
        Ok(Some(listener)) => Ok(Some((process, found.program.clone(), listener))),
        Ok(None) => {
            let others = addresses_of(process, pidfd.as_fd()).unwrap_or_default();
            Err(refusal(NotAdoptable::OtherAddress(others.into_iter().collect())))
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(refusal(NotAdoptable::not_permitted(ptrace_scope())))
        }
        Err(error) => Err(error_map::system("pidfd_getfd", &error)),
    }
}

/// What Yama allows (`kernel.yama.ptrace_scope`); 0 where it is not in the kernel.
fn ptrace_scope() -> u32 {
    let text = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok();
    text.and_then(|text| text.trim().parse().ok()).unwrap_or_default()
}
