//! Everything that `serverswap status` shows, as typed values.
//!
//! Nothing is looked up here: [`collect`](super::collect) fills a [`StatusReport`] from the state
//! file and the living processes; this decides what is shown and the exit status.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serverswap::protocol::{Address, Generation};

use crate::ui::ResultFormat;

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

/// A server that finishes what is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrainingServer {
    /// Its process id.
    pub pid: u32,
    /// Its generation.
    pub generation: Generation,
    /// For how long it drains.
    pub age: Duration,
    /// How long until TERM, if there is a deadline.
    pub remaining: Option<Duration>,
    /// How many connections are still open, if it has reported that.
    pub connections: Option<u64>,
    /// Who supervises it.
    pub supervisor: SupervisedBy,
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
        if self.addresses.is_empty() && self.unrecorded.is_empty() {
            self.addresses.push(AddressReport::empty(address.clone()));
        }
        self
    }

    /// 0 if something here is served, otherwise [`NOT_SERVED`].
    pub fn exit_status(&self) -> u8 {
        let is_listened = self.unrecorded.iter().any(|process| !process.listens.is_empty());
        if is_listened || self.addresses.iter().any(AddressReport::is_served) { 0 } else { NOT_SERVED }
    }

    /// What to print on stdout, with its line feed.
    pub fn render(&self, format: ResultFormat) -> String {
        match format {
            ResultFormat::None => super::table::render(self),
            ResultFormat::Json => super::json::render(self),
        }
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
