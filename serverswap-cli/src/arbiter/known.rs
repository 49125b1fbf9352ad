//! What the arbiter knows of a process before it says anything: the driver asks, to decide whether a process of
//! another user is admitted.

use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;

use super::Arbiter;

impl Arbiter {
    /// The generation of a server that is connected, or was, or is in the state.
    pub fn generation_of_server(&self, process: Process) -> Option<Generation> {
        self.servers.get(process).map(|server| server.generation)
    }

    /// The generations whose supervisor it is.
    pub fn generations_of_supervisor(&self, process: Process) -> Vec<Generation> {
        self.generations.of_supervisor(process)
    }

    /// The addresses that it claims, holds or drains.
    pub fn addresses_of(&self, process: Process) -> Vec<Address> {
        self.index.addresses_of(process)
    }
}
