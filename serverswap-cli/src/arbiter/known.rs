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

    /// Whether it claims, holds or drains the address.
    pub fn has(&self, process: Process, address: &Address) -> bool {
        self.index.has(process, address)
    }
}
