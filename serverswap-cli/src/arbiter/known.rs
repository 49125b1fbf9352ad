//! What the arbiter knows of a process before it says anything: the driver asks, to decide whether a process of
//! another user is admitted.

use std::collections::BTreeSet;

use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;

use super::Arbiter;
use super::address::state::Stage;
use super::server::{ServerKind, Speaker};
use crate::state::StandInRecord;

impl Arbiter {
    /// The generation of a server that is connected, or was, or is in the state.
    pub fn generation_of_server(&self, process: Process) -> Option<Generation> {
        self.servers.get(process).map(|server| server.generation)
    }

    /// Who speaks for a server at this moment, if anybody does.
    pub fn connected_speaker(&self, process: Process) -> Option<Speaker> {
        let server = self.servers.get(process)?;
        server.link().map(|_| server.speaker)
    }

    /// Whether a process that is followed is no server: it remains of a generation whose servers have ended.
    pub fn is_helper(&self, process: Process) -> bool {
        self.servers.get(process).is_some_and(|server| server.kind == ServerKind::Helper)
    }

    /// How a server is stopped for which a stand-in speaks, or spoke.
    pub fn stand_in_of(&self, process: Process) -> Option<StandInRecord> {
        self.servers.get(process)?.stand_in()
    }

    /// The generations whose supervisor it is.
    pub fn generations_of_supervisor(&self, process: Process) -> Vec<Generation> {
        self.generations.of_supervisor(process)
    }

    /// What a server serves that has no supervisor, that nobody has asked to release it and that is the only one of its
    /// generation to serve it; with its generation.
    pub fn serves_alone(&self, process: Process) -> Option<(Generation, BTreeSet<Address>)> {
        let generation = self.servers.get(process)?.generation;
        if self.generation(generation).supervisor.process().is_some() {
            return None;
        }
        let serves = |address: &Address| {
            let state = self.address(address);
            let own =
                state.participants.iter().filter(|(_, participant)| participant.generation == generation);
            let mut serving =
                own.filter(|(_, participant)| matches!(participant.stage, Stage::Serving { .. }));
            serving.next().is_some_and(|(first, _)| *first == process) && serving.next().is_none()
        };
        let served: BTreeSet<Address> = self.index.addresses_of(process).into_iter().filter(serves).collect();
        (!served.is_empty()).then_some((generation, served))
    }

    /// Whether it claims, holds or drains the address.
    pub fn has(&self, process: Process, address: &Address) -> bool {
        self.index.has(process, address)
    }
}
