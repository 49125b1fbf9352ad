//! What is decided about one address: who serves it, who must release it, who is granted it.
//!
//! One pure function, [`reconcile`]: from what is known to what is to be. The rules R1 to R14 and the
//! counterexamples N1 to N9 are in `RULES.md`. What is sent is no matter of this file: it follows from the
//! difference (`effects`, `notices`).
//!
//! From `serving` to `takedown`: a `serving` is known as `Stage::Serving`; step 5 takes down whoever is
//! older. From a claim to its grant: steps 6 and 7.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serverswap::protocol::message::{Code, TakedownReason};
use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap::sys::process::Process;

use super::state::{
    AddressState, Check, Expected, Had, Holders, Keeper, LeftListener, ListenerState, Notified, Participant,
    PendingTakedown, Search, Stage,
};
use crate::arbiter::Fetched;

/// What is true outside the address and matters for it.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) address: &'a Address,
    /// The time since boot.
    pub(crate) now: Duration,
    /// The participants that get nothing any more.
    pub(crate) ending: BTreeMap<Process, Ending>,
    /// The resident supervisors of the generations that participate.
    pub(crate) residents: BTreeMap<Generation, Process>,
    /// Whether the holders of the state file may still come back by themselves.
    pub(crate) wait: Wait,
    /// The processes of which no state says what they hold.
    pub(crate) unrecorded: BTreeMap<Process, Generation>,
}

impl Facts<'_> {
    /// Who may come back and serve what an older generation claims (R2).
    fn newer_unrecorded(&self, generation: Generation) -> BTreeSet<Process> {
        let newer = self.unrecorded.iter().filter(|(_, other)| **other > generation);
        match self.wait {
            Wait::Running => newer.map(|(process, _)| *process).collect(),
            Wait::Over => BTreeSet::new(),
        }
    }
}

/// Why a server gets nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Its supervisor was asked to stop.
    Stopping,
    /// It was not up in time, and its supervisor may end it (R9).
    Late,
    /// It sent `fail`.
    Failed,
}

/// The bounded wait of a new arbiter (R10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    Running,
    Over,
}

/// Decides. The order of the steps is part of the argument.
pub(crate) fn reconcile(known: &AddressState, facts: &Facts<'_>) -> AddressState {
    let mut state = known.clone();
    // 1. A descriptor that came with the events of the turn becomes the arbiter's duplicate.
    state.keep_arrived_listener();
    // 2. R2: what has lost to a server that serves is superseded, whatever else it is and whoever may still
    // come back. Who gets nothing any more loses its claim and what it holds.
    state.supersede_older_than_serving(facts);
    state.end_those_that_end(facts);
    // 3. R10: who is named by the state file and does not come back.
    state.settle_expected(facts);
    // Nothing else is decided while one of them may still come back (R4, N3).
    if !state.expected.is_empty() {
        state.pass_ownership(facts);
        return state;
    }
    // 4. Who has lived to the end of its probation serves fully.
    state.end_probations(facts);
    state.pass_ownership(facts);
    // 5. R3, R5: whoever is older than the newest server that serves is taken down.
    state.take_down_older_than_serving(facts);
    // 6. R2: a claim older than what serves, was granted, owns or claims is superseded.
    state.supersede_claims(facts);
    // 7. R3: the newest claim is granted as soon as its mode allows.
    state.grant_newest(facts);
    // 8. R6: a listener that nobody reads or will read is closed.
    state.close_unread();
    state
}

impl AddressState {
    fn keep_arrived_listener(&mut self) {
        match self.listener {
            ListenerState::Arrived => self.listener = ListenerState::Held,
            ListenerState::Absent
            | ListenerState::Opening
            | ListenerState::Awaited { .. }
            | ListenerState::Held => {}
        }
        if self.has_exclusive_holder() {
            self.holders = Holders::Known;
        }
    }

    /// Whether somebody is known to have it exclusively: then nobody else has it.
    fn has_exclusive_holder(&self) -> bool {
        let is_bind = |stage: &Stage| stage.socket() == Some(SocketMode::Bind);
        let recorded = self.expected.values().filter_map(Expected::recorded_stage);
        self.participants.values().any(|participant| is_bind(&participant.stage))
            || recorded.into_iter().any(|stage| is_bind(&stage))
    }

    // --- 2 ------------------------------------------------------------------------------------

    fn end_those_that_end(&mut self, facts: &Facts<'_>) {
        for (process, ending) in &facts.ending {
            match ending {
                Ending::Stopping => {
                    let message = "the supervisor was asked to stop".to_owned();
                    self.refuse(*process, Code::Stopping, message);
                    self.take_down(*process, TakedownReason::Stopping, facts);
                }
                Ending::Late => {
                    let generation = self.participants.get(process).map(|participant| participant.generation);
                    if let Some(generation) = generation {
                        let (code, message) = self.refusal_of_late(generation, facts.address);
                        self.refuse(*process, code, message);
                    }
                    self.take_down(*process, TakedownReason::Stopping, facts);
                }
                Ending::Failed => {
                    self.refuse(*process, Code::Withdrawn, "the server sent `fail`".to_owned());
                    self.give_up_probation(*process, facts);
                }
            }
        }
    }

    /// An older server goes on with what this one served on probation.
    fn give_up_probation(&mut self, process: Process, facts: &Facts<'_>) {
        let participant = self.participants.get(&process);
        let is_tried = participant.is_some_and(|participant| {
            participant.is_on_probation() && self.is_served_by_older(participant.generation)
        });
        if is_tried {
            self.take_down(process, TakedownReason::Stopping, facts);
        }
    }

    // --- 3 ------------------------------------------------------------------------------------

    fn settle_expected(&mut self, facts: &Facts<'_>) {
        for (process, expected) in self.expected.clone() {
            match (expected.search, facts.wait) {
                (Search::AfterWait, Wait::Running) | (Search::Asked, _) => {}
                (Search::AfterWait, Wait::Over) | (Search::AtOnce, _) => {
                    self.begin_search(process, &expected)
                }
                (Search::Answered(found), _) => self.conclude_search(process, &expected, found, facts),
            }
        }
    }

    /// A listener is looked for among its descriptors; of an exclusive holder, and of an owner
    /// without a duplicate, there is nothing to be found.
    fn begin_search(&mut self, process: Process, expected: &Expected) {
        match expected.had {
            Had::Grant { socket: SocketMode::Inherit, .. }
            | Had::Ownership { keeps: true, .. }
            | Had::Remains => {
                let asked = Expected { search: Search::Asked, ..expected.clone() };
                self.expected.insert(process, asked);
            }
            Had::Grant { socket: SocketMode::Bind, .. } => self.count_as_recorded(process, expected),
            Had::Ownership { keeps: false, .. } => {
                self.expected.remove(&process);
            }
        }
    }

    fn conclude_search(&mut self, process: Process, expected: &Expected, found: Fetched, facts: &Facts<'_>) {
        match (&expected.had, found) {
            // It has opened it since, or is still to.
            (Had::Grant { provides: true, since, .. }, Fetched::Found) => {
                self.expected.remove(&process);
                let granted = Stage::Granted { socket: SocketMode::Inherit, since: *since };
                self.participate(process, expected.generation, granted);
            }
            (Had::Grant { provides: true, .. }, Fetched::Absent | Fetched::Refused) => {
                self.count_as_recorded(process, expected);
            }
            // Refused by the kernel: it counts as recorded, and is ended before a new listener is opened.
            (Had::Grant { .. }, Fetched::Found | Fetched::Refused) => {
                self.count_as_recorded(process, expected);
            }
            // N8: it cannot serve: it has not read its grant, or has closed its listener. It is ended before one is
            // opened.
            (Had::Grant { .. }, Fetched::Absent) => {
                self.expected.remove(&process);
                let takedown = PendingTakedown {
                    socket: SocketMode::Inherit,
                    message: None,
                    reason: TakedownReason::Replaced,
                    served: expected.served(),
                    provides: false,
                    since: facts.now,
                };
                self.participate(process, expected.generation, Stage::TakingDown(takedown));
            }
            (Had::Ownership { .. }, Fetched::Found) => {
                self.expected.remove(&process);
                let keeper = Keeper { generation: expected.generation, asked_to_close: Notified::No };
                self.keepers.insert(process, keeper);
            }
            (Had::Ownership { .. }, Fetched::Absent | Fetched::Refused) => {
                self.expected.remove(&process);
            }
            (Had::Remains, Fetched::Found) => {
                self.leave(process, expected.generation, LeftListener::Found);
            }
            (Had::Remains, Fetched::Absent | Fetched::Refused) => {
                self.leave(process, expected.generation, LeftListener::NotFound);
            }
        }
    }

    fn count_as_recorded(&mut self, process: Process, expected: &Expected) {
        self.expected.remove(&process);
        if let Some(stage) = expected.recorded_stage() {
            self.participate(process, expected.generation, stage);
        }
    }

    // --- 4 ------------------------------------------------------------------------------------

    /// A probation is over when no older server is left to go back to, or when its time has come and
    /// the pidfd, polled at that moment, says that the server lives (N4).
    fn end_probations(&mut self, facts: &Facts<'_>) {
        for process in self.processes(|participant| participant.is_on_probation()) {
            let is_alone = self
                .participants
                .get(&process)
                .is_some_and(|participant| !self.is_served_by_older(participant.generation));
            let Some(participant) = self.participants.get_mut(&process) else {
                continue;
            };
            let Stage::Probation { since, until, check } = participant.stage else {
                continue;
            };
            let serving = Stage::Serving { socket: SocketMode::Inherit, since };
            match check {
                Check::Alive => participant.stage = serving,
                Check::Due | Check::Asked | Check::Dead if is_alone => participant.stage = serving,
                Check::Due if until <= facts.now => {
                    participant.stage = Stage::Probation { since, until, check: Check::Asked };
                }
                Check::Due | Check::Asked | Check::Dead => {}
            }
        }
    }

    /// R6: the resident supervisor of the generation that serves owns the address; no older one does any
    /// more, `replaced` is final (R5).
    fn pass_ownership(&mut self, facts: &Facts<'_>) {
        let Some(newest) = self.newest_serving() else {
            return;
        };
        self.owners.retain(|_, owner| *owner >= newest);
        if let Some(supervisor) = facts.residents.get(&newest) {
            self.owners.insert(*supervisor, newest);
        }
    }

    // --- 5 ------------------------------------------------------------------------------------

    fn take_down_older_than_serving(&mut self, facts: &Facts<'_>) {
        if let Some(newest) = self.newest_serving() {
            self.take_down_older_than(newest, facts);
            self.replace_left(newest, facts.now);
        }
    }

    fn take_down_older_than(&mut self, newest: Generation, facts: &Facts<'_>) {
        for process in self.processes(|participant| participant.generation < newest) {
            self.take_down(process, TakedownReason::Replaced, facts);
        }
    }

    /// A holder is to release the address; nothing changes for anybody else.
    fn take_down(&mut self, process: Process, reason: TakedownReason, facts: &Facts<'_>) {
        let Some(participant) = self.participants.get_mut(&process).filter(|one| one.holds()) else {
            return;
        };
        let Some(socket) = participant.stage.socket() else {
            return;
        };
        let (served, provides) = (participant.served(), participant.is_providing());
        let takedown = PendingTakedown { socket, message: None, reason, served, provides, since: facts.now };
        participant.stage = Stage::TakingDown(takedown);
    }

    // --- 6 ------------------------------------------------------------------------------------

    fn supersede_claims(&mut self, facts: &Facts<'_>) {
        if let Some(bar) = self.newest_rival() {
            self.supersede(bar, facts);
        }
    }

    fn supersede_older_than_serving(&mut self, facts: &Facts<'_>) {
        if let Some(bar) = self.newest_serving() {
            self.supersede(bar, facts);
        }
    }

    fn supersede(&mut self, bar: Generation, facts: &Facts<'_>) {
        for process in self.processes(|participant| participant.generation < bar) {
            let (code, message) = superseded_by(bar, facts.address);
            self.refuse(process, code, message);
        }
    }

    // --- 7 ------------------------------------------------------------------------------------

    fn grant_newest(&mut self, facts: &Facts<'_>) {
        let Some(newest) = self.newest_claim() else {
            return;
        };
        let inherit = self.claimants(SocketMode::Inherit);
        if !inherit.is_empty() {
            self.grant_inherited(newest, &inherit, facts);
        }
        for claimant in self.claimants(SocketMode::Bind) {
            self.grant_exclusive(newest, claimant, facts);
        }
    }

    pub(crate) fn claimants(&self, socket: SocketMode) -> BTreeSet<Process> {
        self.processes(|participant| participant.claim().is_some_and(|claim| claim.socket == socket))
    }

    /// *Inherit* is granted at once with the listener. Without one it is opened, once nobody else has
    /// the address.
    fn grant_inherited(&mut self, newest: Generation, claimants: &BTreeSet<Process>, facts: &Facts<'_>) {
        match self.listener {
            ListenerState::Held | ListenerState::Arrived => {
                let newer = facts.newer_unrecorded(newest);
                for claimant in claimants {
                    match newer.is_empty() {
                        true => self.grant(*claimant, facts),
                        false => self.wait(*claimant, &newer),
                    }
                }
            }
            // The kernel does not let us take it from what an ended server has left.
            ListenerState::Awaited { .. } if self.is_left_by_older(newest) => {
                self.listener = ListenerState::Absent;
                self.take_down_left(newest, SocketMode::Inherit, facts.now);
                self.open_for(newest, claimants, facts);
            }
            ListenerState::Opening | ListenerState::Awaited { .. } => {}
            ListenerState::Absent => self.open_for(newest, claimants, facts),
        }
    }

    /// Opens a listener as soon as nobody else has the address; or has it opened by a server that can do so by
    /// itself, for which the others wait.
    fn open_for(&mut self, newest: Generation, claimants: &BTreeSet<Process>, facts: &Facts<'_>) {
        let mut waits_for = self.processes(Participant::is_providing);
        if waits_for.is_empty() {
            self.take_down_older_than(newest, facts);
            waits_for = self.processes(Participant::occupies);
            waits_for.extend(self.keepers.keys());
        }
        if waits_for.is_empty() {
            match self.provider(claimants) {
                // One of them may have the address, and come back with its listener.
                Some(_) if facts.wait == Wait::Running && !facts.unrecorded.is_empty() => {
                    waits_for.extend(facts.unrecorded.keys());
                }
                Some(provider) => {
                    self.participate(provider, newest, Stage::Providing { since: facts.now });
                    waits_for.insert(provider);
                }
                None => self.listener = ListenerState::Opening,
            }
        }
        for claimant in claimants {
            self.wait(*claimant, &waits_for);
        }
    }

    /// The first claimant, if every one of them would open the listener by itself.
    fn provider(&self, claimants: &BTreeSet<Process>) -> Option<Process> {
        let provides = |process: &Process| {
            let participant = self.participants.get(process);
            participant.and_then(Participant::claim).is_some_and(|claim| claim.provides)
        };
        claimants.first().copied().filter(|_| claimants.iter().all(provides))
    }

    /// *Bind* takes down first, and is granted when every holder has released the address or is gone and
    /// every duplicate of the listener is closed.
    fn grant_exclusive(&mut self, newest: Generation, claimant: Process, facts: &Facts<'_>) {
        match self.listener {
            // A sibling is about to get it: decided again when the listener is there.
            ListenerState::Opening | ListenerState::Awaited { .. } => return,
            ListenerState::Absent | ListenerState::Arrived | ListenerState::Held => {}
        }
        if self.may_be_held_by_unrecorded(claimant, facts) {
            return;
        }
        let siblings =
            self.processes(|participant| participant.generation == newest && participant.occupies());
        if let Some(sibling) = siblings.first() {
            let Facts { address, .. } = facts;
            let message = format!("pid {} of the same generation holds `{address}` exclusively", sibling.pid);
            return self.refuse(claimant, Code::AlreadyClaimed, message);
        }
        self.take_down_older_than(newest, facts);
        self.take_down_left(newest, SocketMode::Bind, facts.now);
        let waits_for = self.processes(Participant::occupies);
        if !waits_for.is_empty() {
            return self.wait(claimant, &waits_for);
        }
        if !self.keepers.is_empty() {
            return self.ask_keepers_to_close();
        }
        self.drop_listener();
        self.grant(claimant, facts);
    }

    /// Then the claim waits as long as the holders of a state file would be awaited, and is refused after
    /// that (`unrecorded`).
    fn may_be_held_by_unrecorded(&mut self, claimant: Process, facts: &Facts<'_>) -> bool {
        let Some((other, _)) = facts.unrecorded.first_key_value() else {
            return false;
        };
        match (self.holders, facts.wait) {
            (Holders::Known, _) => return false,
            (Holders::Unknown, Wait::Running) => {
                self.wait(claimant, &facts.unrecorded.keys().copied().collect());
            }
            (Holders::Unknown, Wait::Over) => {
                let message = format!(
                    "pid {} was started in this directory, is not connected to its arbiter, and no state says \
                     whether it holds `{}`",
                    other.pid, facts.address
                );
                self.refuse(claimant, Code::AddressInUse, message);
            }
        }
        true
    }

    fn grant(&mut self, claimant: Process, facts: &Facts<'_>) {
        let Some(participant) = self.participants.get_mut(&claimant) else {
            return;
        };
        if let Some(claim) = participant.claim() {
            participant.stage = Stage::Granted { socket: claim.socket, since: facts.now };
        }
    }

    fn wait(&mut self, claimant: Process, waits_for: &BTreeSet<Process>) {
        let Some(participant) = self.participants.get_mut(&claimant) else {
            return;
        };
        if let Stage::Claim(claim) = &mut participant.stage
            && claim.waits_for.is_empty()
        {
            claim.waits_for.clone_from(waits_for);
        }
    }

    // --- 8 ------------------------------------------------------------------------------------

    fn close_unread(&mut self) {
        let mut participants = self.participants.values();
        let is_read = participants.any(|participant| participant.is_active() || participant.is_taking_down());
        let may_be_read = self.left.values().any(|left| left.listener == LeftListener::Found);
        if is_read || may_be_read || !self.owners.is_empty() {
            return;
        }
        if self.keepers.is_empty() {
            self.drop_listener();
        } else {
            self.ask_keepers_to_close();
        }
    }

    /// They go on owning the address. The arbiter's own duplicate is closed last (N7).
    fn ask_keepers_to_close(&mut self) {
        for keeper in self.keepers.values_mut() {
            keeper.asked_to_close = Notified::Yes;
        }
    }

    fn drop_listener(&mut self) {
        match self.listener {
            ListenerState::Held | ListenerState::Arrived => self.listener = ListenerState::Absent,
            ListenerState::Absent | ListenerState::Opening | ListenerState::Awaited { .. } => {}
        }
    }
}

/// How a claim is refused that has lost.
pub(crate) fn superseded_by(newer: Generation, address: &Address) -> (Code, String) {
    (Code::Superseded, format!("generation {newer} is newer and claims or holds `{address}`"))
}
