//! `--probation`: a new server serves an inherited address beside the older one until it has
//! lived for a while.
//!
//! - It begins with `serving`, if an older server serves. Until it is over, nobody is taken
//!   down for the new server's sake, and its generation is not up.
//! - A server that ends in it leaves the address to the older one, which was never touched. So does one
//!   that sends `fail`: it is taken down at once, also without a supervisor.
//! - When it is over: `address::handover`, step 4.

use std::time::Duration;

use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap::sys::process::Process;

use super::address::AddressState;
use super::address::state::{Check, Stage};
use super::{Arbiter, Liveness, Turn};

impl Arbiter {
    /// The stage of a server that has just sent `serving`.
    pub(super) fn begins_to_serve(
        &self,
        state: &AddressState,
        generation: Generation,
        socket: SocketMode,
        now: Duration,
    ) -> Stage {
        let probation = Duration::from_millis(self.timeouts(generation).probation_ms);
        let is_tried =
            socket == SocketMode::Inherit && !probation.is_zero() && state.is_served_by_older(generation);
        if is_tried {
            Stage::Probation { since: now, until: now + probation, check: Check::Due }
        } else {
            Stage::Serving { socket, since: now }
        }
    }

    /// A server that is dead leaves the address to the older one when its end is read.
    pub(super) fn polled(
        &mut self,
        process: Process,
        address: &Address,
        liveness: Liveness,
        turn: &mut Turn,
    ) {
        self.edit(address, turn, |state| {
            let stage = state.participants.get_mut(&process).map(|participant| &mut participant.stage);
            if let Some(Stage::Probation { check, .. }) = stage
                && *check == Check::Asked
            {
                *check = match liveness {
                    Liveness::Alive => Check::Alive,
                    Liveness::Dead => Check::Dead,
                };
            }
        });
        turn.touched.insert(address.clone());
    }
}
