//! The listeners that a service manager keeps for this process (`FDSTORE=1`, sd_notify(3)), or has opened for it (a
//! `.socket` unit): taken when it starts, the first ones of their addresses, and given to whoever is the parent's next
//! generation. What is kept and given up, [`StoreTable`] decides.
//!
//! A service manager listens to the main process only. So the supervisor of a next generation, which is another process,
//! has a resident as its service manager, which passes on what concerns the store: the messages are the same.
//!
//! A duplicate of everything that is stored is in here: an address in the store can be opened by nobody else.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;

use serverswap::protocol::Address;
use serverswap::sys::listener::address_of;
use tokio::io::unix::AsyncFd;

use super::task::Task;
use crate::cli::environment;
use crate::state::{self, AddressRecord, Directory};
use crate::status::is_alive;
use crate::store::{self, Origin, PassedDescriptor, StoreTable};
use crate::supervisor::CloseReason;
use crate::sys::async_fd::{async_fd, readable};
use crate::sys::notifier::Notifier;
use crate::sys::notify_socket::{Datagram, NotifySocket};
use crate::sys::passed;
use crate::ui::{Console, Report};

/// Descriptors that this process was started with, by their names.
#[derive(Debug)]
pub(super) struct PassedListeners {
    from: Giver,
    descriptors: Vec<(String, OwnedFd)>,
}

/// How far this process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No generation of it was up yet.
    Starting,
    Up,
    /// It was asked to stop.
    Stopping,
}

/// Who has started this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Giver {
    /// A service manager, or nobody who passes anything.
    ServiceManager,
    /// A resident, which tells the operator by itself.
    Resident,
}

impl PassedListeners {
    /// To be called before anything is opened.
    pub(super) fn take() -> Self {
        let variable = |name| std::env::var(name).ok();
        let is_next = std::env::var_os(environment::SERVERSWAP_RELOAD).is_some();
        let (from, passed) = if is_next {
            let listeners = variable(environment::SERVERSWAP_LISTENERS).unwrap_or_default();
            (Giver::Resident, store::of_resident(&listeners))
        } else if store::is_for_this_process(variable(environment::LISTEN_PID).as_deref()) {
            let count = variable(environment::LISTEN_FDS).unwrap_or_default();
            let names = variable(environment::LISTEN_FDNAMES);
            (Giver::ServiceManager, store::of_service_manager(&count, names.as_deref()))
        } else {
            (Giver::ServiceManager, Vec::new())
        };
        let taken = passed.into_iter().filter_map(|one| Some((one.name, passed::take(one.number)?)));
        PassedListeners { from, descriptors: taken.collect() }
    }
}

/// What this process has for its service manager, and from it.
pub(super) struct ListenerStore {
    manager: Option<Rc<Notifier>>,
    directory: Directory,
    console: Console,
    from: Giver,
    /// How many the service manager keeps, if it has said so.
    limit: Option<usize>,
    table: RefCell<StoreTable>,
    listeners: RefCell<BTreeMap<Address, Arc<OwnedFd>>>,
    /// The children that are supervisors.
    successors: Rc<RefCell<BTreeSet<u32>>>,
    phase: Cell<Phase>,
    /// Of the socket at which they say what they keep.
    relay: RefCell<Option<(OsString, Task)>>,
}

impl ListenerStore {
    pub(super) fn new(
        passed: PassedListeners,
        manager: Option<Rc<Notifier>>,
        directory: &Directory,
        console: &Console,
        successors: Rc<RefCell<BTreeSet<u32>>>,
    ) -> Rc<Self> {
        let limit = std::env::var(environment::FDSTORE).ok().and_then(|text| text.parse().ok());
        let store = Rc::new(ListenerStore {
            manager: manager.filter(|_| passed.from == Giver::Resident || is_main_process()),
            directory: directory.clone(),
            console: console.clone(),
            from: passed.from,
            limit,
            table: RefCell::default(),
            listeners: RefCell::default(),
            successors,
            phase: Cell::new(Phase::Starting),
            relay: RefCell::default(),
        });
        store.take_in(passed);
        store.listen_to_successors();
        store
    }

    fn take_in(&self, passed: PassedListeners) {
        for (name, descriptor) in passed.descriptors {
            let Some(address) = address_of(&descriptor).filter(is_reachable) else {
                // One of ours that does not listen any more is of no use to anybody.
                if store::is_ours(&name) {
                    self.remove(&name);
                } else {
                    self.report(&Report::NotListener { name });
                }
                continue;
            };
            let origin = if store::is_ours(&name) { Origin::Store } else { Origin::Unit(name.clone()) };
            let unit = (origin != Origin::Store).then(|| name.clone());
            if self.table.borrow_mut().passed(&address, origin) {
                self.listeners.borrow_mut().insert(address.clone(), Arc::new(descriptor));
                self.report(&Report::ListenerPassed { address, unit });
            }
        }
    }

    /// The first listener of an address.
    pub(super) fn listener(&self, address: &Address) -> Option<Arc<OwnedFd>> {
        self.listeners.borrow().get(address).cloned()
    }

    /// The arbiter, where that is another process, fetches from here what a server of ours claims.
    pub(super) fn linked(&self, arbiter: Option<u32>) {
        let other = arbiter.filter(|arbiter| *arbiter != std::process::id());
        if let Some(arbiter) = other.filter(|_| !self.listeners.borrow().is_empty()) {
            passed::let_duplicate(arbiter);
        }
    }

    /// Its own supervisor keeps a duplicate.
    pub(super) fn keep(&self, address: &Address, listener: BorrowedFd<'_>) {
        self.kept_by(std::process::id(), address, listener);
    }

    /// Its own supervisor has closed its duplicate. Returns when the service manager has, too, if it was the last one.
    pub(super) fn close(&self, address: &Address, reason: CloseReason) {
        match reason {
            // The newer generation keeps one, or is about to.
            CloseReason::Replaced => self.table.borrow_mut().closes(address, std::process::id()),
            CloseReason::Asked => self.closed_by(std::process::id(), address),
        }
    }

    /// A server is about to bind an address by itself, or one is opened: what nobody has any more is not in its way.
    /// Returns whether anything was given up.
    pub(super) fn make_way_for(&self, wanted: &Address, own: OwnListener) -> bool {
        let mut in_the_way = self.table.borrow().stored_in_the_way_of(wanted);
        let is_stored = self.table.borrow().origin(wanted) == Some(&Origin::Store);
        in_the_way.extend((own == OwnListener::GivenUp && is_stored).then(|| wanted.clone()));
        let unserved = self.unserved(has_anybody);
        in_the_way.retain(|address| unserved.iter().any(|(unserved, _)| unserved == address));
        in_the_way.iter().for_each(|address| self.give_up(address));
        !in_the_way.is_empty()
    }

    /// The `.socket` unit that has an address, or one that keeps it from being bound.
    pub(super) fn unit_in_the_way_of(&self, wanted: &Address) -> Option<(Address, String)> {
        let table = self.table.borrow();
        table.unit_in_the_way_of(wanted).map(|(address, unit)| (address.clone(), unit.to_owned()))
    }

    /// A generation is up: whoever was to claim an address has.
    pub(super) fn up(&self) {
        if self.phase.get() == Phase::Starting {
            self.phase.set(Phase::Up);
        }
        for (address, origin) in self.unserved(has_anybody) {
            match origin {
                Origin::Store => self.give_up(&address),
                Origin::Unit(unit) => self.report(&Report::ListenerUnclaimed { address, unit }),
            }
        }
    }

    /// A process that may have had an address has ended, and this one goes on.
    pub(super) fn sweep(&self) {
        let is_stored = |(_, origin): &(Address, Origin)| *origin == Origin::Store;
        let is_any = self.phase.get() == Phase::Up && self.table.borrow().unkept().iter().any(is_stored);
        let unserved = if is_any { self.unserved(has_anybody) } else { Vec::new() };
        unserved.iter().filter(|one| is_stored(one)).for_each(|(address, _)| self.give_up(address));
    }

    /// A supervisor of ours has ended; what it kept may be served.
    pub(super) fn ended(&self, supervisor: u32) {
        self.table.borrow_mut().ended(supervisor);
    }

    pub(super) fn stopping(&self) {
        self.phase.set(Phase::Stopping);
    }

    /// For the next generation: the variables, and the descriptors that it is to have, too.
    pub(super) fn passed_on(&self) -> (Vec<(&'static str, OsString)>, Vec<Arc<OwnedFd>>) {
        let relay = self.relay.borrow();
        let relay = relay.iter().map(|(name, _)| (environment::NOTIFY_SOCKET, name.clone()));
        let (table, listeners) = (self.table.borrow(), self.listeners.borrow());
        let all = table.addresses().filter_map(|(address, origin)| {
            let name = match origin {
                Origin::Store => store::of_address(address),
                Origin::Unit(name) => name.clone(),
            };
            let listener = listeners.get(address)?;
            Some((PassedDescriptor { number: listener.as_raw_fd(), name }, Arc::clone(listener)))
        });
        let (described, descriptors): (Vec<_>, Vec<_>) = all.unzip();
        let listeners = (environment::SERVERSWAP_LISTENERS, store::passed_on(&described).into());
        let limit = std::env::var_os(environment::FDSTORE).map(|limit| (environment::FDSTORE, limit));
        (relay.chain([listeners]).chain(limit).collect(), descriptors)
    }

    fn kept_by(&self, keeper: u32, address: &Address, listener: BorrowedFd<'_>) {
        let is_known = self.table.borrow().origin(address).is_some();
        if !is_known && self.manager.is_none() {
            return;
        }
        let is_new = self.table.borrow_mut().keeps(address, keeper);
        let Some(manager) = self.manager.as_ref().filter(|_| is_new) else { return };
        let Ok(duplicate) = listener.try_clone_to_owned() else { return };
        self.listeners.borrow_mut().insert(address.clone(), Arc::new(duplicate));
        let problem = match self.limit {
            Some(limit) if self.table.borrow().stored() > limit => {
                Some(format!("the unit has room for {limit} (`FileDescriptorStoreMax=`)"))
            }
            Some(_) | None => {
                let name = store::of_address(address);
                let handed =
                    manager.hand(&format!("FDSTORE=1\nFDNAME={name}{}", polled(address)), &[listener]);
                handed.err().map(|error| error.to_string())
            }
        };
        if let Some(problem) = problem {
            self.report(&Report::ListenerNotStored { address: address.clone(), problem });
        }
    }

    fn report(&self, report: &Report) {
        match self.from {
            Giver::ServiceManager => self.console.report(report),
            Giver::Resident => {}
        }
    }

    fn closed_by(&self, keeper: u32, address: &Address) {
        self.table.borrow_mut().closes(address, keeper);
        // Whoever owns it may be the one that gives it up.
        let is_unserved = self.unserved(has_holder).iter().any(|(unserved, _)| unserved == address);
        let is_stored = self.table.borrow().origin(address) == Some(&Origin::Store);
        if is_unserved && is_stored {
            self.give_up(address);
        }
    }

    /// What none of our supervisors keeps, and nobody has by the state of the directory.
    fn unserved(&self, is_had: fn(&AddressRecord) -> bool) -> Vec<(Address, Origin)> {
        let mut unkept = self.table.borrow().unkept();
        if unkept.is_empty() || self.phase.get() == Phase::Stopping {
            return Vec::new();
        }
        // Of what cannot be read nothing is known: it is looked at again.
        let Ok(Some(state)) = state::read(&self.directory.state()) else { return Vec::new() };
        unkept.retain(|(address, _)| !state.snapshot.addresses.get(address).is_some_and(is_had));
        unkept
    }

    fn give_up(&self, address: &Address) {
        self.table.borrow_mut().give_up(address);
        self.listeners.borrow_mut().remove(address);
        self.remove(&store::of_address(address));
        self.report(&Report::ListenerGivenUp { address: address.clone() });
    }

    /// Returns when the service manager has closed it, or does not answer.
    fn remove(&self, name: &str) {
        if let Some(manager) = &self.manager {
            let removed = manager.hand(&format!("FDSTOREREMOVE=1\nFDNAME={name}"), &[]);
            // Then the address stays in use until it does, which a claim says that it meets.
            let _ = removed.and_then(|()| manager.barrier());
        }
    }

    fn listen_to_successors(self: &Rc<Self>) {
        if self.manager.is_none() {
            return;
        }
        let bound = NotifySocket::bind_anywhere().and_then(|(socket, name)| Ok((async_fd(socket)?, name)));
        // Without it the listeners of the next generations are not stored.
        let Ok((socket, name)) = bound else { return };
        let store = Rc::downgrade(self);
        let task = Task::spawn(async move {
            loop {
                readable(Some(&socket)).await;
                let Some(store) = store.upgrade() else { return };
                store.receive(&socket);
            }
        });
        self.relay.replace(Some((name, task)));
    }

    fn receive(&self, socket: &AsyncFd<NotifySocket>) {
        while let Some(Datagram { sender, message, descriptors }) = socket.get_ref().receive() {
            if self.successors.borrow().contains(&sender) {
                self.told_by(sender, &String::from_utf8_lossy(&message), descriptors);
            }
        }
    }

    fn told_by(&self, successor: u32, message: &str, descriptors: Vec<OwnedFd>) {
        let Some(manager) = &self.manager else { return };
        let value = |name: &str| message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        if value("BARRIER").is_some() {
            for end in descriptors {
                // One that is lost is closed, which is the answer.
                let _ = manager.pass_barrier(end);
            }
        } else if value("FDSTOREREMOVE").is_some() {
            let named = |address: &&Address| value("FDNAME") == Some(store::of_address(address).as_str());
            let address = self.table.borrow().addresses().map(|(address, _)| address).find(named).cloned();
            if let Some(address) = address {
                self.closed_by(successor, &address);
            }
        } else if value("FDSTORE").is_some() {
            for descriptor in descriptors {
                if let Some(address) = address_of(&descriptor) {
                    self.kept_by(successor, &address, descriptor.as_fd());
                }
            }
        } else if let Some(time) = value("EXTEND_TIMEOUT_USEC") {
            manager.tell(&format!("EXTEND_TIMEOUT_USEC={time}"));
        }
    }
}

/// What becomes of the stored listener of an address that a server is about to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OwnListener {
    /// The server is given it.
    Used,
    /// The server binds by itself.
    GivenUp,
}

/// A datagram socket can have an error that means nothing for the next one; a listener that is in error is dead.
fn polled(address: &Address) -> &'static str {
    match address {
        Address::Udp(_) => "\nFDPOLL=0",
        Address::Tcp(_) | Address::Unix(_) | Address::Name(_) => "",
    }
}

/// Nobody can connect to a Unix socket whose path is gone.
fn is_reachable(address: &Address) -> bool {
    match address {
        Address::Unix(path) => path.exists(),
        Address::Tcp(_) | Address::Udp(_) | Address::Name(_) => true,
    }
}

/// Whether a living server has it.
fn has_holder(record: &AddressRecord) -> bool {
    record.holders.iter().any(|holder| is_alive(holder.process))
}

/// The same, or a living supervisor may start one again.
fn has_anybody(record: &AddressRecord) -> bool {
    let mut owners = record.supervisors.iter().filter(|supervisor| supervisor.owns);
    has_holder(record) || owners.any(|owner| is_alive(owner.process))
}

/// Whether what is stored is passed to the process that takes the place of this one: systemd passes it to the one that it
/// executes, which may be a shell. One before 248 does not say which that is.
fn is_main_process() -> bool {
    let executed = std::env::var(environment::SYSTEMD_EXEC_PID).ok().and_then(|text| text.parse().ok());
    executed.is_none_or(|pid: u32| pid == std::process::id())
}
