//! A server that was not up in time: kept if it serves or releases what it served, and ended otherwise
//! (R9), also if it is on probation.
//!
//! The verdict that its supervisor may end it and the server's own `serving` cross on the way. So a late
//! server gets nothing from that moment on: its claims are refused, its grants are taken back, and a
//! `serving` that comes after that takes nobody down (`address::handover`, step 2).

use serverswap::protocol::message::{Code, DecidedVerdict, FromArbiter, Verdict};
use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;

use super::address::AddressState;
use super::address::handover::superseded_by;
use super::address::state::{Participant, Served};
use super::{Arbiter, ConnectionId, Turn};

impl Arbiter {
    pub(super) fn timed_out(&mut self, link: ConnectionId, generation: Generation, re: u64, turn: &mut Turn) {
        let verdict = if self.is_kept(generation) { DecidedVerdict::Keep } else { DecidedVerdict::End };
        match verdict {
            DecidedVerdict::Keep => {}
            DecidedVerdict::End => self.condemn(generation, turn),
        }
        turn.send_last(link, FromArbiter::Verdict(Verdict { re, verdict }));
    }

    /// Whether a generation serves, or finishes what it served.
    pub(super) fn is_kept(&self, generation: Generation) -> bool {
        let addresses = self.index.addresses_of_generation(generation);
        let mut states = addresses.iter().map(|address| self.address(address));
        states.any(|state| state.serves(generation) || state.is_released_by(generation))
    }

    /// Its servers get nothing any more.
    pub(super) fn condemn(&mut self, generation: Generation, turn: &mut Turn) {
        let now = turn.now;
        self.edit_generation(generation, turn, |state| state.late_since = Some(now));
        turn.touched.extend(self.index.addresses_of_generation(generation));
    }

    /// Whether this process was started before its generation was found to be late. One that the
    /// supervisor starts afterwards has a new chance.
    pub(super) fn is_late(&self, process: Process, generation: Generation) -> bool {
        let late_since = self.generations.get(generation).and_then(|state| state.late_since);
        late_since.is_some_and(|late_since| process.started_at() <= late_since)
    }
}

impl AddressState {
    /// How a claim of a late server is refused: a server is late, too, when its supervisor ends it because it lost.
    pub(super) fn refusal_of_late(&self, generation: Generation, address: &Address) -> (Code, String) {
        match self.newest_rival().filter(|rival| *rival > generation) {
            Some(newer) => superseded_by(newer, address),
            None => (Code::Stopping, "the server was not up in time and is being ended".to_owned()),
        }
    }

    /// Whether a generation serves, or the state file says so of a server that is not back yet (N3); not, if
    /// it does so on probation, beside an older server.
    fn serves(&self, generation: Generation) -> bool {
        let is_tried = self.is_served_by_older(generation);
        let serves =
            |participant: &Participant| participant.serves() || (participant.is_on_probation() && !is_tried);
        let mut participants = self.participants.values();
        participants.any(|one| one.generation == generation && serves(one))
            || self.expected.values().any(|expected| {
                let counts = !expected.is_on_probation() || !is_tried;
                expected.generation == generation && expected.serves() && counts
            })
    }

    /// Whether a server of the generation is to release what it served, or has released it: it finishes what
    /// it has accepted, and the arbiter has its deadline. Not, if it served on probation and an older server
    /// goes on: then its supervisor rolls it back.
    fn is_released_by(&self, generation: Generation) -> bool {
        let is_rolled_back = self.is_served_by_older(generation);
        let was_tried =
            |one: &Participant| is_rolled_back && matches!(one.served(), Served::OnProbation { .. });
        let mut participants = self.participants.values();
        participants.any(|one| one.generation == generation && !one.is_active() && !was_tried(one))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::ArbiterLimits;
    use super::*;

    #[test]
    fn a_server_that_was_started_after_497_days_can_be_late() {
        let mut arbiter = Arbiter::new(ArbiterLimits::default());
        let generation = Generation { start: 1, pid: 1 };
        let started = u64::from(u32::MAX) + 1_000;
        let mut turn = Turn::new(Duration::from_millis(started * 10 + 1));
        arbiter.timed_out(ConnectionId(1), generation, 1, &mut turn);
        assert!(arbiter.is_late(Process { pid: 1, start: started }, generation));
    }
}
