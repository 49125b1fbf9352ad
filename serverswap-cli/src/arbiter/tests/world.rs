//! An arbiter with a clock, and short forms of what clients send and are sent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serverswap::protocol::message::{
    Code, Event, EventKind, Form, FromArbiter, FromClient, Holding, LISTENER, OnTakedown, ReadyFor, Released,
    Role, Serving, StandIn, Takedown, Timeouts,
};
use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap::sys::process::Process;

use crate::arbiter::address::state::ListenerState;
use crate::arbiter::{
    Arbiter, ArbiterAction, ArbiterEvent, ArbiterLimits, Attached, Changes, ClientHello, ConnectionId,
    Fetched, Liveness, Remains, TerminationSignal, Turn,
};
use crate::state::{Snapshot, UnrecordedRecord};

pub(super) const A: &str = ":8080";
pub(super) const B: &str = ":8081";
pub(super) const DRAIN: Duration = Duration::from_secs(30);
pub(super) const KILL: Duration = Duration::from_secs(5);

/// An arbiter, the time, and who is connected where.
pub(super) struct World {
    pub(super) arbiter: Arbiter,
    pub(super) now: Duration,
    links: BTreeMap<u32, ConnectionId>,
    ids: BTreeMap<u32, u64>,
    next_link: u64,
    /// What opening an address gives; by default it succeeds.
    pub(super) open_fails: BTreeMap<Address, Code>,
    /// What opening an address finds there: a server of this directory that is not back.
    pub(super) held_by_absent: BTreeSet<Address>,
    /// What looking for a listener in a process gives; by default it is found.
    pub(super) fetch: BTreeMap<u32, Fetched>,
    /// The probation that supervisors say in their `hello`.
    pub(super) probation_ms: u64,
    /// The time of responses that make progress, as supervisors say it.
    pub(super) stream_ms: Option<u64>,
    /// The processes that have ended without a `Gone` event yet.
    pub(super) dead: BTreeSet<u32>,
    /// The processes that do not wait for connections when they are looked at.
    pub(super) hanging: BTreeSet<u32>,
    /// How many connections a server has open when it is signalled.
    pub(super) open_connections: BTreeMap<u32, u64>,
    /// Whether signals are still on their way.
    pub(super) is_signalling: bool,
    /// Everything that was sent, and to whom.
    pub(super) sent: Vec<(u32, FromArbiter)>,
    /// The records that the last events have changed.
    pub(super) changes: Changes,
}

/// What a client was sent, in short.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sent {
    Welcome,
    Granted(Attached),
    Takedown,
    Refused(Code),
    Event(EventKind, Attached),
    Waiting,
    Verdict(serverswap::protocol::message::DecidedVerdict),
    Signalled(TerminationSignal),
}

pub(super) fn address(text: &str) -> Address {
    text.parse().expect("an address")
}

/// Server and supervisor of generation N: pids N * 10 and N * 10 + 1.
pub(super) fn generation(pid: u32) -> Generation {
    let number = pid / 10;
    Generation { start: u64::from(number), pid: number * 10 + 1 }
}

pub(super) fn process(pid: u32) -> Process {
    Process { pid, start: u64::from(pid) }
}

pub(super) fn held(text: &str, serving: bool) -> (Holding, Attached) {
    (Holding { address: address(text), serving, on_takedown: true }, Attached::Listener)
}

impl World {
    pub(super) fn new() -> Self {
        World::with(Arbiter::new(ArbiterLimits::default()))
    }

    fn with(arbiter: Arbiter) -> Self {
        World {
            arbiter,
            now: Duration::from_secs(1000),
            links: BTreeMap::new(),
            ids: BTreeMap::new(),
            next_link: 0,
            open_fails: BTreeMap::new(),
            held_by_absent: BTreeSet::new(),
            fetch: BTreeMap::new(),
            probation_ms: 0,
            stream_ms: None,
            dead: BTreeSet::new(),
            hanging: BTreeSet::new(),
            open_connections: BTreeMap::new(),
            is_signalling: false,
            sent: Vec::new(),
            changes: Changes::default(),
        }
    }

    /// An arbiter that found no state, and these processes.
    pub(super) fn knowing_only_of(pids: &[u32]) -> Self {
        let record = |pid: &u32| UnrecordedRecord { process: process(*pid), generation: generation(*pid) };
        let snapshot = Snapshot { unrecorded: pids.iter().map(record).collect(), ..Snapshot::default() };
        let world = World::new();
        let arbiter = Arbiter::recover(
            ArbiterLimits::default(),
            &snapshot,
            &snapshot.processes(),
            &Remains::new(),
            world.now,
        );
        World { arbiter, ..world }
    }

    /// Another arbiter takes over what this one wrote; nobody is connected to it.
    pub(super) fn taken_over(self, dead: &[u32]) -> Self {
        self.taken_over_with(dead, &Remains::new())
    }

    /// The same, and it finds what remains of generations whose servers have ended.
    pub(super) fn taken_over_with(self, dead: &[u32], remains: &Remains) -> Self {
        let snapshot = self.arbiter.snapshot();
        let text = serde_json::to_string(&snapshot).expect("it is written");
        let snapshot: Snapshot = serde_json::from_str(&text).expect("it is read");
        let mut alive = snapshot.processes();
        alive.retain(|process| !dead.contains(&process.pid));
        let arbiter = Arbiter::recover(ArbiterLimits::default(), &snapshot, &alive, remains, self.now);
        World { now: self.now, next_link: self.next_link, ..World::with(arbiter) }
    }

    /// Lets events happen together, and what the arbiter asks for be answered after that; returns who was sent
    /// what, in order.
    pub(super) fn happens(&mut self, mut events: Vec<ArbiterEvent>) -> Vec<(u32, Sent)> {
        let mut done = Vec::new();
        self.changes = Changes::default();
        while !events.is_empty() {
            let mut turn = Turn::new(self.now);
            self.arbiter.handle(std::mem::take(&mut events), &mut turn);
            self.arbiter.check_index();
            self.changes.addresses.extend(turn.changes().addresses.clone());
            self.changes.generations.extend(turn.changes().generations.clone());
            for action in turn.actions {
                events.extend(self.answers(action.clone()));
                self.record(&action);
                done.extend(self.sent(action));
            }
        }
        done
    }

    fn record(&mut self, action: &ArbiterAction) {
        if let ArbiterAction::Send { link, message, .. } = action
            && let Some((pid, _)) = self.links.iter().find(|(_, at)| *at == link)
        {
            self.sent.push((*pid, message.clone()));
        }
    }

    fn answers(&mut self, question: ArbiterAction) -> Vec<ArbiterEvent> {
        let mut sent = None;
        if let ArbiterAction::Signal { generation, signal, .. }
        | ArbiterAction::SignalGeneration { generation, signal } = &question
        {
            sent = Some(ArbiterEvent::SignalSent { generation: *generation, signal: *signal });
        }
        self.answer(question).into_iter().chain(sent.filter(|_| !self.is_signalling)).collect()
    }

    fn answer(&mut self, question: ArbiterAction) -> Option<ArbiterEvent> {
        match question {
            ArbiterAction::Open { address } if self.held_by_absent.contains(&address) => {
                let holder = "pid 10 (`node`)".to_owned();
                Some(ArbiterEvent::HeldByAbsent { address, generation: generation(10), holder })
            }
            ArbiterAction::Open { address } => {
                let result = match self.open_fails.get(&address) {
                    Some(code) => Err((code.clone(), "it cannot be opened".to_owned())),
                    None => Ok(()),
                };
                Some(ArbiterEvent::Opened { address, result })
            }
            ArbiterAction::Fetch { process, address } => {
                let found = self.fetch.get(&process.pid).copied().unwrap_or(Fetched::Found);
                Some(ArbiterEvent::Fetched { process, address, found })
            }
            ArbiterAction::Poll { process, address } => {
                let is_dead = self.dead.contains(&process.pid);
                let liveness = if is_dead { Liveness::Dead } else { Liveness::Alive };
                Some(ArbiterEvent::Polled { process, address, liveness })
            }
            ArbiterAction::Look { generation, servers } => {
                let waits = |(process, _): &(Process, Address)| !self.hanging.contains(&process.pid);
                let listening = servers.into_iter().filter(waits).collect();
                Some(ArbiterEvent::Looked { generation, listening })
            }
            ArbiterAction::Signal { process, signal, .. } => {
                let connections = self.open_connections.get(&process.pid).copied();
                Some(ArbiterEvent::Signalled { process, signal, connections })
            }
            ArbiterAction::Send { .. }
            | ArbiterAction::Disconnect { .. }
            | ArbiterAction::KeepListener { .. }
            | ArbiterAction::CloseListener { .. }
            | ArbiterAction::SignalGeneration { .. } => None,
        }
    }

    /// The events that a client was sent, in order.
    pub(super) fn events_to(&self, pid: u32) -> impl DoubleEndedIterator<Item = &Event> {
        let to_it = self.sent.iter().filter(move |(to, _)| *to == pid);
        to_it.filter_map(
            |(_, message)| if let FromArbiter::Event(event) = message { Some(event) } else { None },
        )
    }

    pub(super) fn last_event_to(&self, pid: u32) -> &Event {
        self.events_to(pid).next_back().expect("it was sent one")
    }

    /// The takedowns that a server was sent, in order.
    pub(super) fn takedowns_to(&self, pid: u32) -> impl Iterator<Item = &Takedown> {
        let to_it = self.sent.iter().filter(move |(to, _)| *to == pid);
        to_it.filter_map(
            |(_, message)| if let FromArbiter::Takedown(takedown) = message { Some(takedown) } else { None },
        )
    }

    fn sent(&self, action: ArbiterAction) -> Option<(u32, Sent)> {
        let (link, message, listener) = match action {
            ArbiterAction::Send { link, message, listener } => (link, message, listener),
            ArbiterAction::Signal { process, signal, .. } => {
                return Some((process.pid, Sent::Signalled(signal)));
            }
            ArbiterAction::SignalGeneration { generation, signal } => {
                return Some((generation.pid - 1, Sent::Signalled(signal)));
            }
            ArbiterAction::Disconnect { .. }
            | ArbiterAction::KeepListener { .. }
            | ArbiterAction::CloseListener { .. }
            | ArbiterAction::Open { .. }
            | ArbiterAction::Fetch { .. }
            | ArbiterAction::Poll { .. }
            | ArbiterAction::Look { .. } => return None,
        };
        let pid = self.links.iter().find(|(_, at)| **at == link).map(|(pid, _)| *pid)?;
        let attached = if listener.is_some() { Attached::Listener } else { Attached::Nothing };
        let sent = match message {
            FromArbiter::Welcome(_) => Sent::Welcome,
            FromArbiter::Granted(_) => Sent::Granted(attached),
            FromArbiter::Takedown(_) => Sent::Takedown,
            FromArbiter::Progress(_) => Sent::Waiting,
            FromArbiter::Event(event) => Sent::Event(event.what, attached),
            FromArbiter::Verdict(verdict) => Sent::Verdict(verdict.verdict),
            FromArbiter::Error(error) => Sent::Refused(error.code),
            FromArbiter::Greeting(_) | FromArbiter::Ping(_) | FromArbiter::Pong(_) => return None,
        };
        Some((pid, sent))
    }

    pub(super) fn arrives(
        &mut self,
        pid: u32,
        role: Role,
        form: Form,
        holding: Vec<(Holding, Attached)>,
    ) -> Vec<(u32, Sent)> {
        let event = self.arrival(pid, role, form, holding, Vec::new());
        self.happens(vec![event])
    }

    pub(super) fn arrival(
        &mut self,
        pid: u32,
        role: Role,
        form: Form,
        holding: Vec<(Holding, Attached)>,
        draining: Vec<Address>,
    ) -> ArbiterEvent {
        self.next_link += 1;
        let link = ConnectionId(self.next_link);
        self.links.insert(pid, link);
        self.ids.insert(pid, 1);
        ArbiterEvent::Hello(ClientHello {
            link,
            process: process(pid),
            liveness: Liveness::Alive,
            id: 1,
            role,
            generation: Some(generation(pid)),
            holding,
            draining,
            form: Some(form),
            timeouts: Some(Timeouts {
                drain_ms: 30_000,
                kill_ms: 5_000,
                probation_ms: self.probation_ms,
                stream_ms: self.stream_ms,
                ready_ms: Some(60_000),
            }),
            stand_in: None,
        })
    }

    /// A server with this pid is spoken for by its supervisor, with these differences.
    pub(super) fn stand_in_arrives(
        &mut self,
        stand_in: StandIn,
        holding: Vec<(Holding, Attached)>,
    ) -> Vec<(u32, Sent)> {
        let arrival = self.arrival(stand_in.pid, Role::Server, Form::Leave, holding, Vec::new());
        let ArbiterEvent::Hello(hello) = arrival else { unreachable!("it is one") };
        let (form, timeouts) = (None, hello.timeouts.filter(|_| stand_in.adopt));
        let stand_in = Some(stand_in);
        self.happens(vec![ArbiterEvent::Hello(ClientHello { form, timeouts, stand_in, ..hello })])
    }

    pub(super) fn claims_to_provide(&mut self, pid: u32, text: &str) -> Vec<(u32, Sent)> {
        let (id, address) = (self.next_id(pid), address(text));
        let claim = ReadyFor { id, address, socket: SocketMode::Inherit, more: false, provide: true };
        self.sends(pid, FromClient::ReadyFor(claim))
    }

    /// Says `serving` with the listener that it has opened.
    pub(super) fn provides(&mut self, pid: u32, text: &str) -> Vec<(u32, Sent)> {
        let (address, fds) = (address(text), vec![LISTENER.to_owned()]);
        self.sends(pid, FromClient::Serving(Serving { address, fds }))
    }

    pub(super) fn server(&mut self, pid: u32) -> Vec<(u32, Sent)> {
        self.arrives(pid, Role::Server, Form::Leave, Vec::new())
    }

    pub(super) fn supervisor(&mut self, pid: u32, form: Form) -> Vec<(u32, Sent)> {
        self.arrives(pid, Role::Supervisor, form, Vec::new())
    }

    pub(super) fn received(&mut self, pid: u32, message: FromClient) -> ArbiterEvent {
        ArbiterEvent::Received { link: self.links[&pid], message, liveness: Liveness::Alive }
    }

    pub(super) fn sends(&mut self, pid: u32, message: FromClient) -> Vec<(u32, Sent)> {
        let event = self.received(pid, message);
        self.happens(vec![event])
    }

    /// A number that the client has not used on its connection.
    pub(super) fn next_id(&mut self, pid: u32) -> u64 {
        let id = self.ids.get_mut(&pid).expect("it is connected");
        *id += 1;
        *id
    }

    pub(super) fn claim(&mut self, pid: u32, text: &str, socket: SocketMode) -> ArbiterEvent {
        let id = self.next_id(pid);
        let claim = ReadyFor { id, address: address(text), socket, more: false, provide: false };
        self.received(pid, FromClient::ReadyFor(claim))
    }

    pub(super) fn claims(&mut self, pid: u32, text: &str, socket: SocketMode) -> Vec<(u32, Sent)> {
        let event = self.claim(pid, text, socket);
        self.happens(vec![event])
    }

    pub(super) fn handles_takedown(&mut self, pid: u32, text: &str) -> Vec<(u32, Sent)> {
        self.sends(pid, FromClient::OnTakedown(OnTakedown { address: address(text) }))
    }

    pub(super) fn serves(&mut self, pid: u32, text: &str) -> Vec<(u32, Sent)> {
        self.sends(pid, FromClient::Serving(Serving { address: address(text), fds: Vec::new() }))
    }

    pub(super) fn releases(&mut self, pid: u32, text: &str) -> Vec<(u32, Sent)> {
        self.sends(pid, FromClient::Released(Released { re: None, address: address(text) }))
    }

    /// Claims by inheritance, handles takedown and serves, with everything in between.
    pub(super) fn server_is_up(&mut self, pid: u32, texts: &[&str]) -> Vec<(u32, Sent)> {
        let mut sent = self.server(pid);
        for text in texts {
            sent.extend(self.claims(pid, text, SocketMode::Inherit));
            sent.extend(self.handles_takedown(pid, text));
        }
        for text in texts {
            sent.extend(self.serves(pid, text));
        }
        sent
    }

    pub(super) fn link_ends(&mut self, pid: u32) -> Vec<(u32, Sent)> {
        let link = self.links[&pid];
        self.happens(vec![ArbiterEvent::Disconnected { link }])
    }

    /// The last server of a generation ends, and these other processes of the generation live.
    pub(super) fn ends_and_leaves(&mut self, pid: u32, remains: &[u32]) -> Vec<(u32, Sent)> {
        let remains = remains.iter().map(|pid| process(*pid)).collect();
        self.happens(vec![ArbiterEvent::Gone { process: process(pid), remains }])
    }

    pub(super) fn ends(&mut self, pid: u32) -> Vec<(u32, Sent)> {
        self.happens(vec![ArbiterEvent::Gone { process: process(pid), remains: BTreeSet::new() }])
    }

    pub(super) fn signal_was_sent(&mut self, pid: u32, signal: TerminationSignal) {
        let sent = ArbiterEvent::SignalSent { generation: generation(pid), signal };
        assert_eq!(self.happens(vec![sent]), []);
    }

    /// Lets time pass, and the deadlines in it come, one after the other.
    pub(super) fn passes(&mut self, time: Duration) -> Vec<(u32, Sent)> {
        let end = self.now + time;
        let mut sent = Vec::new();
        while let Some(deadline) = self.arbiter.deadline().filter(|deadline| *deadline <= end) {
            assert!(deadline >= self.now || !sent.is_empty(), "a deadline in the past would never rest");
            self.now = self.now.max(deadline);
            sent.extend(self.happens(vec![ArbiterEvent::Tick]));
        }
        self.now = self.now.max(end);
        sent
    }

    /// Whether the arbiter has a duplicate of the listener.
    pub(super) fn has_listener(&self, text: &str) -> bool {
        self.arbiter.address(&address(text)).listener == ListenerState::Held
    }

    /// The pids that the state file lists as serving.
    pub(super) fn serving(&self, text: &str) -> Vec<u32> {
        let snapshot = self.arbiter.snapshot();
        let holders = snapshot.addresses.get(&address(text)).map(|record| record.holders.clone());
        let draining: Vec<u32> = snapshot
            .addresses
            .get(&address(text))
            .map(|record| record.draining.iter().map(|drain| drain.process.pid).collect())
            .unwrap_or_default();
        holders
            .unwrap_or_default()
            .into_iter()
            .filter(|holder| holder.serving && !draining.contains(&holder.process.pid))
            .map(|holder| holder.process.pid)
            .collect()
    }
}

/// Only what one client was sent.
pub(super) fn of(pid: u32, sent: &[(u32, Sent)]) -> Vec<Sent> {
    sent.iter().filter(|(who, _)| *who == pid).map(|(_, what)| what.clone()).collect()
}
