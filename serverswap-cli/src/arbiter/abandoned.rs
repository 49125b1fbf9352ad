//! A generation whose supervisor was killed before it was up: nobody else asks whether its server is late (R14).
//!
//! - Its server may still come up, until the ready timeout is over, counted from the end of the supervisor; after
//!   that it is late (R9). One that serves is kept, one that was granted an address is taken down.
//! - A server whose stand-in is gone with the supervisor says nothing. Where no older server serves, to end one that
//!   people are served by would be an outage: it is looked at first, and serves if it waits for connections.
//! - Otherwise every process of the generation gets TERM and then KILL: a server that hangs has never connected,
//!   so only its environment shows whose it is.

use std::time::Duration;

use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap::sys::process::Process;

use super::address::AddressState;
use super::address::state::Participant;
use super::generation::UpStatus;
use super::{Arbiter, ArbiterAction, TerminationSignal, Turn};

/// The ready timeout of a generation whose supervisor gave none.
const READY_TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);

/// How far the end of a generation without a supervisor is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Abandoned {
    /// It may still come up.
    Until(Duration),
    /// Its time is over, and its servers for which nobody speaks are being looked at.
    Looking,
    /// It is being sent TERM.
    Terminating,
    /// It got TERM.
    Terminated { at: Duration },
}

impl Arbiter {
    /// The supervisor of a generation is gone.
    pub(super) fn abandon(&mut self, generation: Generation, now: Duration) {
        if self.generation(generation).up != UpStatus::Yes {
            let ready = self.timeouts(generation).ready_ms.map(Duration::from_millis);
            let until = now + ready.unwrap_or(READY_TIMEOUT_DEFAULT);
            self.abandoned.insert_mut(generation, Abandoned::Until(until));
        }
    }

    /// The server of a generation gives up; nobody else would end it.
    pub(super) fn end_if_abandoned(&mut self, generation: Generation, turn: &Turn) {
        if self.abandoned.contains_key(&generation) {
            self.abandoned.insert_mut(generation, Abandoned::Until(turn.now));
        }
    }

    pub(super) fn is_abandoned(&self, generation: Generation) -> bool {
        self.abandoned.contains_key(&generation)
    }

    pub(super) fn next_abandoned(&self) -> Option<Duration> {
        self.abandoned.iter().filter_map(|(generation, stage)| self.abandoned_due(*generation, *stage)).min()
    }

    pub(super) fn end_abandoned(&mut self, turn: &mut Turn) {
        let due = self.abandoned.iter().filter(|(generation, stage)| {
            self.abandoned_due(**generation, **stage).is_some_and(|due| due <= turn.now)
        });
        let due: Vec<(Generation, Abandoned)> =
            due.map(|(generation, stage)| (*generation, *stage)).collect();
        for (generation, stage) in due {
            self.abandoned.remove_mut(&generation);
            turn.generations.insert(generation);
            match stage {
                Abandoned::Until(_) => self.look_or_end_late(generation, turn),
                Abandoned::Looking => self.end_late(generation, turn),
                Abandoned::Terminating | Abandoned::Terminated { .. } => {
                    signal(generation, TerminationSignal::Kill, turn)
                }
            }
        }
    }

    fn look_or_end_late(&mut self, generation: Generation, turn: &mut Turn) {
        let servers = self.unspoken_for(generation);
        if servers.is_empty() {
            return self.end_late(generation, turn);
        }
        self.abandoned.insert_mut(generation, Abandoned::Looking);
        turn.actions.push(ArbiterAction::Look { generation, servers });
    }

    /// Its servers whose stand-in is gone, with the addresses that they may serve while nobody says so.
    fn unspoken_for(&self, generation: Generation) -> Vec<(Process, Address)> {
        let is_unspoken_for = |process: &Process| {
            let server = self.servers.get(*process);
            server.is_some_and(|server| server.stand_in().is_some() && server.link().is_none())
        };
        let servers = self.servers.of_generation(generation).filter(is_unspoken_for);
        let at_addresses = |process| {
            let addresses = self.index.addresses_of(process).into_iter();
            addresses.map(move |address| (process, address))
        };
        let all = servers.flat_map(at_addresses);
        all.filter(|(process, address)| self.address(address).may_be_served_unsaid(*process)).collect()
    }

    /// These of its servers wait for connections, or it cannot be told whether they do.
    pub(super) fn looked(
        &mut self,
        generation: Generation,
        listening: &[(Process, Address)],
        turn: &mut Turn,
    ) {
        let Some(Abandoned::Looking) = self.abandoned.get(&generation) else {
            return;
        };
        self.abandoned.remove_mut(&generation);
        turn.generations.insert(generation);
        for (process, address) in listening {
            let state = self.address(address);
            if !state.may_be_served_unsaid(*process) {
                continue;
            }
            let stage = self.begins_to_serve(&state, generation, SocketMode::Inherit, turn.now);
            self.edit(address, turn, |state| {
                state.listener_arrives();
                state.participate(*process, generation, stage);
            });
            turn.touched.insert(address.clone());
            self.server_up(generation, turn);
        }
        self.end_late(generation, turn);
    }

    fn end_late(&mut self, generation: Generation, turn: &mut Turn) {
        if self.is_kept(generation) {
            return;
        }
        self.condemn(generation, turn);
        // What was granted or served is taken down, and its server has its own deadlines.
        let addresses = self.index.addresses_of_generation(generation);
        let has_had =
            |participant: &Participant| participant.generation == generation && participant.claim().is_none();
        if !addresses.iter().any(|address| self.address(address).participants.values().any(has_had)) {
            self.abandoned.insert_mut(generation, Abandoned::Terminating);
            signal(generation, TerminationSignal::Term, turn);
        }
    }

    /// It has got TERM, if it was being sent it.
    pub(super) fn abandoned_is_terminated(&mut self, generation: Generation, at: Duration) {
        if let Some(stage @ Abandoned::Terminating) = self.abandoned.get_mut(&generation) {
            *stage = Abandoned::Terminated { at };
        }
    }

    fn abandoned_due(&self, generation: Generation, stage: Abandoned) -> Option<Duration> {
        match stage {
            Abandoned::Until(until) => Some(until),
            Abandoned::Looking | Abandoned::Terminating => None,
            Abandoned::Terminated { at } => Some(at + self.kill_time(generation)),
        }
    }
}

impl AddressState {
    /// Whether a server was granted the address by inheritance, and no older one serves it.
    fn may_be_served_unsaid(&self, process: Process) -> bool {
        self.participants.get(&process).is_some_and(|one| {
            let is_granted = one.is_granted() && one.stage.socket() == Some(SocketMode::Inherit);
            is_granted && !self.is_served_by_older(one.generation)
        })
    }
}

fn signal(generation: Generation, signal: TerminationSignal, turn: &mut Turn) {
    turn.actions.push(ArbiterAction::SignalGeneration { generation, signal });
}
