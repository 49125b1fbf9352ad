//! A server that was not up in time: kept if it serves or lets go of what it served,
//! condemned otherwise (rule 9), also if it is on probation.
//!
//! The word that its supervisor may end it and the server's own word that it serves cross
//! on the way. So whoever is condemned gets nothing from that moment on: its claims are
//! refused, its grants are taken back, and a late `serving` takes nobody down.

use std::time::Duration;

use serverswap::protocol::message::{Code, DecidedVerdict, FromArbiter, TakedownReason, Verdict};
use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;

use super::slot::{Expected, Party, Served};
use super::{Arbiter, Link, Turn};

/// `/proc/PID/stat` counts start times in units of 1/100 s, whatever the kernel's own clock
/// is (proc(5), `USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

impl Arbiter {
    pub(super) fn timed_out(&mut self, link: Link, generation: Generation, re: u64, turn: &mut Turn) {
        let is_kept = self.serves(generation) || self.lets_go(generation);
        let verdict = if is_kept { DecidedVerdict::Keep } else { DecidedVerdict::End };
        match verdict {
            DecidedVerdict::Keep => {}
            DecidedVerdict::End => self.condemn(generation, turn),
        }
        turn.send(link, FromArbiter::Verdict(Verdict { re, verdict }));
    }

    /// Whether this process was started before its generation was condemned. One that the
    /// supervisor starts afterwards has a new chance.
    pub(super) fn is_condemned(&self, process: Process, generation: Generation) -> bool {
        let condemned_at = self.generations.get(&generation).and_then(|progress| progress.condemned_at);
        let started_at = u32::try_from(process.start).map_or(Duration::MAX, |ticks| TICK * ticks);
        condemned_at.is_some_and(|condemned_at| started_at <= condemned_at)
    }

    /// Whether it serves, or the state file says so of one that is not back yet (N3); not, if
    /// it does so on probation, beside an older server.
    fn serves(&self, generation: Generation) -> bool {
        self.slots.values().any(|slot| {
            let is_tried = slot.is_served_by_older(generation);
            let serves = |party: &Party| party.serves() || (party.is_on_probation() && !is_tried);
            slot.parties.values().any(|party| party.generation == generation && serves(party))
                || slot.expected.values().any(|expected| match expected {
                    Expected::Server { generation: of, serving, probation_until, .. } => {
                        *of == generation && *serving && (probation_until.is_none() || !is_tried)
                    }
                    Expected::Supervisor { .. } => false,
                })
        })
    }

    /// Whether it was told to let go of what it served for good, or has: it finishes what it has
    /// accepted, and the arbiter has its deadline.
    fn lets_go(&self, generation: Generation) -> bool {
        let was_tried = |party: &Party| matches!(party.served(), Served::OnProbation { .. });
        let mut parties = self.slots.values().flat_map(|slot| slot.parties.values());
        parties.any(|party| party.generation == generation && !party.is_active() && !was_tried(party))
    }

    fn condemn(&mut self, generation: Generation, turn: &mut Turn) {
        self.progress(generation).condemned_at = Some(turn.now);
        let addresses: Vec<Address> = self.slots.keys().cloned().collect();
        for address in addresses {
            let slot = self.slot(&address);
            if !slot.parties.values().any(|party| party.generation == generation) {
                continue;
            }
            for process in slot.processes(|party| party.generation == generation && party.claim().is_some()) {
                let message = "the server was not up in time and is being ended".to_owned();
                self.refuse_claim(&address, process, Code::Stopping, message, turn);
            }
            self.take_down(&address, turn, TakedownReason::Stopping, |of| of == generation);
            turn.touched.insert(address);
        }
    }
}
