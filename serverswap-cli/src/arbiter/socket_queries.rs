//! What the driver has to know of an address so that it can ask the kernel about a socket, or make one.
//! Queries only.

use serverswap::protocol::{Address, SocketMode};
use serverswap::sys::process::Process;

use super::address::state::{Expected, Participant, Stage};
use super::{Arbiter, ConnectionId};

impl Arbiter {
    /// The server of the newest claim, and the connections of the supervisors of its generation.
    pub fn claimant(&self, address: &Address) -> Option<(Process, Vec<ConnectionId>)> {
        let state = self.address(address);
        let newest = state.newest_claim()?;
        let mut claims = state.participants.iter();
        let (process, _) = claims.find(|(_, one)| one.generation == newest && one.claim().is_some())?;
        Some((*process, self.peers.supervisors_of(newest).collect()))
    }

    /// Whether nobody of this directory claims, holds or owns the address, or may come back with it.
    pub fn is_free(&self, address: &Address) -> bool {
        self.address(address).occupant().is_none()
    }

    /// Whether the server was granted the address to bind it, and its `serving` would count.
    pub fn is_to_bind(&self, process: Process, address: &Address) -> bool {
        let state = self.address(address);
        let present =
            state.participants.get(&process).map(|participant: &Participant| participant.stage.clone());
        let stage = present.or_else(|| state.expected.get(&process).and_then(Expected::recorded_stage));
        address.has_socket() && matches!(stage, Some(Stage::Granted { socket: SocketMode::Bind, .. }))
    }
}
