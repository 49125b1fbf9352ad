//! The arbiter's driver: sockets, pidfds, time and the state file around the pure core.
//!
//! It decides nothing. Everything that is ready at once becomes one turn: the core handles
//! it, the state is written, and only then is anything sent (DESIGN.md, section 5, rule 1).
//! One epoll instance holds every connection and pidfd, so an idle arbiter never wakes up.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use serverswap::protocol::Address;
use serverswap::protocol::message::{Code, Error, FromArbiter, FromClient};
use serverswap::sys::clock::boottime_micros;
use serverswap::sys::listener::{self, OpenError, Owner};
use serverswap::sys::process::Process;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep_until};

use super::barriers;
use super::clients::Clients;
use super::place::{Place, Standing};
use super::poller::{Poller, Token};
use super::recorder::Recorder;
use super::watched::Watched;
use crate::arbiter::{Action, Arbiter, Changed, Changes, Event, Fetched, Limits, Signal, Turn};
use crate::state::{Directory, Journal, Lock, Update};
use crate::sys::async_fd::async_fd;
use crate::sys::descriptors;
use crate::ui::Report;

/// How long after a state file that could not be written, or a connection that could not be
/// accepted, it is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// Most connections accepted in a turn, so that a crowd at the door keeps nobody waiting.
const ACCEPTS_PER_TURN: usize = 64;

/// The one arbiter of a directory, for as long as this process has the lock.
pub(super) struct ArbiterDriver {
    core: Arbiter,
    directory: Directory,
    journal: Journal,
    poller: AsyncFd<Poller>,
    place: Place,
    standing: Standing,
    clients: Clients,
    watched: Watched,
    listeners: BTreeMap<Address, Arc<OwnedFd>>,
    /// Events whose turn could not be written yet.
    unwritten: Vec<Event>,
    report: Rc<dyn Fn(Report)>,
}

/// What the driver found out for the core within a turn.
#[derive(Default)]
struct Found {
    listeners: BTreeMap<Address, Arc<OwnedFd>>,
}

impl ArbiterDriver {
    /// Takes office: reads the state and opens the door.
    ///
    /// # Errors
    /// The socket cannot be bound, or the kernel gives no epoll instance.
    pub(super) fn start(
        directory: Directory,
        lock: Lock,
        watch_at: Option<OwnedFd>,
        report: Rc<dyn Fn(Report)>,
        recorder: Recorder,
    ) -> io::Result<Self> {
        let poller = Poller::new()?;
        let header = super::recovery::header()?;
        let snapshot = super::recovery::snapshot(&directory, &header, &*report)?;
        let mut watched = Watched::default();
        let alive = watched.watch_all(snapshot.processes(), &poller)?;
        let core = Arbiter::recover(Limits::default(), &snapshot, &alive, now());
        let place = Place::take(directory.clone(), lock, watch_at, &poller)?;
        Ok(ArbiterDriver {
            core,
            journal: Journal::new(directory.state(), header),
            directory,
            poller: async_fd(poller)?,
            place,
            standing: Standing::Kept,
            clients: Clients::new(recorder),
            watched,
            listeners: BTreeMap::new(),
            unwritten: Vec::new(),
            report,
        })
    }

    /// Serves until the process exits, or another arbiter has the directory.
    pub(super) async fn run(mut self) {
        while self.standing != Standing::Lost {
            let deadline = self.deadline();
            tokio::select! {
                tokens = ready(&self.poller) => self.wake(tokens),
                () = until(deadline) => self.retry(),
            }
        }
    }

    fn wake(&mut self, tokens: Vec<Token>) {
        let mut events = Vec::new();
        for token in tokens {
            match token {
                Token::Door => self.accept(),
                Token::Client(link) => {
                    self.clients.receive(link, &self.watched, &mut events);
                }
                Token::Process(process) => self.bury(process, &mut events),
                Token::Directory => self.after_deletion(),
            }
        }
        self.turn(events);
    }

    fn retry(&mut self) {
        self.place.door().reopen(self.poller.get_ref());
        self.turn(vec![Event::Tick]);
    }

    fn accept(&mut self) {
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(socket) = self.place.door().accept(self.poller.get_ref()) else {
                return;
            };
            self.clients.greet(socket, &mut self.watched, self.poller.get_ref());
        }
    }

    /// A process has ended: what it had said is read before it counts as gone (rule 4).
    fn bury(&mut self, process: Process, events: &mut Vec<Event>) {
        for link in self.clients.links_of(process) {
            self.clients.receive_rest(link, &self.watched, events);
            self.clients.remove(link, self.poller.get_ref());
        }
        self.watched.forget_pidfd(process, self.poller.get_ref());
        events.push(Event::Gone { process });
    }

    /// Somebody has deleted something here: what is missing is written again.
    fn after_deletion(&mut self) {
        self.place.forget_deletions();
        let state = self.core.snapshot();
        let written = self.hold_directory().and_then(|()| match self.standing {
            Standing::Kept | Standing::Regained => self.journal.rewrite(state),
            Standing::Lost => Ok(()),
        });
        if let Err(error) = written {
            (self.report)(Report::StateNotWritten {
                path: self.directory.state(),
                problem: error.to_string(),
            });
        }
    }

    fn turn(&mut self, events: Vec<Event>) {
        let events = if self.unwritten.is_empty() { events } else { self.after_unwritten(events) };
        let mut next = self.core.clone();
        let mut turn = Turn::new(now());
        let mut found = Found::default();
        next.handle(events.iter().cloned(), &mut turn);
        self.look_up(&mut next, &mut turn, &mut found);
        if turn.state_changed() == Changed::State
            && let Err(error) = self.write(&next, turn.changes())
        {
            return self.put_off(events, &error);
        }
        if self.standing == Standing::Lost {
            return;
        }
        self.core = next;
        self.keep_listeners(found);
        self.perform(barriers::last(turn.actions));
        self.settle();
    }

    /// Sends what can be sent. A client that does not read is closed, and its end is an event
    /// like any other; every turn of this kind has fewer clients, so there is a last one.
    fn settle(&mut self) {
        let unread = self.clients.settle(self.poller.get_ref());
        if !unread.is_empty() {
            self.turn(unread.into_iter().map(|link| Event::Unlinked { link }).collect());
        }
    }

    /// Answers what the core asks within the turn, until it asks no more.
    fn look_up(&self, next: &mut Arbiter, turn: &mut Turn, found: &mut Found) {
        loop {
            let mut answers = Vec::new();
            for action in std::mem::take(&mut turn.actions) {
                match action {
                    Action::Open { address } => answers.push(self.open(address, found)),
                    Action::Fetch { process, address } => answers.push(self.fetch(process, address, found)),
                    Action::Poll { process, address } => {
                        let liveness = self.watched.liveness(process);
                        answers.push(Event::Polled { process, address, liveness });
                    }
                    Action::Send { .. }
                    | Action::Disconnect { .. }
                    | Action::CloseListener { .. }
                    | Action::Signal { .. } => turn.actions.push(action),
                }
            }
            if answers.is_empty() {
                return;
            }
            next.handle(answers, turn);
        }
    }

    fn open(&self, address: Address, found: &mut Found) -> Event {
        match listener::open(&address) {
            Ok(fd) if descriptors::is_reserved(&fd) => {
                let message = "the arbiter has no descriptor left for another listener".to_owned();
                Event::Opened { address, result: Err((Code::Exhausted, message)) }
            }
            Ok(fd) => {
                found.listeners.insert(address.clone(), Arc::new(fd));
                Event::Opened { address, result: Ok(()) }
            }
            Err(OpenError::InUse { owner: Some(owner), .. }) if self.is_one_of_ours(&owner) => {
                let pid = owner.pid;
                let program = owner.program.unwrap_or_default();
                let message = format!(
                    "`{address}` is held by pid {pid} (`{program}`), a server of this directory that is \
                     not connected to its arbiter"
                );
                Event::HeldByAbsent { address, message }
            }
            Err(error) => Event::Opened { address, result: Err((error.code(), error.to_string())) },
        }
    }

    fn is_one_of_ours(&self, owner: &Owner) -> bool {
        owner.serverswap_dir.as_deref() == Some(self.directory.path())
    }

    fn fetch(&self, process: Process, address: Address, found: &mut Found) -> Event {
        let pidfd = self.watched.pidfd(process);
        let fetched = match pidfd.map(|pidfd| listener::fetch(process, pidfd, &address)) {
            Some(Ok(Some(fd))) => {
                found.listeners.insert(address.clone(), Arc::new(fd));
                Fetched::Found
            }
            Some(Ok(None)) | None => Fetched::Absent,
            Some(Err(_)) => Fetched::Refused,
        };
        Event::Fetched { process, address, found: fetched }
    }

    /// Writes nothing where another arbiter's state is by now.
    fn write(&mut self, next: &Arbiter, changes: &Changes) -> io::Result<()> {
        self.hold_directory()?;
        match self.standing {
            Standing::Kept | Standing::Regained => {
                self.journal.write(&update(next, changes), || next.snapshot())
            }
            Standing::Lost => Ok(()),
        }
    }

    fn hold_directory(&mut self) -> io::Result<()> {
        self.standing = self.place.hold(self.poller.get_ref())?;
        let directory = self.directory.path().to_owned();
        match self.standing {
            Standing::Kept => {}
            Standing::Regained => (self.report)(Report::DirectoryRemade { directory }),
            Standing::Lost => (self.report)(Report::DirectoryLost { directory }),
        }
        Ok(())
    }

    /// Nothing was decided: claims are refused, everything else waits until it can be written.
    fn put_off(&mut self, events: Vec<Event>, error: &io::Error) {
        if self.unwritten.is_empty() {
            (self.report)(Report::StateNotWritten {
                path: self.directory.state(),
                problem: error.to_string(),
            });
        }
        self.unwritten.clear();
        for event in events {
            match event {
                Event::Said { link, message: FromClient::ReadyFor(claim), .. } => {
                    let message = format!("the arbiter cannot write its state: {error}");
                    let refusal =
                        Error { re: Some(claim.id), code: Code::StateNotWritten, message, fatal: false };
                    self.clients.send(link, &FromArbiter::Error(refusal), None);
                }
                Event::Arrived(arrival) if arrival.is_of_a_new_deploy() => {
                    let message = format!("the arbiter cannot write its state: {error}");
                    let refusal = Error { re: None, code: Code::StateNotWritten, message, fatal: true };
                    self.clients.send(arrival.link, &FromArbiter::Error(refusal), None);
                    self.clients.close_after_sending(arrival.link);
                }
                Event::Tick => {}
                Event::Arrived(_)
                | Event::Said { .. }
                | Event::Unlinked { .. }
                | Event::Gone { .. }
                | Event::Opened { .. }
                | Event::HeldByAbsent { .. }
                | Event::Fetched { .. }
                | Event::Polled { .. } => self.unwritten.push(event),
            }
        }
        self.settle();
    }

    fn after_unwritten(&mut self, events: Vec<Event>) -> Vec<Event> {
        let mut all = std::mem::take(&mut self.unwritten);
        all.extend(events);
        all
    }

    /// Listeners that came with a `hello` or were found in the turn, where the core wants one.
    fn keep_listeners(&mut self, found: Found) {
        let offered = self.clients.take_offered();
        for (address, listener) in found.listeners.into_iter().chain(offered) {
            if self.core.has_listener(&address) {
                self.listeners.entry(address).or_insert(listener);
            }
        }
    }

    fn perform(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send { link, message, listener } => {
                    let listener = listener.and_then(|address| self.listeners.get(&address).cloned());
                    self.clients.send(link, &message, listener);
                }
                Action::Disconnect { link } => self.clients.close_after_sending(link),
                Action::CloseListener { address } => self.close_listener(&address),
                Action::Signal { process, generation, signal } => {
                    let signal = match signal {
                        Signal::Term => serverswap::sys::process::Signal::SIGTERM,
                        Signal::Kill => serverswap::sys::process::Signal::SIGKILL,
                    };
                    self.watched.signal_group(process, &generation.to_string(), signal);
                }
                Action::Open { .. } | Action::Fetch { .. } | Action::Poll { .. } => {
                    debug_assert!(false, "answered within the turn");
                }
            }
        }
    }

    fn close_listener(&mut self, address: &Address) {
        self.listeners.remove(address);
        match address {
            Address::Unix(path) => {
                // Somebody else may serve the path by now: then it is not stale and stays.
                let _ = listener::remove_stale(path);
            }
            Address::Tcp(_) | Address::Udp(_) | Address::Name(_) => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let core = self.core.deadline().map(|at| at.saturating_sub(now()));
        let is_waiting = !self.unwritten.is_empty() || self.place.is_shut();
        let retry = is_waiting.then_some(RETRY);
        core.into_iter().chain(retry).min().map(|wait| Instant::now() + wait)
    }
}

/// The records that a turn has changed, as they are now.
fn update(core: &Arbiter, changes: &Changes) -> Update {
    let address = |address: &Address| (address.clone(), core.address_record(address));
    Update {
        generations: changes.generations.iter().map(|one| (*one, core.generation_record(*one))).collect(),
        addresses: changes.addresses.iter().map(address).collect(),
        pending_events: (changes.pending_events == Changed::State).then(|| core.pending_events()),
        unrecorded: (changes.unrecorded == Changed::State).then(|| core.unrecorded_processes()),
    }
}

/// Waits for, and takes, everything that is ready.
async fn ready(poller: &AsyncFd<Poller>) -> Vec<Token> {
    loop {
        let Ok(mut guard) = poller.readable().await else {
            return Vec::new();
        };
        let tokens = poller.get_ref().ready();
        if tokens.is_empty() {
            guard.clear_ready();
        } else {
            return tokens;
        }
    }
}

/// Waits until a moment; for ever if there is none.
pub(super) async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// The `now` of the core: time since boot.
fn now() -> Duration {
    Duration::from_micros(boottime_micros())
}
