//! One turn: events change what is known, then each address that they touched is settled once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serverswap::protocol::message::{
    Code, Error, Event, EventKind, FromArbiter, Granted, LISTENER, Progress, Takedown,
};
use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap::sys::process::Process;

use super::address::AddressState;
use super::address::effects::{Effect, effects};
use super::address::handover::{Ending, Facts, Wait, reconcile};
use super::address::notices::{self, Reader, millis};
use super::address::state::{ListenerState, Refused, Search, Stage};
use super::generation::SupervisorPresence;
use super::peer::Intent;
use super::{Arbiter, ArbiterAction, ArbiterEvent, Attached, ConnectionId, Fetched, Turn};

impl Arbiter {
    /// Takes in events that were read together, and decides once.
    pub fn handle(&mut self, events: impl IntoIterator<Item = ArbiterEvent>, turn: &mut Turn) {
        turn.generations.extend(std::mem::take(&mut self.unsettled).iter().copied());
        for event in events {
            self.take_in(event, turn);
        }
        for address in std::mem::take(&mut turn.touched) {
            self.settle(&address, turn);
        }
        self.settle_generations(turn);
        self.send_due_signals(turn);
        if self.unrecorded.is_empty() && !self.index.is_recovering() {
            self.recover_until = None;
        }
        self.note_changes(turn);
        turn.send_last_replies();
    }

    fn take_in(&mut self, event: ArbiterEvent, turn: &mut Turn) {
        match event {
            ArbiterEvent::Hello(arrival) => self.arrive(arrival, turn),
            ArbiterEvent::Received { link, message, liveness } => {
                self.received(link, message, liveness, turn)
            }
            ArbiterEvent::Disconnected { link } => self.connection_ended(link, turn),
            ArbiterEvent::Gone { process, remains } => self.gone(process, &remains, turn),
            ArbiterEvent::Opened { address, result } => self.opened(&address, result, turn),
            ArbiterEvent::HeldByAbsent { address, generation, holder } => {
                self.held_by_absent(&address, generation, &holder, turn)
            }
            ArbiterEvent::Fetched { process, address, found } => self.fetched(process, &address, found, turn),
            ArbiterEvent::Polled { process, address, liveness } => {
                self.polled(process, &address, liveness, turn)
            }
            ArbiterEvent::Looked { generation, listening } => self.looked(generation, &listening, turn),
            ArbiterEvent::Signalled { process, signal, connections } => {
                self.notify_signalled(process, signal, connections, turn)
            }
            ArbiterEvent::SignalSent { generation, signal } => self.signal_sent(generation, signal, turn),
            ArbiterEvent::Tick => self.tick(turn),
        }
    }

    fn tick(&mut self, turn: &mut Turn) {
        self.end_abandoned(turn);
        if self.recover_until.is_some_and(|until| until <= turn.now) {
            self.recover_until = None;
            self.nobody_may_return(turn);
            turn.touched.extend(self.index.recovering().cloned());
            turn.touched.extend(self.index.claimed().cloned());
        }
        let due: Vec<Address> = self.index.due(turn.now).cloned().collect();
        for address in due {
            self.give_up_unreturned(&address, turn);
            turn.touched.insert(address);
        }
    }

    /// Other events may have come in between: the claimant may be gone, or the holder back.
    fn opened(&mut self, address: &Address, result: Result<(), (Code, String)>, turn: &mut Turn) {
        if self.address(address).listener != ListenerState::Opening {
            return;
        }
        self.edit(address, turn, |state| match result {
            Ok(()) => state.listener = ListenerState::Arrived,
            Err((code, message)) => {
                state.listener = ListenerState::Absent;
                for claimant in state.claimants(SocketMode::Inherit) {
                    state.refuse(claimant, code.clone(), message.clone());
                }
            }
        });
        turn.touched.insert(address.clone());
    }

    fn fetched(&mut self, process: Process, address: &Address, found: Fetched, turn: &mut Turn) {
        self.edit(address, turn, |state| {
            let Some(expected) = state.expected.get_mut(&process).filter(|one| one.search == Search::Asked)
            else {
                return;
            };
            expected.search = Search::Answered(found);
            match found {
                Fetched::Found => state.listener_arrives(),
                Fetched::Absent | Fetched::Refused => {}
            }
        });
        turn.touched.insert(address.clone());
    }

    // --- what is known -----------------------------------------------------------------------

    pub(super) fn address(&self, address: &Address) -> Arc<AddressState> {
        self.addresses.get(address).cloned().unwrap_or_default()
    }

    /// Changes what is known about one address.
    pub(super) fn edit<R>(
        &mut self,
        address: &Address,
        turn: &mut Turn,
        edit: impl FnOnce(&mut AddressState) -> R,
    ) -> R {
        let mut state = AddressState::clone(&self.address(address));
        let result = edit(&mut state);
        self.replace(address, state, turn);
        result
    }

    fn replace(&mut self, address: &Address, state: AddressState, turn: &mut Turn) {
        let before = self.address(address);
        if *before == state {
            return;
        }
        turn.generations.extend(self.index.replace(address, &before, &state));
        self.addresses.insert_mut(address.clone(), Arc::new(state));
        turn.before.entry(address.clone()).or_insert(before);
    }

    /// Which records differ; and nothing is kept of an address of which nothing is known any more.
    fn note_changes(&mut self, turn: &mut Turn) {
        for (address, before) in std::mem::take(&mut turn.before) {
            let after = self.address(&address);
            self.notify_observers(&address, &before, &after, turn);
            if before.record() != after.record() {
                turn.changes.addresses.insert(address.clone());
            }
            if after.is_empty() {
                self.addresses.remove_mut(&address);
            }
        }
    }

    // --- one address -------------------------------------------------------------------------

    fn settle(&mut self, address: &Address, turn: &mut Turn) {
        let known = self.address(address);
        let mut decided = reconcile(&known, &self.facts(address, &known, turn));
        let effects = effects(&known, &decided);
        decided.refused.clear();
        let gaps = notices::gaps(&known, &decided, address, &self.away(&decided));
        self.replace(address, decided, turn);
        for effect in effects {
            self.carry_out(effect, address, turn);
        }
        self.send_unsent_takedowns(address, turn);
        for gap in gaps {
            let generations: Vec<Generation> = self.address(address).generations_of_servers().collect();
            self.notify(&gap, generations, turn);
        }
        self.notify_statuses(address, &known, turn);
    }

    fn facts<'a>(&self, address: &'a Address, state: &AddressState, turn: &Turn) -> Facts<'a> {
        let mut facts = Facts {
            address,
            now: turn.now,
            ending: Default::default(),
            residents: Default::default(),
            wait: if self.recover_until.is_some() { Wait::Running } else { Wait::Over },
            unrecorded: Default::default(),
        };
        for (process, participant) in &state.participants {
            let generation = participant.generation;
            facts.ending.extend(self.ending(*process, generation).map(|ending| (*process, ending)));
            match self.generation(generation).supervisor {
                SupervisorPresence::Resident(supervisor) => {
                    facts.residents.insert(generation, supervisor);
                }
                SupervisorPresence::None
                | SupervisorPresence::Disconnected(_)
                | SupervisorPresence::Transient(_)
                | SupervisorPresence::Stopping(_) => {}
            }
        }
        if state.participants.values().any(|participant| participant.claim().is_some()) {
            let unrecorded = self.unrecorded.iter();
            facts.unrecorded.extend(unrecorded.map(|(process, generation)| (*process, *generation)));
        }
        facts
    }

    fn ending(&self, process: Process, generation: Generation) -> Option<Ending> {
        if matches!(self.generation(generation).supervisor, SupervisorPresence::Stopping(_)) {
            return Some(Ending::Stopping);
        }
        if self.is_late(process, generation) {
            return Some(Ending::Late);
        }
        let peer = self.peers.link_of(process).and_then(|link| self.peers.get(link));
        peer.filter(|peer| peer.intent == Intent::GiveUp).map(|_| Ending::Failed)
    }

    fn away(&self, state: &AddressState) -> BTreeSet<Process> {
        let is_away = |process: &Process| self.peers.link_of(*process).is_none();
        state.participants.keys().copied().filter(is_away).collect()
    }

    fn carry_out(&mut self, effect: Effect, address: &Address, turn: &mut Turn) {
        let address = address.clone();
        match effect {
            Effect::KeepListener => turn.actions.push(ArbiterAction::KeepListener { address }),
            Effect::CloseListener => turn.actions.push(ArbiterAction::CloseListener { address }),
            Effect::OpenListener => turn.actions.push(ArbiterAction::Open { address }),
            Effect::Search(process) => turn.actions.push(ArbiterAction::Fetch { process, address }),
            Effect::Check(process) => turn.actions.push(ArbiterAction::Poll { process, address }),
            Effect::Refuse(refused) => self.send_refusal(refused, &address, turn),
            Effect::TakeDown(process) => {
                self.begin_drain(&address, process, turn);
                self.send_takedown(&address, process, turn);
            }
            Effect::EndRemains(process) => self.end_remains(process, turn),
            Effect::Grant { link, re, attached } => self.send_granted(link, re, attached, address, turn),
            Effect::Wait { link, re, waits_for } => {
                let pids = waits_for.iter().map(|process| process.pid.to_string());
                let pids = pids.collect::<Vec<_>>().join(", ");
                let waiting_for = Some(format!("pid {pids} to release `{address}`"));
                self.send(
                    link,
                    FromArbiter::Progress(Progress { re, waiting_for, ..Default::default() }),
                    turn,
                );
            }
            Effect::AskToClose { keeper, generation } => {
                if let Some(link) = self.peers.link_of(keeper) {
                    let event = Event::about(EventKind::Close, generation, &address);
                    turn.send(link, FromArbiter::Event(event));
                }
            }
        }
    }

    /// On a connection that may have ended meanwhile.
    fn send(&self, link: ConnectionId, message: FromArbiter, turn: &mut Turn) {
        if self.peers.get(link).is_some() {
            turn.send(link, message);
        }
    }

    fn send_granted(
        &self,
        link: ConnectionId,
        re: u64,
        attached: Attached,
        address: Address,
        turn: &mut Turn,
    ) {
        let granted = |fds| FromArbiter::Granted(Granted { re, address: address.clone(), fds });
        match attached {
            Attached::Nothing => self.send(link, granted(Vec::new()), turn),
            Attached::Listener if self.peers.get(link).is_some() => {
                turn.send_with_listener(link, granted(vec![LISTENER.to_owned()]), &address);
            }
            Attached::Listener => {}
        }
    }

    pub(super) fn send_refusal(&mut self, refused: Refused, address: &Address, turn: &mut Turn) {
        let event = notices::refusal(&refused, address);
        let Refused { generation, link, id, code, message, .. } = refused;
        self.send(link, FromArbiter::Error(Error { re: Some(id), code, message, fatal: false }), turn);
        self.notify_own(generation, &event, turn);
    }

    /// Also to a server that has come back, or has begun to handle takedown, since the takedown began.
    fn send_unsent_takedowns(&mut self, address: &Address, turn: &mut Turn) {
        let is_unsent = |stage: &Stage| match stage {
            Stage::TakingDown(takedown) => takedown.message.is_none(),
            Stage::Claim(_)
            | Stage::Granted { .. }
            | Stage::Providing { .. }
            | Stage::Probation { .. }
            | Stage::Serving { .. }
            | Stage::Released { .. } => false,
        };
        for process in self.address(address).processes(|participant| is_unsent(&participant.stage)) {
            self.send_takedown(address, process, turn);
        }
    }

    /// On the present connection, if there is one and the server handles takedown of the address, or a stand-in speaks
    /// for it;
    /// otherwise the server is ended by its deadline (`termination`).
    fn send_takedown(&mut self, address: &Address, process: Process, turn: &mut Turn) {
        let state = self.address(address);
        let Some(server) = self.servers.get(process) else {
            return;
        };
        let is_notified = server.handlers.contains(address) || server.stand_in().is_some();
        let Some(link) = server.link().filter(|_| is_notified) else {
            return;
        };
        let Some(Stage::TakingDown(takedown)) = state.participants.get(&process).map(|one| &one.stage) else {
            return;
        };
        let drain_ms = millis(server.drain_until().unwrap_or(turn.now).saturating_sub(turn.now));
        let timeouts = self.timeouts(server.generation);
        let stream_ms = timeouts
            .stream_ms
            .map(|stream| drain_ms.saturating_add(stream.saturating_sub(timeouts.drain_ms)));
        let reason = takedown.reason.clone();
        let Some(id) = self.peers.next_id(link) else {
            return;
        };
        if let Some(server) = self.servers.get_mut(process) {
            server.takedowns.insert_mut(id, address.clone());
        }
        self.edit(address, turn, |state| {
            if let Some(Stage::TakingDown(takedown)) =
                state.participants.get_mut(&process).map(|participant| &mut participant.stage)
            {
                takedown.message = Some(id);
            }
        });
        turn.send(
            link,
            FromArbiter::Takedown(Takedown { id, address: address.clone(), reason, drain_ms, stream_ms }),
        );
    }

    // --- supervisors and observers -----------------------------------------------------------

    fn notify_statuses(&mut self, address: &Address, known: &AddressState, turn: &mut Turn) {
        let mut state = AddressState::clone(&self.address(address));
        let readers = self.readers_of(known, &state);
        for notice in notices::statuses(&mut state, address, &readers, turn.now) {
            if notice.event.fds.is_empty() {
                turn.send(notice.link, FromArbiter::Event(notice.event));
            } else {
                turn.send_with_listener(notice.link, FromArbiter::Event(notice.event), address);
            }
        }
        self.replace(address, state, turn);
    }

    /// The connected supervisors that the address concerns. Among them is an owner that has come back and
    /// finds that a newer generation serves: it is in what was known only.
    fn readers_of(&self, known: &AddressState, decided: &AddressState) -> BTreeMap<ConnectionId, Reader> {
        let own = decided.participants.values().map(|participant| participant.generation);
        let own = own.flat_map(|generation| self.peers.supervisors_of(generation));
        let owners = known.owners.keys().chain(decided.owners.keys());
        let named = owners.chain(decided.keepers.keys()).chain(decided.notified.keys());
        let named = named.filter_map(|process| self.peers.link_of(*process));
        own.chain(named).filter_map(|link| Some((link, self.reader(link)?))).collect()
    }

    fn reader(&self, link: ConnectionId) -> Option<Reader> {
        let peer = self.peers.get(link)?;
        let generation = peer.generation?;
        let is_supervisor = self.peers.supervisors_of(generation).any(|other| other == link);
        is_supervisor.then_some(Reader { process: peer.process, generation, form: peer.form })
    }

    fn notify_observers(
        &self,
        address: &Address,
        before: &AddressState,
        after: &AddressState,
        turn: &mut Turn,
    ) {
        if self.peers.readers([]).is_empty() {
            return;
        }
        for event in notices::changes(before, after, address, turn.now) {
            self.notify(&event, [], turn);
        }
    }

    /// To the supervisors of the generations, and to every observer.
    pub(super) fn notify(
        &self,
        event: &Event,
        generations: impl IntoIterator<Item = Generation>,
        turn: &mut Turn,
    ) {
        for link in self.peers.readers(generations) {
            turn.send(link, FromArbiter::Event(event.clone()));
        }
    }

    /// To the supervisors of one generation, now or when one is connected again, and to every observer.
    pub(super) fn notify_own(&mut self, generation: Generation, event: &Event, turn: &mut Turn) {
        self.remember_end_of_claim(generation, event, turn);
        self.notify(event, [generation], turn);
    }

    /// The generations that take part at any address of a process, its own among them.
    pub(super) fn generations_at_addresses_of(&self, process: Process) -> BTreeSet<Generation> {
        let states = self.index.addresses_of(process).into_iter().map(|address| self.address(&address));
        let generations = |state: Arc<AddressState>| -> BTreeSet<Generation> {
            state.participants.values().map(|participant| participant.generation).collect()
        };
        states.flat_map(generations).collect()
    }

    /// To every supervisor whose generation participates, and to observers.
    pub(super) fn notify_draining(&self, address: &Address, process: Process, turn: &mut Turn) {
        let Some(server) = self.servers.get(process) else {
            return;
        };
        let event = Event {
            pid: Some(process.pid),
            connections: server.connections,
            cut: server.cut,
            remaining_ms: server.drain_until().map(|until| millis(until.saturating_sub(turn.now))),
            ..Event::about(EventKind::Draining, server.generation, address)
        };
        let state = self.address(address);
        self.notify(&event, state.participants.values().map(|one| one.generation), turn);
    }
}

impl AddressState {
    /// A descriptor of the listener came with the events of the turn.
    pub(super) fn listener_arrives(&mut self) {
        match self.listener {
            ListenerState::Held => {}
            ListenerState::Absent
            | ListenerState::Opening
            | ListenerState::Awaited { .. }
            | ListenerState::Arrived => {
                self.listener = ListenerState::Arrived;
            }
        }
    }
}
