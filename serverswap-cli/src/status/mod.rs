//! `serverswap status`: who serves what, as text or JSON.
//!
//! Deliberately nothing is looked up here: the driver fills an [`Overview`] from the state
//! file and the living processes; this turns it into lines and an exit status.

mod json;
mod table;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serverswap::protocol::{Address, Generation};

use crate::ui::ResultFormat;

/// The exit status if ADDRESS, or anything, is not served.
pub const NOT_SERVED: u8 = 3;

/// Everything that is known of a runtime directory at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// The runtime directory.
    pub directory: PathBuf,
    /// The moment.
    pub now: SystemTime,
    /// The arbiter, if one lives.
    pub arbiter: Option<u32>,
    /// The addresses that somebody has to do with, or the one that was asked for.
    pub addresses: Vec<AddressOverview>,
    /// The living processes of the directory of which no state says what they hold: the state file
    /// was lost, and they have not come back since.
    pub unnamed: Vec<Unnamed>,
}

/// A process of which no state says what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unnamed {
    /// Its process id.
    pub pid: u32,
    /// Its generation.
    pub generation: Generation,
    /// The addresses whose listeners it has, or the one that was asked for.
    pub listens: Vec<Address>,
}

/// An address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressOverview {
    /// The address.
    pub address: Address,
    /// The living servers that were granted it and have not let go of it.
    pub holders: Vec<Holder>,
    /// The living servers that let go of it, or are to, and finish what is open.
    pub draining: Vec<Draining>,
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
    pub stage: Stage,
    /// For how long.
    pub age: Duration,
    /// Who supervises it.
    pub supervision: Supervision,
}

/// How far a holder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Granted, and not serving yet.
    Granted,
    /// It serves beside an older server.
    Probation,
    /// Its accept loop runs.
    Serving,
}

/// Who supervises a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Supervision {
    /// This living process.
    Pid(u32),
    /// Nobody: its supervisor has left or was killed.
    LeftAlone,
}

/// A server that finishes what is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draining {
    /// Its process id.
    pub pid: u32,
    /// Its generation.
    pub generation: Generation,
    /// For how long it drains.
    pub age: Duration,
    /// How long until TERM, if there is a deadline.
    pub remaining: Option<Duration>,
    /// How many connections are still open, if it says so.
    pub connections: Option<u64>,
    /// Who supervises it.
    pub supervision: Supervision,
}

/// A supervisor that may start a server for an address again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Its process id.
    pub pid: u32,
    /// Its generation.
    pub generation: Generation,
}

impl Overview {
    /// Leaves only the address that was asked for; it is there also when nobody has it.
    #[must_use]
    pub fn only(mut self, address: &Address) -> Overview {
        self.addresses.retain(|found| found.address == *address);
        for unnamed in &mut self.unnamed {
            unnamed.listens.retain(|listened| listened == address);
        }
        self.unnamed.retain(|unnamed| !unnamed.listens.is_empty());
        if self.addresses.is_empty() && self.unnamed.is_empty() {
            self.addresses.push(AddressOverview::empty(address.clone()));
        }
        self
    }

    /// 0 if something here is served, otherwise [`NOT_SERVED`].
    pub fn exit_status(&self) -> u8 {
        let is_listened = self.unnamed.iter().any(|unnamed| !unnamed.listens.is_empty());
        if is_listened || self.addresses.iter().any(AddressOverview::is_served) { 0 } else { NOT_SERVED }
    }

    /// What to print on stdout, with its line feed.
    pub fn render(&self, format: ResultFormat) -> String {
        match format {
            ResultFormat::None => table::render(self),
            ResultFormat::Json => json::render(self),
        }
    }
}

impl AddressOverview {
    /// An address that nobody has anything to do with.
    pub fn empty(address: Address) -> AddressOverview {
        AddressOverview { address, holders: Vec::new(), draining: Vec::new(), owners: Vec::new() }
    }

    /// Whether some living server serves it.
    pub fn is_served(&self) -> bool {
        self.holders.iter().any(|holder| holder.stage != Stage::Granted)
    }
}
