//! The arbiter's runtime: sockets, pidfds, time and the state file around the pure core.
//!
//! It decides nothing. Each connection, each process that is watched and the control socket are
//! tasks of this thread, which send an [`ArbiterInput`] over one bounded channel. Everything that waits in
//! it becomes one turn: the core handles it, the state is written, and only then is anything
//! sent (R1). An idle arbiter never wakes up.

mod bound;
mod listeners;
mod refusals;
mod storage;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serverswap::protocol::message::{Code, Role};
use serverswap::protocol::{Address, Generation};
use serverswap::sys::clock::monotonic;
use serverswap::sys::listener::SocketOwner;
use serverswap::sys::process::{self, Process};
use serverswap::sys::watch::DirectoryWatch;
use storage::Storage;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use super::bound_addresses::BoundAddresses;
use super::clients::{Admission, Clients};
use super::connection::{ReadAhead, ReceivedItem};
use super::directory_lease::{DirectoryLease, LeaseState};
use super::listener_store::ListenerStore;
use super::look_thread::LookThread;
use super::owner_lookup::OwnerLookups;
use super::process_table::ProcessTable;
use super::readiness_lookup::{ReadinessLookups, Socket};
use super::reload_socket;
use super::remains_lookup::RemainsLookups;
use super::stop_signal::Origin;
use super::trace::TraceWriter;
use crate::arbiter::{
    Arbiter, ArbiterAction, ArbiterEvent, ArbiterLimits, Changed, ClientHello, ConnectionId, Remains,
    TerminationSignal, Turn,
};
use crate::history::ArbiterHistory;
use crate::replay::{FORMAT, StartRecord, nanos};
use crate::state::{Directory, Journal, Lock};
use crate::ui::Report;

/// How long after a state file that could not be written it is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// Most inputs that wait for the arbiter; whoever has one more waits with it.
const INBOX_MAX: usize = 1024;

/// Most inputs of one turn.
const INPUTS_PER_TURN: usize = 256;

/// Most events that wait for a state file that cannot be written. With more, nothing is received
/// until it can be, or until what waits is refused.
const DEFERRED_MAX: usize = 16_384;

/// How long nothing is under way before an arbiter ends that serves only while it is needed. The workers of a
/// server come one after the other.
const REST: Duration = Duration::from_secs(2);

/// For how long an arbiter serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tenure {
    /// For as long as its process has something else to do.
    UntilStopped,
    /// Until nothing has been under way for a while.
    WhileNeeded,
    /// Not at all.
    Never,
}

/// What the tasks around the arbiter send it.
pub(super) enum ArbiterInput {
    /// A client has connected.
    Connected(UnixStream),
    /// A client has sent something.
    Received { link: ConnectionId, received: Vec<ReceivedItem>, read_ahead: Option<ReadAhead> },
    /// Everything was sent on a connection from which nothing more is read.
    Sent { link: ConnectionId },
    /// A process has exited: its pidfd has fired.
    Exited(Process),
    /// The same of the last server of a generation, whose other processes were looked for.
    Ended { process: Process, remains: Vec<(Process, OwnedFd)> },
    /// Servers are sent a signal, and have so many connections open if that could be found out.
    Signalled { signal: TerminationSignal, connections: Vec<(Process, Option<u64>)> },
    /// The signal was sent to the processes of a generation.
    SignalSent { generation: Generation, signal: TerminationSignal },
    /// Which process has the address that could not be opened, if that could be found out.
    OwnerFound { address: Address, owner: Option<SocketOwner> },
    /// The same of an address that a server claims, to bind it.
    BindOwnerFound { link: ConnectionId, address: Address, owner: Option<SocketOwner> },
    /// Of the servers of a generation for which nobody speaks, these wait for connections.
    Looked { generation: Generation, listening: Vec<Socket> },
    /// A server that said `serving` for an address that it bound itself listens there.
    Listens { link: ConnectionId, address: Address },
    /// It does not, and has had the time; who has the address.
    DoesNotListen { link: ConnectionId, address: Address, owner: Option<SocketOwner> },
}

/// An event of the core's, and the read that it came with.
struct Pending {
    event: ArbiterEvent,
    _read_ahead: Option<ReadAhead>,
}

/// The one arbiter of a directory, for as long as this process has the lock.
pub(super) struct ArbiterRuntime {
    core: Arbiter,
    directory: Directory,
    journal: Journal,
    inbox: mpsc::Receiver<ArbiterInput>,
    clients: Clients,
    processes: ProcessTable,
    owners: OwnerLookups,
    bound: BoundAddresses,
    remains: RemainsLookups,
    readiness: ReadinessLookups,
    looks: LookThread,
    listeners: BTreeMap<Address, Arc<OwnedFd>>,
    /// Those that a service manager has for this process.
    store: Option<Rc<ListenerStore>>,
    /// Listeners that were opened or fetched for an event that the core has not taken in yet.
    found: Vec<(Address, Arc<OwnedFd>)>,
    /// What the core asked in its last turn, answered.
    answers: Vec<Pending>,
    storage: Storage,
    /// Events whose turn could not be written yet.
    deferred: Vec<Pending>,
    lease: DirectoryLease,
    lease_state: LeaseState,
    tenure: Tenure,
    /// When something was under way the last time.
    last_busy: Instant,
    trace: TraceWriter,
    history: ArbiterHistory,
    report: Rc<dyn Fn(Report)>,
}

/// The servers of each generation that a turn signals, with their addresses.
type Signals = BTreeMap<(Generation, TerminationSignal), Vec<(Process, Vec<Address>)>>;

impl ArbiterRuntime {
    /// Reads the state and opens the control socket.
    ///
    /// # Errors
    /// The socket cannot be bound, or `/proc` cannot be read.
    pub(super) fn start(
        directory: Directory,
        lock: Lock,
        watch: Option<DirectoryWatch>,
        tenure: Tenure,
        report: Rc<dyn Fn(Report)>,
        trace: TraceWriter,
        store: Option<Rc<ListenerStore>>,
    ) -> io::Result<Self> {
        let (sender, inbox) = mpsc::channel(INBOX_MAX);
        let header = super::recovery::header()?;
        let snapshot = super::recovery::snapshot(&directory, &header, &*report)?;
        let looks = LookThread::default();
        let mut processes = ProcessTable::new(looks.clone(), sender.clone());
        let alive = processes.watch_all(snapshot.processes())?;
        let without_servers = snapshot.generations_without_servers(&alive).into_iter();
        let without_servers = without_servers.map(|generation| (generation, Vec::new())).collect();
        let remains = process::members_of_each(&without_servers)?;
        let remains =
            remains.into_iter().map(|(generation, members)| (generation, processes.watch_found(members)));
        let remains: Remains = remains.collect();
        let now = monotonic();
        let core = Arbiter::recover(ArbiterLimits::default(), &snapshot, &alive, &remains, now);
        trace.start(|| StartRecord {
            format: FORMAT,
            build: env!("CARGO_PKG_VERSION").to_owned(),
            now_nanos: nanos(now),
            state: snapshot.clone(),
            alive: alive.clone(),
            remains: remains.clone(),
        });
        let lease = DirectoryLease::acquire(directory.clone(), lock, watch, sender.clone())?;
        reload_socket::remove_left_by_the_dead(&directory);
        let owners = OwnerLookups::new(sender.clone());
        let history = ArbiterHistory::begin(directory.path(), &snapshot, &alive);
        Ok(ArbiterRuntime {
            core,
            journal: Journal::new(directory.state(), header),
            directory,
            inbox,
            clients: Clients::new(trace.clone(), sender.clone()),
            processes,
            bound: BoundAddresses::new(owners.threads(), sender.clone()),
            owners,
            remains: RemainsLookups::new(looks.clone(), sender.clone()),
            readiness: ReadinessLookups::new(looks.clone(), sender),
            looks,
            listeners: BTreeMap::new(),
            store,
            found: Vec::new(),
            answers: Vec::new(),
            storage: Storage::Writable,
            deferred: Vec::new(),
            lease,
            lease_state: LeaseState::Held,
            tenure,
            last_busy: Instant::now(),
            trace,
            history,
            report,
        })
    }

    /// Serves until it is to stop, or another arbiter has the directory. Then the control socket is
    /// closed, the lock released, and every connection closed: a client that connects again finds the
    /// next arbiter.
    pub(super) async fn run(mut self, stop: oneshot::Receiver<()>) {
        self.serve(stop).await;
        let looks = self.looks.clone();
        let (history, report) = (self.history.clone(), Rc::clone(&self.report));
        self.close().await;
        // Whoever is to be signalled is.
        looks.finish().await;
        if let Some(problem) = history.finish().await {
            report(problem);
        }
    }

    /// Connections that were not greeted yet wait in the inbox: they are closed with the others, when this returns.
    async fn close(self) {
        let ArbiterRuntime { clients, lease, .. } = self;
        drop(lease);
        clients.close_all().await;
    }

    async fn serve(&mut self, mut stop: oneshot::Receiver<()>) {
        let mut inputs = Vec::new();
        while self.lease_state != LeaseState::Lost {
            let deadline = self.deadline();
            let ends_at = self.ends_at();
            let has_room = self.deferred.len() < DEFERRED_MAX;
            tokio::select! {
                _ = self.inbox.recv_many(&mut inputs, INPUTS_PER_TURN), if has_room => {
                    self.handle(inputs.drain(..));
                }
                () = self.lease.deletion() => self.after_deletion(),
                () = until(deadline) => self.turn(vec![ArbiterEvent::Tick.into()]),
                () = until(ends_at) => return,
                _ = &mut stop => return,
            }
            // What has become readable meanwhile is in the next turn, however fast one client sends.
            yield_now().await;
        }
    }

    fn handle(&mut self, inputs: impl Iterator<Item = ArbiterInput>) {
        let mut events = Vec::new();
        for input in inputs {
            match input {
                ArbiterInput::Connected(stream) => {
                    let admission = self
                        .clients
                        .greet(stream, &mut self.processes, &self.core, |user| self.lease.allows(user));
                    if admission == Admission::Refused(Code::OtherPidNamespace) {
                        self.make_way();
                    }
                }
                ArbiterInput::Received { link, received, read_ahead } => {
                    self.receive(link, received, read_ahead.as_ref(), &mut events);
                }
                ArbiterInput::Sent { link } => self.clients.sent(link),
                ArbiterInput::Exited(process) => self.on_process_exit(process, &mut events),
                ArbiterInput::Ended { process, remains } => {
                    let remains = self.processes.watch_found(remains);
                    events.push(ArbiterEvent::Gone { process, remains }.into());
                }
                ArbiterInput::Signalled { signal, connections } => {
                    for (process, connections) in connections {
                        self.processes.was_signalled(process);
                        events.push(ArbiterEvent::Signalled { process, signal, connections }.into());
                        self.on_process_exit(process, &mut events);
                    }
                }
                ArbiterInput::SignalSent { generation, signal } => {
                    events.push(ArbiterEvent::SignalSent { generation, signal }.into());
                }
                ArbiterInput::OwnerFound { address, owner } => {
                    events.push(self.in_use(address, owner).into())
                }
                ArbiterInput::BindOwnerFound { link, address, owner } => {
                    events.extend(self.claim_looked_into(link, &address, owner).map(Pending::from));
                }
                ArbiterInput::Looked { generation, listening } => {
                    events.push(self.listening(generation, listening).into());
                }
                ArbiterInput::Listens { link, address } => {
                    events.extend(self.serves(link, address).map(Pending::from))
                }
                ArbiterInput::DoesNotListen { link, address, owner } => {
                    self.report_not_listening(link, &address, owner)
                }
            }
        }
        self.turn(events);
    }

    fn receive(
        &mut self,
        link: ConnectionId,
        received: Vec<ReceivedItem>,
        read_ahead: Option<&ReadAhead>,
        events: &mut Vec<Pending>,
    ) {
        let process = self.clients.process_of(link);
        let mut received = received.into_iter().peekable();
        while let Some(one) = received.next() {
            let event = self.clients.event(link, one, &mut self.processes, &self.core);
            let event = event.and_then(|event| self.checked(event));
            let is_hello = matches!(event, Some(ArbiterEvent::Hello(_)));
            if let Some(ArbiterEvent::Hello(hello)) = &event {
                self.reserve_before(hello);
            }
            events.extend(event.map(|event| Pending { event, _read_ahead: read_ahead.cloned() }));
            // What comes right behind is looked at when the core knows the client, and answered after its `welcome`.
            if is_hello && received.peek().is_some() {
                self.turn(std::mem::take(events));
            }
        }
        if let Some(process) = process
            && self.clients.process_of(link).is_none()
        {
            self.on_process_exit(process, events);
        }
    }

    /// A process that this one does not see may be one that sees everybody, and has reserved the lock.
    fn make_way(&mut self) {
        if self.lease.is_reserved_for_others() {
            self.lease_state = LeaseState::Lost;
            (self.report)(Report::MakesWay { directory: self.directory.path().to_owned() });
        }
    }

    /// A supervisor in an inner pid namespace is not to be the next arbiter.
    fn reserve_before(&self, hello: &ClientHello) {
        let is_inner = || process::numbers(hello.process.pid).is_ok_and(|numbers| numbers.len() > 1);
        if hello.role == Role::Supervisor && is_inner() {
            self.lease.reserve();
        }
    }

    /// A process counts as gone when its pidfd has fired and what it had sent was read (R4), and what a signal
    /// has cut off was counted.
    fn on_process_exit(&mut self, process: Process, events: &mut Vec<Pending>) {
        if self.processes.has_exited(process) && self.clients.read_the_rest_of(process) {
            self.clients.remove_all_of(process);
            if let Some((generation, addresses)) = self.core.serves_alone(process) {
                self.history.crashed(process, generation, addresses);
            }
            let generations = self.core.generations_of_supervisor(process);
            reload_socket::remove_left_by(process.pid, &generations, &self.directory);
            self.history.supervisor_gone(generations);
            self.bound.retain(|link| self.clients.process_of(link).is_some());
            let process_group = self.processes.forget(process);
            let process_group =
                process_group.filter(|_| self.origin_of([process].into_iter()) == Origin::Generation);
            match self.core.last_of_generation(process, |other| self.processes.is_watched(other)) {
                Some(generation) => self.remains.start(process, generation, process_group),
                None => events.push(ArbiterEvent::Gone { process, remains: BTreeSet::new() }.into()),
            }
        }
    }

    /// Somebody has deleted something in the directory: what is missing is written again.
    fn after_deletion(&mut self) {
        let written = self.renew_lease().and_then(|()| match self.lease_state {
            LeaseState::Held | LeaseState::Reacquired => self.journal.rewrite(self.core.snapshot()),
            LeaseState::Lost => Ok(()),
        });
        if let Err(error) = written {
            self.report_not_written(&error);
        }
    }

    /// One turn, and another one for each answer to what the core asked in it.
    fn turn(&mut self, mut events: Vec<Pending>) {
        loop {
            self.decide(events);
            events = std::mem::take(&mut self.answers);
            if events.is_empty() {
                return self.flush();
            }
        }
    }

    fn decide(&mut self, events: Vec<Pending>) {
        let mut pending = std::mem::take(&mut self.deferred);
        pending.extend(events);
        let mut next = self.core.clone();
        let now = monotonic();
        let mut turn = Turn::new(now);
        next.handle(pending.iter().map(|pending| pending.event.clone()), &mut turn);
        // The first turn is written in any case: the file names the arbiter.
        let is_to_write = turn.state_changed() == Changed::State || !self.journal.is_begun();
        if is_to_write
            && !pending.is_empty()
            && let Err(error) = self.write(&next, turn.changes())
        {
            return self.defer(pending, &error);
        }
        if self.lease_state == LeaseState::Lost {
            return;
        }
        self.core = next;
        self.trace.turn(now, pending.iter().map(|pending| &pending.event), &turn.actions);
        self.perform(turn.actions);
    }

    /// Sends what can be sent. A client that does not read is closed, and its end is an event
    /// like any other; every turn of this kind has fewer clients, so there is a last one.
    fn flush(&mut self) {
        let unread = self.clients.flush();
        if !unread.is_empty() {
            self.turn(unread.into_iter().map(|link| ArbiterEvent::Disconnected { link }.into()).collect());
        }
    }

    /// In order: a listener is kept before it is sent. Those that came with the events of the turn and are
    /// not kept are closed.
    fn perform(&mut self, actions: Vec<ArbiterAction>) {
        let mut offered = BTreeMap::new();
        for (address, listener) in self.clients.take_offered().into_iter().chain(self.found.drain(..)) {
            offered.entry(address).or_insert(listener);
        }
        let mut signals = Signals::new();
        for action in actions {
            match action {
                ArbiterAction::Send { link, message, listener } => {
                    let listener = listener.and_then(|address| self.listeners.get(&address).cloned());
                    self.clients.send(link, &message, listener);
                }
                ArbiterAction::Disconnect { link } => self.clients.close_after_sending(link),
                ArbiterAction::KeepListener { address } => {
                    if let Some(listener) = offered.remove(&address) {
                        self.listeners.insert(address, listener);
                    }
                }
                ArbiterAction::CloseListener { address } => self.close_listener(&address),
                ArbiterAction::Signal { process, generation, signal, addresses } => {
                    signals.entry((generation, signal)).or_default().push((process, addresses));
                }
                ArbiterAction::SignalGeneration { generation, signal } => {
                    signals.entry((generation, signal)).or_default();
                }
                ArbiterAction::Open { address } => self.open(address),
                ArbiterAction::Fetch { process, address } => self.fetch(process, address),
                ArbiterAction::Look { generation, servers } => self.look(generation, servers),
                ArbiterAction::Poll { process, address } => {
                    let liveness = self.processes.liveness(process);
                    self.answers.push(ArbiterEvent::Polled { process, address, liveness }.into());
                }
            }
        }
        // The whole generation gets the signal once, also if several of its servers are due.
        for ((generation, signal), servers) in signals {
            let origin = self.origin_of(servers.iter().map(|(process, _)| *process));
            let is_helper = |process| self.core.is_helper(process);
            let user = self.clients.user_of(generation);
            self.processes.signal_generation(generation, signal, origin, user, servers, is_helper);
        }
    }

    /// Who has started the servers of a generation.
    fn origin_of(&self, mut servers: impl Iterator<Item = Process>) -> Origin {
        match servers.any(|server| self.core.stand_in_of(server).is_some_and(|stand_in| stand_in.adopted)) {
            true => Origin::Foreign,
            false => Origin::Generation,
        }
    }

    /// When it ends if nothing happens.
    fn ends_at(&mut self) -> Option<Instant> {
        match self.tenure {
            Tenure::UntilStopped | Tenure::Never => None,
            Tenure::WhileNeeded if self.core.is_at_rest() && self.deferred.is_empty() => {
                Some(self.last_busy + REST)
            }
            Tenure::WhileNeeded => {
                self.last_busy = Instant::now();
                None
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let core = self.core.deadline().map(|at| at.saturating_sub(monotonic()));
        let (core, retry) = match self.storage {
            Storage::Writable => (core, None),
            // What is overdue is not tried again and again.
            Storage::Failing => {
                (core.map(|wait| wait.max(RETRY)), (!self.deferred.is_empty()).then_some(RETRY))
            }
        };
        core.into_iter().chain(retry).min().map(|wait| Instant::now() + wait)
    }
}

impl From<ArbiterEvent> for Pending {
    /// An event that came with no read.
    fn from(event: ArbiterEvent) -> Self {
        Pending { event, _read_ahead: None }
    }
}

/// Waits until a moment; for ever if there is none.
pub(super) async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tokio::io::AsyncReadExt;
    use tokio::task::LocalSet;

    use super::*;
    use crate::state::Candidate;

    async fn an_arbiter(directory: &tempfile::TempDir) -> ArbiterRuntime {
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(directory.path(), private).expect("it is ours");
        let directory = Directory::prepare(directory.path()).expect("it is ours");
        let lock = Lock::try_take(&directory.lock(), Candidate::Supervisor).expect("nobody has it");
        let report = Rc::new(|_| {});
        let trace = TraceWriter::default();
        ArbiterRuntime::start(directory, lock, None, Tenure::UntilStopped, report, trace, None)
            .expect("an arbiter")
    }

    #[tokio::test]
    async fn an_arbiter_that_ends_closes_what_it_has_not_greeted_before_it_has_finished_its_looks() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let test = async {
            let arbiter = an_arbiter(&directory).await;
            let socket = arbiter.directory.socket();
            let mut client = UnixStream::connect(&socket).await.expect("it listens");
            while arbiter.inbox.is_empty() {
                yield_now().await;
            }
            let (go, wait) = std::sync::mpsc::channel::<()>();
            drop(arbiter.looks.run(move || wait.recv()));
            let (stop, stopped) = oneshot::channel();
            stop.send(()).expect("it is there");
            // Whether it greets what waits is left to chance.
            let ends = tokio::task::spawn_local(arbiter.run(stopped));
            client.read_to_end(&mut Vec::new()).await.expect("it is closed");
            assert!(!ends.is_finished());
            go.send(()).expect("a look waits");
            ends.await.expect("it ends");
        };
        LocalSet::new().run_until(test).await;
    }
}
