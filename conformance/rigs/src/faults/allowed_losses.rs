//! What a cell may cost, and nothing more.
//!
//! - An inherited address loses only requests that a killed server had accepted, at most one a
//!   client, and no connection is refused while a server or a supervisor of it lives.
//! - With `bind` a gap is allowed: requests are not judged.
//! - In the end the address may be without a server only where the last server was killed and no
//!   supervisor of it has stayed.

use super::fault_case::{FaultCase, SLOTS};
use super::roles::{Mode, Role, Scene};
use serverswap_load::{Failure, Tally};

/// What one cell may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowed {
    /// Requests that a killed server had accepted.
    accepted: u64,
    /// Connections that no server accepted.
    refused: bool,
    /// Any request.
    any: bool,
    /// That no server serves until the next deploy.
    pub(super) nobody: bool,
}

impl Allowed {
    pub(super) fn of(cell: &FaultCase) -> Allowed {
        let role = cell.point.role;
        let kills_server = cell.fault.is_final() && role.is_server();
        // Only an orphan has its listener until it has reconnected to an arbiter; and a supervisor that
        // leaves keeps none.
        let is_only_one = kills_server && cell.scene == Scene::Left;
        let none_waits = cell.mode == Mode::Bind && cell.scene == Scene::Left && cell.fault.is_final();
        Allowed {
            accepted: match (kills_server, is_only_one) {
                (false, _) => 0,
                (true, false) => SLOTS.len() as u64,
                // Each client may connect again to a listener that is just being closed.
                (true, true) => 2 * SLOTS.len() as u64,
            },
            refused: is_only_one,
            any: cell.mode == Mode::Bind,
            nobody: (is_only_one && role == Role::NewServer) || (none_waits && role == Role::NewSupervisor),
        }
    }

    pub(super) fn check(self, tally: &Tally, wrong: &mut Vec<String>) {
        if self.any {
            return;
        }
        let failed = tally.failed_by_kind();
        let (accepted, other): (Vec<_>, Vec<_>) =
            failed.iter().partition(|(failure, _)| failure.was_accepted());
        let accepted: u64 = accepted.iter().map(|(_, count)| **count).sum();
        if accepted > self.accepted {
            let (may, first) = (self.accepted, &tally.first_failed);
            wrong.push(format!(
                "{accepted} requests that were accepted are lost, {may} may be; first: {first:?}"
            ));
        }
        for (failure, count) in other {
            if !(self.refused && *failure == Failure::Refused) {
                wrong.push(format!("{count} requests are lost: {failure} (first: {:?})", tally.first_failed));
            }
        }
    }
}
