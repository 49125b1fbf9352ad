//! A new arbiter begins with what the state file says.
//!
//! Everybody alive whom the file names is awaited, for a bounded time. What becomes of those who do not
//! come back (R10) is decided like everything else about an address: `address::handover`, step 3.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serverswap::protocol::message::TakedownReason;
use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap::sys::process::Process;

use super::address::AddressState;
use super::address::state::{
    Expected, Had, LeftListener, Participant, PendingTakedown, Search, Served, Stage,
};
use super::generation::{FirstHello, GenerationState, SupervisorPresence, UpStatus};
use super::server::{ServerConnection, ServerKind, ServerRecord, Speaker, Termination};
use super::{Arbiter, ArbiterLimits, Remains, Turn};
use crate::state::{AddressRecord, DrainRecord, GenerationRecord, HolderRecord, Snapshot};

impl Arbiter {
    /// An arbiter that has just won the lock.
    ///
    /// `alive` are the processes of the file that run now, by pid and start time, `remains` what else runs of
    /// the generations whose servers have ended
    /// ([`Snapshot::generations_without_servers`]); `now` is the time since boot.
    pub fn recover(
        limits: ArbiterLimits,
        snapshot: &Snapshot,
        alive: &BTreeSet<Process>,
        remains: &Remains,
        now: Duration,
    ) -> Self {
        let pending_events = Arc::new(snapshot.pending_events.clone());
        let mut arbiter = Arbiter { pending_events, ..Arbiter::new(limits) };
        let with_servers = snapshot.generations_of_servers();
        for (generation, record) in &snapshot.generations {
            let server = match with_servers.contains(generation) {
                true => FirstHello::Received,
                false => FirstHello::Awaited,
            };
            arbiter.generations.insert(*generation, recorded_generation(record, server, alive));
            arbiter.unsettled.insert_mut(*generation);
            if record.supervisor.is_some_and(|supervisor| !alive.contains(&supervisor)) {
                arbiter.abandon(*generation, now);
            }
        }
        // The file names them until it is written next, so nothing has to be written now.
        let mut unwritten = Turn::new(now);
        for (address, record) in &snapshot.addresses {
            arbiter.recover_servers(address, record, alive, now);
            let is_supervised = |generation| arbiter.generation(generation).supervisor.process().is_some();
            let mut state = recorded_address(record, alive, is_supervised);
            arbiter.recover_remains(record, alive, remains, &mut state, &mut unwritten);
            arbiter.index.replace(address, &AddressState::default(), &state);
            if !state.is_empty() {
                arbiter.addresses.insert_mut(address.clone(), Arc::new(state));
            }
            for holder in record.holders.iter().filter(|holder| !alive.contains(&holder.process)) {
                let participant = Participant { generation: holder.generation, stage: holder.stage() };
                arbiter.remember_had(address, holder.process, &participant, &mut unwritten);
            }
        }
        for record in snapshot.unrecorded.iter().filter(|record| alive.contains(&record.process)) {
            arbiter.unrecorded.insert_mut(record.process, record.generation);
        }
        let is_awaiting = !arbiter.unrecorded.is_empty() || arbiter.index.is_recovering();
        arbiter.recover_until = is_awaiting.then_some(now + limits.recover_wait);
        arbiter
    }

    fn recover_servers(
        &mut self,
        address: &Address,
        record: &AddressRecord,
        alive: &BTreeSet<Process>,
        now: Duration,
    ) {
        let holders = record.holders.iter();
        let holders = holders.map(|holder| {
            let on_takedown = holder.on_takedown && holder.stand_in.is_none();
            (holder.process, holder.generation, Speaker::of(holder.stand_in), Termination::None, on_takedown)
        });
        let draining = record.draining.iter();
        let draining = draining.map(|drain| {
            (drain.process, drain.generation, Speaker::of(drain.stand_in), drain.termination(), false)
        });
        for (process, generation, speaker, termination, on_takedown) in holders.chain(draining) {
            if !alive.contains(&process) {
                continue;
            }
            let known = self.servers.get(process).cloned();
            let mut server =
                known.unwrap_or_else(|| ServerRecord::new(generation, ServerConnection::Away { since: now }));
            server.speaker = speaker;
            let later = server.drain_until().max(termination.drain_until());
            if server.termination == Termination::None {
                server.termination = termination;
            }
            if let Some(until) = later {
                server.set_drain_until(until);
            }
            if on_takedown {
                server.handlers.insert_mut(address.clone());
            }
            if record.draining.iter().any(|drain| drain.process == process && drain.helper) {
                server.kind = ServerKind::Helper;
            }
            self.servers.insert(process, server);
            self.unsettled.insert_mut(generation);
        }
    }
}

impl Arbiter {
    /// Also where the arbiter before this one has not seen the end of the last server.
    fn recover_remains(
        &mut self,
        record: &AddressRecord,
        alive: &BTreeSet<Process>,
        remains: &Remains,
        state: &mut AddressState,
        turn: &mut Turn,
    ) {
        let now = turn.now;
        for left in record.left.iter().filter(|left| alive.contains(&left.process)) {
            state.search_remains(left.generation, &[left.process].into());
            let speaker = Speaker::of(left.stand_in);
            self.follow(left.process, left.generation, speaker, Termination::None, turn);
        }
        for drain in record.draining.iter().filter(|drain| !alive.contains(&drain.process)) {
            for process in remains.get(&drain.generation).into_iter().flatten() {
                let speaker = Speaker::of(drain.stand_in);
                self.follow(*process, drain.generation, speaker, drain.termination(), turn);
                state.drain_remains(drain.generation, &[*process].into(), now);
            }
        }
        let is_drained = |process| record.draining.iter().any(|drain| drain.process == process);
        for holder in record.holders.iter().filter(|holder| !alive.contains(&holder.process)) {
            let is_supervised = self.generation(holder.generation).supervisor.process().is_some();
            if is_supervised || is_drained(holder.process) {
                continue;
            }
            for process in remains.get(&holder.generation).into_iter().flatten() {
                self.follow(
                    *process,
                    holder.generation,
                    Speaker::of(holder.stand_in),
                    Termination::None,
                    turn,
                );
                match holder.socket {
                    SocketMode::Inherit => state.search_remains(holder.generation, &[*process].into()),
                    SocketMode::Bind => state.leave(*process, holder.generation, LeftListener::NotFound),
                }
            }
        }
    }
}

fn recorded_generation(
    record: &GenerationRecord,
    server: FirstHello,
    alive: &BTreeSet<Process>,
) -> GenerationState {
    let up = match (record.up, record.awaits_server_up) {
        (true, _) => UpStatus::Yes,
        (false, true) => UpStatus::Awaited,
        (false, false) => UpStatus::Implied,
    };
    let supervisor = record.supervisor.filter(|supervisor| alive.contains(supervisor));
    let supervisor = supervisor.map_or(SupervisorPresence::None, SupervisorPresence::Disconnected);
    GenerationState { supervisor, server, up, ..GenerationState::new(record.timeouts) }
}

/// A stand-in comes back for as long as its supervisor lives, and nobody waits for another one.
fn recorded_address(
    record: &AddressRecord,
    alive: &BTreeSet<Process>,
    is_supervised: impl Fn(Generation) -> bool,
) -> AddressState {
    let mut state = AddressState::default();
    let is_holder = |process| record.holders.iter().any(|holder| holder.process == process);
    for drain in record.draining.iter().filter(|drain| alive.contains(&drain.process)) {
        if !is_holder(drain.process) {
            let served = Served::recorded(drain.served, drain.probation_until());
            let stage = Stage::Released { takedown: None, served, since: drain.since() };
            state.participate(drain.process, drain.generation, stage);
        }
    }
    for holder in record.holders.iter().filter(|holder| alive.contains(&holder.process)) {
        if let Some(stage) = record.given_up_before_it_served(holder) {
            state.participate(holder.process, holder.generation, stage);
            continue;
        }
        let had = Had::Grant {
            socket: holder.socket,
            serving: holder.serving,
            since: holder.since(),
            probation_until: holder.probation_until(),
            provides: holder.provides,
        };
        let search = match holder.stand_in {
            Some(_) if !is_supervised(holder.generation) => Search::AtOnce,
            Some(_) | None => Search::AfterWait,
        };
        let expected = Expected { generation: holder.generation, had, search };
        state.expected.insert(holder.process, expected);
    }
    for supervisor in record.supervisors.iter().filter(|one| alive.contains(&one.process)) {
        let had = Had::Ownership { owns: supervisor.owns, keeps: supervisor.keeps };
        let expected = Expected { generation: supervisor.generation, had, search: Search::AfterWait };
        state.expected.insert(supervisor.process, expected);
    }
    state
}

impl AddressRecord {
    /// A server that was taken down on probation does not come back as one that serves beside the
    /// older one, and one that was to open the listener does not come back as one for which others wait:
    /// it is still to release the address.
    fn given_up_before_it_served(&self, holder: &HolderRecord) -> Option<Stage> {
        let served = Served::recorded(holder.serving, holder.probation_until());
        let is_taken_down = self.draining.iter().any(|drain| drain.process == holder.process);
        let is_final = holder.provides || matches!(served, Served::OnProbation { .. });
        (is_taken_down && is_final).then(|| {
            Stage::TakingDown(PendingTakedown {
                socket: holder.socket,
                message: None,
                reason: TakedownReason::Stopping,
                served,
                provides: holder.provides,
                since: holder.since(),
            })
        })
    }
}

impl HolderRecord {
    fn stage(&self) -> Stage {
        Stage::recorded(self.socket, self.serving, self.since(), self.probation_until(), self.provides)
    }
}

impl DrainRecord {
    /// A stop signal that nobody knows to have been sent is sent again.
    fn termination(&self) -> Termination {
        let until = self.until();
        match self.stand_in {
            None => Termination::Draining { until },
            Some(_) if self.stopped => Termination::Stopped { until },
            Some(stand_in) => Termination::ToBeStopped { signal: stand_in.stop_signal, until },
        }
    }
}
