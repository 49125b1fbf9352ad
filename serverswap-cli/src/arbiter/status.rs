//! What supervisors are told: row 6 of DECIDE, and whether a generation as a whole is up.
//!
//! A status is told when it differs from the last one told on the same connection, so a
//! supervisor that has just come back learns everything anew. `replaced` means that a newer
//! generation serves. The duplicate of the listener goes with `serving`, to a supervisor
//! that stays, and its keeping is written before it is sent (N6, N7).

use std::collections::{BTreeMap, BTreeSet};

use serverswap::protocol::message::{Event, EventKind, Form, FromArbiter, LISTENER, Role};
use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;

use super::decide::millis;
use super::slot::{Keeper, Listener, Party, Served, Slot, Stage, Told};
use super::{Arbiter, Hello, Link, Supervision, Turn, Up};

/// Most generations that are remembered although neither their supervisor nor any server is
/// known to live; the oldest are forgotten first.
const UNBORN_MAX: usize = 16;

/// What an address is to a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Granted,
    Probation,
    Serving,
    Busy,
    Vacant,
    Replaced,
}

impl Status {
    pub(super) fn kind(self) -> EventKind {
        match self {
            Status::Granted => EventKind::Granted,
            Status::Probation => EventKind::Probation,
            Status::Serving => EventKind::Serving,
            Status::Busy => EventKind::Busy,
            Status::Vacant => EventKind::Vacant,
            Status::Replaced => EventKind::Replaced,
        }
    }

    /// The status that an event says, if it says one.
    pub(super) fn of(kind: &EventKind) -> Option<Status> {
        use Status::{Busy, Granted, Probation, Replaced, Serving, Vacant};
        let all = [Granted, Probation, Serving, Busy, Vacant, Replaced];
        all.into_iter().find(|status| status.kind() == *kind)
    }
}

impl Party {
    /// The most that the server had; `None` if it was never granted the address.
    pub(super) fn had(&self) -> Option<Status> {
        match &self.stage {
            Stage::Claim(_) => None,
            Stage::Granted { .. }
            | Stage::Trial { .. }
            | Stage::Hold { .. }
            | Stage::Taking(_)
            | Stage::Released { .. } => Some(match self.served() {
                Served::Not => Status::Granted,
                Served::OnProbation { .. } => Status::Probation,
                Served::ForGood => Status::Serving,
            }),
        }
    }
}

impl Slot {
    /// The first of the rows that fits; `None`: nothing that a supervisor acts on.
    fn status(&self, generation: Generation) -> Option<Status> {
        let newer = |other: Option<Generation>| other.is_some_and(|other| other > generation);
        let own = |condition: fn(&Party) -> bool| {
            self.parties.values().any(|party| party.generation == generation && condition(party))
        };
        if newer(self.top()) {
            Some(Status::Replaced)
        } else if own(Party::serves) {
            Some(Status::Serving)
        } else if own(Party::serves_on_probation) {
            Some(Status::Probation)
        } else if own(Party::is_granted) {
            Some(Status::Granted)
        } else if !self.expected.is_empty() {
            None
        } else if newer(self.newest_claim()) || newer(self.newest_granted()) || newer(self.newest_owner()) {
            Some(Status::Busy)
        } else if self.parties.values().any(Party::is_active) || own(Party::is_taking) {
            None
        } else {
            Some(Status::Vacant)
        }
    }
}

impl Arbiter {
    /// The supervisor of a generation that serves and stays owns the address, until a newer one serves.
    pub(super) fn own(&mut self, address: &Address, generation: Generation) {
        let Some(Supervision::Stays(supervisor)) =
            self.generations.get(&generation).map(|progress| progress.supervision)
        else {
            return;
        };
        let slot = self.slot_mut(address);
        let serves = slot.parties.values().any(|party| party.generation == generation && party.serves());
        if serves && slot.top() == Some(generation) {
            slot.owners.insert(supervisor, generation);
        }
    }

    pub(super) fn own_what_is_served(&mut self, generation: Generation) {
        let addresses: Vec<Address> = self.slots.keys().cloned().collect();
        for address in addresses {
            if self.slot(&address).top() == Some(generation) {
                self.own(&address, generation);
            }
        }
    }

    pub(super) fn tell_status(&mut self, address: &Address, turn: &mut Turn) {
        let slot = self.slot(address);
        let supervisors: Vec<(Link, Process, Generation, Form)> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.role == Role::Supervisor)
            .filter_map(|(link, peer)| Some((*link, peer.process, peer.generation?, peer.form)))
            .collect();
        for (link, supervisor, generation, form) in supervisors {
            let Some(peer) = self.peers.get_mut(&link) else {
                continue;
            };
            let is_concerned = peer.told.contains_key(address)
                || slot.owners.contains_key(&supervisor)
                || slot.keepers.contains_key(&supervisor)
                || slot.parties.values().any(|party| party.generation == generation);
            let Some(status) = slot.status(generation).filter(|_| is_concerned) else {
                continue;
            };
            if peer.told.insert(address.clone(), status) == Some(status) {
                continue;
            }
            let is_kept = slot.keepers.contains_key(&supervisor);
            let keeps = status == Status::Serving && form == Form::Stay && slot.listener == Listener::Held;
            let pid = slot
                .parties
                .iter()
                .filter(|(_, party)| {
                    party.holds() && (party.generation == generation || status == Status::Replaced)
                })
                .max_by_key(|(_, party)| party.generation)
                .map(|(process, _)| process.pid);
            let remaining_ms = slot.probation_of(generation).filter(|_| status == Status::Probation);
            let remaining_ms = remaining_ms.map(|until| millis(until.saturating_sub(turn.now)));
            let told = Event { pid, remaining_ms, ..Event::about(status.kind(), generation, address) };
            if keeps && !is_kept {
                let keeper = Keeper { generation, told_to_close: Told::Not };
                self.slot_mut(address).keepers.insert(supervisor, keeper);
                turn.changed();
                let told = Event { fds: vec![LISTENER.to_owned()], ..told };
                turn.send_with_listener(link, FromArbiter::Event(told), address);
            } else {
                turn.send(link, FromArbiter::Event(told));
            }
        }
    }

    /// To the supervisors of one generation, and to every observer.
    pub(super) fn tell_supervisors_of(&mut self, generation: Generation, told: &Event, turn: &mut Turn) {
        self.remember_untold(generation, told, turn);
        self.tell(told, turn, |of| of == generation);
    }

    /// To every supervisor whose generation has to do with the address, and to observers.
    pub(super) fn tell_draining(&self, address: &Address, process: Process, turn: &mut Turn) {
        let Some(server) = self.servers.get(&process) else {
            return;
        };
        let slot = self.slot(address);
        let told = Event {
            pid: Some(process.pid),
            connections: server.connections,
            remaining_ms: server.drain_until.map(|until| millis(until.saturating_sub(turn.now))),
            ..Event::about(EventKind::Draining, server.generation, address)
        };
        self.tell(&told, turn, |generation| {
            slot.parties.values().any(|party| party.generation == generation)
        });
    }

    /// Before a server that has ended is forgotten. Its own supervisor takes it as the last
    /// word on the server's addresses, so it is not told while that word is not known.
    pub(super) fn tell_gone(&self, process: Process, turn: &mut Turn) {
        let Some(server) = self.servers.get(&process) else {
            return;
        };
        let told = Event { pid: Some(process.pid), ..Event::new(EventKind::Gone, server.generation) };
        let slots: Vec<_> = self.slots.values().filter(|slot| slot.parties.contains_key(&process)).collect();
        let is_known = slots.iter().all(|slot| slot.expected.is_empty());
        let concerned: Vec<Generation> =
            slots.iter().flat_map(|slot| slot.parties.values()).map(|party| party.generation).collect();
        self.tell(&told, turn, |generation| {
            concerned.contains(&generation) && (is_known || generation != told.generation)
        });
    }

    fn tell(&self, told: &Event, turn: &mut Turn, is_concerned: impl Fn(Generation) -> bool) {
        for (link, peer) in &self.peers {
            let listens = match peer.role {
                Role::Server => false,
                Role::Supervisor => peer.generation.is_some_and(&is_concerned),
                Role::Observer => true,
            };
            if listens {
                turn.send(*link, FromArbiter::Event(told.clone()));
            }
        }
    }

    /// Says `up` and `done`, and forgets generations that nothing is left of.
    pub(super) fn tell_generations(&mut self, turn: &mut Turn) {
        let tallies = self.tallies();
        for (generation, tally) in &tallies {
            let progress = self.progress(*generation);
            let everything_is_served = tally.serving > 0 && tally.pending == 0;
            let is_up = match progress.up {
                Up::Implied | Up::Said => everything_is_served,
                Up::Awaited | Up::Yes => false,
            };
            if is_up {
                progress.up = Up::Yes;
                turn.changed();
            }
        }
        self.tell_up_and_done(&tallies, turn);
        let linked: Vec<Generation> = self.peers.values().filter_map(|peer| peer.generation).collect();
        let unborn = self.unborn();
        let left_over: Vec<Generation> =
            self.leftovers.iter().map(super::end::Leftover::generation).collect();
        self.generations.retain(|generation, progress| {
            tallies.contains_key(generation)
                || linked.contains(generation)
                || left_over.contains(generation)
                || progress.supervision.process().is_some()
                || unborn.contains(generation)
        });
    }

    /// Generations whose supervisor is gone and whose server may be on its way: it is to find
    /// the deadlines that the supervisor has said, its probation among them.
    fn unborn(&self) -> BTreeSet<Generation> {
        let awaited = self.generations.iter().filter(|(_, progress)| match progress.server {
            Hello::Awaited => progress.supervision == Supervision::Alone,
            Hello::Said => false,
        });
        awaited.map(|(generation, _)| *generation).rev().take(UNBORN_MAX).collect()
    }

    fn tell_up_and_done(&mut self, tallies: &BTreeMap<Generation, Tally>, turn: &mut Turn) {
        let mut told = Vec::new();
        for (link, peer) in &mut self.peers {
            let (Role::Supervisor, Some(generation)) = (peer.role, peer.generation) else {
                continue;
            };
            let is_up = self.generations.get(&generation).is_some_and(|progress| progress.up == Up::Yes);
            let tally = tallies.get(&generation).copied().unwrap_or_default();
            if is_up && peer.told_up == Told::Not {
                peer.told_up = Told::Once;
                told.push((*link, Event::new(EventKind::Up, generation)));
            }
            let is_done = is_up && tally.serving > 0 && tally.pending == 0 && tally.older == 0;
            if is_done && peer.form == Form::Leave && peer.told_done == Told::Not {
                peer.told_done = Told::Once;
                told.push((*link, Event::new(EventKind::Done, generation)));
            }
        }
        for (link, event) in told {
            turn.send(link, FromArbiter::Event(event));
        }
    }

    fn tallies(&self) -> BTreeMap<Generation, Tally> {
        let mut tallies: BTreeMap<Generation, Tally> = BTreeMap::new();
        for slot in self.slots.values() {
            for party in slot.parties.values() {
                let older = slot.generations_of_servers().filter(|other| *other < party.generation).count();
                let tally = tallies.entry(party.generation).or_default();
                tally.serving += usize::from(party.serves());
                let is_pending = party.is_granted() || party.is_on_probation() || party.claim().is_some();
                tally.pending += usize::from(is_pending);
                tally.older += older;
            }
            let expected = slot.expected.values().map(super::slot::Expected::generation);
            for generation in expected.chain(slot.owners.values().copied()) {
                tallies.entry(generation).or_default();
            }
            for keeper in slot.keepers.values() {
                tallies.entry(keeper.generation).or_default();
            }
        }
        tallies
    }
}

/// Over all addresses of a generation.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    serving: usize,
    /// Claimed, granted and not serving, or on probation.
    pending: usize,
    /// Servers of older generations that have not exited.
    older: usize,
}
