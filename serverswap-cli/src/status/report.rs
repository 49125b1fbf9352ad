//! Everything that `serverswap status` shows, as typed values.
//!
//! Nothing is looked up here: [`collect`](super::collect) fills a [`StatusReport`] from the state
//! file and the living processes; this decides what is shown and the exit status.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;

use crate::history::Who;
use crate::state::StandInRecord;

/// The exit status if ADDRESS, or anything, is not served.
pub const NOT_SERVED: u8 = 3;

/// Everything that is known of a runtime directory at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusReport {
    /// The runtime directory.
    pub directory: PathBuf,
    /// The moment.
    pub now: SystemTime,
    /// The arbiter, if one lives.
    pub arbiter: Option<u32>,
    /// Whose the process ids are.
    pub numbers: Numbers,
    /// The addresses that have a server or an owner, or the one that was asked for.
    pub addresses: Vec<AddressReport>,
    /// The living processes of the directory of which the state says nothing more: it was lost, and they have
    /// not reconnected since; or their supervisor was killed before they were up.
    pub unrecorded: Vec<UnrecordedProcess>,
    /// The living servers: what [`details`](super::details) looks at.
    pub servers: Vec<Server>,
    /// What was found about each generation; empty before [`details::add`](super::details::add).
    pub generations: BTreeMap<Generation, GenerationReport>,
}

/// A server, exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Server {
    /// The process.
    pub process: Process,
    /// Its generation.
    pub generation: Generation,
    /// How it is stopped, if a stand-in speaks for it.
    pub stand_in: Option<StandInRecord>,
}

/// What `/proc` and the history say of a generation. `None` is what is not known, or not ours to look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GenerationReport {
    /// Its processes, the servers first.
    pub(crate) processes: Vec<u32>,
    /// The command of its first server.
    pub(crate) command: Option<Vec<String>>,
    /// The working directory of that one as it is now.
    pub(crate) cwd: Option<String>,
    /// What all of its processes have, in bytes.
    pub(crate) memory: Option<u64>,
    /// How many connections its processes have at each of its addresses.
    pub(crate) connections: BTreeMap<Address, u64>,
    /// Who has started it.
    pub(crate) who: Option<Who>,
    /// How it is stopped, if a stand-in speaks for it.
    pub(crate) stand_in: Option<StandInRecord>,
}

/// In which pid namespace the process ids of a report mean something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// In that of this process.
    Own,
    /// In that of the arbiter, which is another one: what it has written is taken for true.
    OfArbiter,
}

/// A process of the directory of which the state does not say what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnrecordedProcess {
    /// Its process id.
    pub pid: u32,
    /// Its generation.
    pub generation: Generation,
    /// The addresses whose listeners it has, or the one that was asked for.
    pub listens: Vec<Address>,
}

/// An address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressReport {
    /// The address.
    pub address: Address,
    /// The living servers that were granted it and have not released it.
    pub holders: Vec<Holder>,
    /// The living servers that have released it, or must, and finish their open requests.
    pub draining: Vec<DrainingServer>,
    /// The living supervisors that may start a server for it again.
    pub owners: Vec<Owner>,
}

/// A server that was granted an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Its generation.
    pub generation: Generation,
    /// Whether it serves.
    pub state: HolderState,
    /// What it says of itself, if somebody hears it.
    pub says: Option<String>,
    /// For how long.
    pub age: Duration,
    /// Who supervises it.
    pub supervisor: SupervisedBy,
}

/// How far a holder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HolderState {
    /// Granted, and not serving yet.
    Granted,
    /// It serves alongside an older server.
    Probation,
    /// Its accept loop runs.
    Serving,
}

/// Who supervises a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SupervisedBy {
    /// This living process.
    Pid(u32),
    /// Nobody: its supervisor has left or was killed.
    Nobody,
}

impl SupervisedBy {
    /// Its process id.
    pub fn pid(self) -> Option<u32> {
        match self {
            SupervisedBy::Pid(pid) => Some(pid),
            SupervisedBy::Nobody => None,
        }
    }
}

/// A server that finishes what is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrainingServer {
    /// Its process id.
    pub pid: u32,
    /// Its generation.
    pub generation: Generation,
    /// For how long it drains.
    pub age: Duration,
    /// How long until the end of its drain, if there is one.
    pub remaining: Option<Duration>,
    /// What it waits for after that.
    pub ending: Ending,
    /// How many connections are still open, if it has reported that.
    pub connections: Option<u64>,
    /// Who supervises it.
    pub supervisor: SupervisedBy,
}

/// How a drain is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It gets TERM when its drain is over.
    Term,
    /// It has been asked to end, and gets KILL after this time.
    Kill {
        /// From now.
        after: Duration,
    },
    /// It is not signalled, as its generation serves another address.
    None,
}

/// A supervisor that may start a server for an address again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Its process id.
    pub pid: u32,
    /// Its generation.
    pub generation: Generation,
}

impl StatusReport {
    /// Leaves only the address that was asked for; it is there also when no server has it.
    #[must_use]
    pub fn only(mut self, address: &Address) -> StatusReport {
        self.addresses.retain(|found| found.address == *address);
        for process in &mut self.unrecorded {
            process.listens.retain(|listened| listened == address);
        }
        self.unrecorded.retain(|process| !process.listens.is_empty());
        let addresses = self.addresses.iter();
        let holders = addresses.clone().flat_map(|one| &one.holders).map(|one| one.generation);
        let draining = addresses.clone().flat_map(|one| &one.draining).map(|one| one.generation);
        let owners = addresses.flat_map(|one| &one.owners).map(|one| one.generation);
        let unrecorded = self.unrecorded.iter().map(|one| one.generation);
        let meant: BTreeSet<Generation> = holders.chain(draining).chain(owners).chain(unrecorded).collect();
        self.generations.retain(|generation, _| meant.contains(generation));
        self.servers.retain(|server| meant.contains(&server.generation));
        if self.addresses.is_empty() && self.unrecorded.is_empty() {
            self.addresses.push(AddressReport::empty(address.clone()));
        }
        self
    }

    /// Whether an address, or anything, is there.
    pub(super) fn has(&self, address: Option<&Address>) -> bool {
        let is_meant = |found: &Address| address.is_none_or(|wanted| wanted == found);
        let mut unrecorded = self.unrecorded.iter();
        self.addresses.iter().any(|one| is_meant(&one.address))
            || unrecorded.any(|one| address.is_none() || one.listens.iter().any(is_meant))
    }

    /// How many connections a generation has open at an address, as the kernel has it.
    pub(super) fn connections(&self, generation: Generation, address: &Address) -> Option<u64> {
        self.generations.get(&generation)?.connections.get(address).copied()
    }

    /// 0 if something here is served, otherwise [`NOT_SERVED`].
    pub fn exit_status(&self) -> u8 {
        let is_listened = self.unrecorded.iter().any(|process| !process.listens.is_empty());
        if is_listened || self.addresses.iter().any(AddressReport::is_served) { 0 } else { NOT_SERVED }
    }
}

impl AddressReport {
    /// An address without servers and owners.
    pub fn empty(address: Address) -> AddressReport {
        AddressReport { address, holders: Vec::new(), draining: Vec::new(), owners: Vec::new() }
    }

    /// Whether some living server serves it.
    pub fn is_served(&self) -> bool {
        self.holders.iter().any(|holder| holder.state != HolderState::Granted)
    }
}
