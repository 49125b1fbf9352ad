//! What follows from what is known of one address: rows 1 to 5 of DECIDE in
//! `shared/field/handover-arbiter.md`.
//!
//! 1. Whoever is older than the newest server that serves is taken down; one on probation
//!    does not serve yet.
//! 2. A claim older than what holds, was granted, owns or claims is superseded.
//! 3. The newest claim to inherit is granted at once with the listener; without a
//!    listener it is opened, once nobody else has the address.
//! 4. The newest exclusive claim takes down first, and is granted when every holder has let
//!    go and every duplicate of a listener is closed.
//! 5. A listener that nobody reads or will read is closed.
//!
//! Nothing is decided while somebody whom the state file names has not come back, and no exclusive
//! claim is granted while a process of which no state says what it holds may have the address (`unnamed`).

use std::collections::BTreeSet;

use serverswap::protocol::message::{
    self, Code, Error, Event, EventKind, FromArbiter, Granted, LISTENER, Takedown, TakedownReason,
};
use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap::sys::process::Process;

use super::slot::{Listener, Stage, Taking, Told};
use super::{Action, Arbiter, Progress, Supervision, Turn};

impl Arbiter {
    pub(super) fn decide(&mut self, address: &Address, turn: &mut Turn) {
        self.take_down_stopping(address, turn);
        self.learn_of_holders(address);
        if !self.slot(address).expected.is_empty() {
            return;
        }
        self.end_probations(address, turn);
        self.take_down_older_than_serving(address, turn);
        self.supersede(address, turn);
        self.grant_newest(address, turn);
        self.close_unread(address, turn);
    }

    /// Also whoever came back only after its supervisor was asked to stop.
    fn take_down_stopping(&mut self, address: &Address, turn: &mut Turn) {
        let stops = |progress: &Progress| matches!(progress.supervision, Supervision::Stopping(_));
        let stopping = self.generations.iter().filter(|(_, progress)| stops(progress));
        let stopping: BTreeSet<Generation> = stopping.map(|(generation, _)| *generation).collect();
        if !stopping.is_empty() {
            self.take_down(address, turn, TakedownReason::Stopping, |of| stopping.contains(&of));
        }
    }

    fn take_down_older_than_serving(&mut self, address: &Address, turn: &mut Turn) {
        let Some(top) = self.slot(address).top() else {
            return;
        };
        self.take_down(address, turn, TakedownReason::Replaced, |generation| generation < top);
    }

    fn supersede(&mut self, address: &Address, turn: &mut Turn) {
        let slot = self.slot(address);
        let bar = [slot.top(), slot.newest_granted(), slot.newest_owner(), slot.newest_claim()]
            .into_iter()
            .flatten()
            .max();
        let Some(bar) = bar else {
            return;
        };
        for process in slot.processes(|party| party.claim().is_some() && party.generation < bar) {
            let message = format!("generation {bar} is newer and claims or holds `{address}`");
            self.refuse_claim(address, process, Code::Superseded, message, turn);
        }
    }

    fn grant_newest(&mut self, address: &Address, turn: &mut Turn) {
        let slot = self.slot(address);
        let Some(newest) = slot.newest_claim() else {
            return;
        };
        let claims =
            |mode| slot.processes(move |party| party.claim().is_some_and(|claim| claim.socket == mode));
        let (inherit, bind) = (claims(SocketMode::Inherit), claims(SocketMode::Bind));
        if !inherit.is_empty() {
            self.grant_inherited(address, newest, &inherit, turn);
        }
        for process in bind {
            self.grant_exclusive(address, newest, process, turn);
        }
    }

    fn grant_inherited(
        &mut self,
        address: &Address,
        newest: Generation,
        claimants: &BTreeSet<Process>,
        turn: &mut Turn,
    ) {
        match self.slot(address).listener {
            Listener::Held => {
                for process in claimants {
                    self.grant(address, *process, turn);
                }
            }
            Listener::Opening | Listener::Awaited { .. } => {}
            Listener::Absent => {
                self.take_down(address, turn, TakedownReason::Replaced, |generation| generation < newest);
                let slot = self.slot(address);
                let waits_for = slot.processes(|party| party.holds() || party.is_taking());
                if waits_for.is_empty() && slot.keepers.is_empty() {
                    self.slot_mut(address).listener = Listener::Opening;
                    turn.actions.push(Action::Open { address: address.clone() });
                } else {
                    self.tell_waiting(address, claimants, &waits_for, turn);
                }
            }
        }
    }

    fn grant_exclusive(&mut self, address: &Address, newest: Generation, claimant: Process, turn: &mut Turn) {
        match self.slot(address).listener {
            // A sibling is about to get it: decided again when the listener is there.
            Listener::Opening | Listener::Awaited { .. } => return,
            Listener::Absent | Listener::Held => {}
        }
        if self.may_be_held_by_unnamed(address, claimant, turn) {
            return;
        }
        let siblings = self
            .slot(address)
            .processes(|party| party.generation == newest && (party.holds() || party.is_taking()));
        if let Some(sibling) = siblings.first() {
            let message = format!("pid {} of the same generation holds `{address}` exclusively", sibling.pid);
            self.refuse_claim(address, claimant, Code::AlreadyClaimed, message, turn);
            return;
        }
        self.take_down(address, turn, TakedownReason::Replaced, |generation| generation < newest);
        let slot = self.slot(address);
        let waits_for = slot.processes(|party| party.holds() || party.is_taking());
        if !waits_for.is_empty() {
            self.tell_waiting(address, &BTreeSet::from([claimant]), &waits_for, turn);
            return;
        }
        if !slot.keepers.is_empty() {
            self.close_duplicates(address, turn);
            return;
        }
        self.drop_listener(address, turn);
        self.grant(address, claimant, turn);
    }

    /// Asks every keeper to close its duplicate; it goes on owning the address.
    fn close_duplicates(&mut self, address: &Address, turn: &mut Turn) {
        let keepers: Vec<(Process, Generation)> = self
            .slot(address)
            .keepers
            .iter()
            .filter(|(_, keeper)| keeper.told_to_close == Told::Not)
            .map(|(process, keeper)| (*process, keeper.generation))
            .collect();
        for (process, generation) in keepers {
            let Some(link) = self.link_of(process) else {
                continue;
            };
            if let Some(keeper) = self.slot_mut(address).keepers.get_mut(&process) {
                keeper.told_to_close = Told::Once;
            }
            turn.send(link, FromArbiter::Event(Event::about(EventKind::Close, generation, address)));
        }
    }

    fn grant(&mut self, address: &Address, process: Process, turn: &mut Turn) {
        let since = turn.now;
        let Some(party) = self.slot_mut(address).parties.get_mut(&process) else {
            return;
        };
        let Stage::Claim(claim) = &party.stage else {
            return;
        };
        let (re, socket) = (claim.id, claim.socket);
        party.stage = Stage::Granted { socket, since };
        turn.changed();
        let Some(link) = self.link_of(process) else {
            return;
        };
        let granted = |fds| FromArbiter::Granted(Granted { re, address: address.clone(), fds });
        match socket {
            SocketMode::Bind => turn.send(link, granted(Vec::new())),
            SocketMode::Inherit => {
                turn.send_with_listener(link, granted(vec![LISTENER.to_owned()]), address);
            }
        }
    }

    /// Starts a takedown for every holder whose generation fulfils `condition`.
    pub(super) fn take_down(
        &mut self,
        address: &Address,
        turn: &mut Turn,
        reason: TakedownReason,
        condition: impl Fn(Generation) -> bool,
    ) {
        let holders = self.slot(address).processes(|party| party.holds() && condition(party.generation));
        for process in holders {
            self.take_down_holder(address, process, reason.clone(), turn);
        }
    }

    pub(super) fn take_down_holder(
        &mut self,
        address: &Address,
        process: Process,
        reason: TakedownReason,
        turn: &mut Turn,
    ) {
        let Some(party) = self.slot_mut(address).parties.get_mut(&process) else {
            return;
        };
        let served = party.served();
        let socket = match party.stage {
            Stage::Granted { socket, .. } | Stage::Hold { socket, .. } => socket,
            Stage::Trial { .. } => SocketMode::Inherit,
            Stage::Claim(_) | Stage::Taking(_) | Stage::Released { .. } => return,
        };
        party.stage = Stage::Taking(Taking { socket, message: None, reason, served, since: turn.now });
        turn.changed();
        self.begin_drain(address, process, turn);
        self.send_takedown(address, process, turn);
    }

    /// Says `takedown` on the present connection, if there is one and the server handles it;
    /// otherwise the server is ended, by its deadline, in `end`.
    pub(super) fn send_takedown(&mut self, address: &Address, process: Process, turn: &mut Turn) {
        let Some(server) = self.servers.get(&process) else {
            return;
        };
        let Some(link) = server.link.filter(|_| server.handlers.contains(address)) else {
            return;
        };
        let drain_ms = millis(server.drain_until.unwrap_or(turn.now).saturating_sub(turn.now));
        let Some(id) = self.next_id(link) else {
            return;
        };
        let Some(party) = self.slot_mut(address).parties.get_mut(&process) else {
            return;
        };
        let Stage::Taking(taking) = &mut party.stage else {
            return;
        };
        taking.message = Some(id);
        let reason = taking.reason.clone();
        turn.send(link, FromArbiter::Takedown(Takedown { id, address: address.clone(), reason, drain_ms }));
    }

    /// Ends a claim with an error, to the claimant and to its supervisor.
    pub(super) fn refuse_claim(
        &mut self,
        address: &Address,
        process: Process,
        code: Code,
        message: String,
        turn: &mut Turn,
    ) {
        let slot = self.slot(address);
        let Some((claim, generation)) =
            slot.parties.get(&process).and_then(|party| Some((party.claim()?, party.generation)))
        else {
            return;
        };
        let re = Some(claim.id);
        self.slot_mut(address).parties.remove(&process);
        if let Some(link) = self.link_of(process) {
            let error = Error { re, code: code.clone(), message: message.clone(), fatal: false };
            turn.send(link, FromArbiter::Error(error));
        }
        let what = if code == Code::Superseded { EventKind::Superseded } else { EventKind::Failed };
        let told = Event {
            pid: Some(process.pid),
            code: Some(code),
            message: Some(message),
            ..Event::about(what, generation, address)
        };
        self.tell_supervisors_of(generation, &told, turn);
    }

    pub(super) fn tell_waiting(
        &mut self,
        address: &Address,
        claimants: &BTreeSet<Process>,
        waits_for: &BTreeSet<Process>,
        turn: &mut Turn,
    ) {
        let pids = waits_for.iter().map(|process| process.pid.to_string()).collect::<Vec<_>>().join(", ");
        for process in claimants {
            let Some(link) = self.link_of(*process) else {
                continue;
            };
            let Some(party) = self.slot_mut(address).parties.get_mut(process) else {
                continue;
            };
            let Stage::Claim(claim) = &mut party.stage else {
                continue;
            };
            if claim.told == Told::Once {
                continue;
            }
            claim.told = Told::Once;
            let waiting_for = Some(format!("pid {pids} to release `{address}`"));
            turn.send(
                link,
                FromArbiter::Progress(message::Progress { re: claim.id, waiting_for, ..Default::default() }),
            );
        }
    }

    fn close_unread(&mut self, address: &Address, turn: &mut Turn) {
        let slot = self.slot(address);
        let read = slot.parties.values().any(|party| party.is_active() || party.is_taking());
        if read || !slot.owners.is_empty() {
            return;
        }
        if slot.keepers.is_empty() {
            self.drop_listener(address, turn);
        } else {
            self.close_duplicates(address, turn);
        }
    }

    fn drop_listener(&mut self, address: &Address, turn: &mut Turn) {
        if self.slot(address).listener == Listener::Held {
            self.slot_mut(address).listener = Listener::Absent;
            turn.actions.push(Action::CloseListener { address: address.clone() });
        }
    }
}

/// Whole milliseconds, rounded down.
pub(super) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
