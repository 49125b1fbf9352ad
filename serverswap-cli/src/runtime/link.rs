//! The supervisor's connection to the arbiter, whichever process that is: also this one.
//!
//! Without a connection it tries the lock and then the socket: at once, when the directory
//! changes, and every 100 ms, because unlocking wakes nobody (N1). Whoever gets the lock
//! becomes the arbiter here. An arbiter that lives and does not greet is told of, never
//! taken over (DESIGN.md, section 5, rule 11).

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use serverswap::protocol::limits::HOLDING_PER_LINE_MAX;
use serverswap::protocol::line::Decoded;
use serverswap::protocol::message::{
    self, ClientInfo, Code, DecidedVerdict, Error, FromArbiter, FromClient, Hello, HoldingMore, Pong, Role,
    VERSION,
};
use serverswap::sys::channel::{Channel, Fill, connect};
use serverswap::sys::peer::credentials;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

use super::arbiter::until;
use super::arbiter_role::ArbiterRole;
use super::error_map;
use super::lookout::Lookout;
use super::owned::Owned;
use super::trace::{Side, TraceWriter};
use crate::state::Directory;
use crate::supervisor::{Plan, Request};
use crate::sys::async_fd::async_fd;
use crate::ui::SetupError;

/// How often the lock and the socket are tried without a connection.
const RETRY: Duration = Duration::from_millis(100);

/// How long an arbiter may take to greet, and then to welcome (SS-BACK-11).
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// What the connection brings.
pub(super) enum LinkEvent {
    /// The arbiter has said `welcome`.
    Linked,
    /// The connection has ended, and everything on it was read.
    Lost,
    /// The arbiter said `event`, perhaps with a duplicate of the listener.
    Told(message::Event, Option<OwnedFd>),
    /// The arbiter answered `timedOut`.
    Verdict(DecidedVerdict),
    /// The arbiter answered the last barrier.
    BarrierPassed,
    /// The arbiter lives, and does not greet or welcome.
    NotResponding { pid: u32 },
    /// The arbiter will not have us.
    Refused { code: Code, message: String },
    /// Neither the lock nor the socket can be had.
    Unreachable(io::Error),
}

/// The connection, or the way to one.
pub(super) struct Link {
    directory: Directory,
    plan: Plan,
    role: ArbiterRole,
    trace: TraceWriter,
    lookout: Lookout,
    state: State,
    /// Why the arbiter would not have us, the last time; cleared by its `welcome`.
    refusal: Option<Code>,
    id: u64,
}

enum State {
    /// No connection; when it is tried again.
    Down { retry_at: Instant },
    /// Connected, not greeted.
    Connected { wire: Wire, pid: u32, patience: Patience },
    /// Greeted, `hello` said.
    Greeted { wire: Wire, pid: u32, patience: Patience },
    /// Negotiated.
    Up { wire: Wire },
}

type Wire = AsyncFd<Channel<FromArbiter, FromClient>>;

/// Until when an answer of the arbiter is waited for without a word; `None` once it was told that
/// there is none.
#[derive(Clone, Copy)]
struct Patience {
    until: Option<Instant>,
}

impl Link {
    pub(super) fn new(directory: Directory, plan: Plan, role: ArbiterRole, trace: TraceWriter) -> Self {
        Link {
            directory,
            plan,
            role,
            trace,
            lookout: Lookout::default(),
            state: State::down(Instant::now()),
            refusal: None,
            id: 0,
        }
    }

    /// Waits until there is something to do. Nothing is lost when it is cancelled.
    pub(super) async fn ready(&self) {
        match &self.state {
            State::Down { retry_at } => {
                tokio::select! {
                    () = self.lookout.changed() => {}
                    () = until(Some(*retry_at)) => {}
                }
            }
            State::Connected { wire, patience, .. } | State::Greeted { wire, patience, .. } => {
                tokio::select! {
                    () = wire_ready(wire) => {}
                    () = until(patience.until) => {}
                }
            }
            State::Up { wire } => wire_ready(wire).await,
        }
    }

    /// Does what is to be done; never waits.
    pub(super) fn step(&mut self, owned: Owned<'_>) -> Vec<LinkEvent> {
        let mut events = Vec::new();
        match &mut self.state {
            State::Down { .. } => self.try_to_connect(&mut events),
            State::Connected { .. } | State::Greeted { .. } | State::Up { .. } => {}
        }
        self.receive(&owned, &mut events);
        self.flush();
        events
    }

    /// Sends a request of the supervisor; dropped without a connection.
    pub(super) fn say(&mut self, request: Request) {
        let State::Up { wire } = &mut self.state else {
            return;
        };
        self.id += 1;
        let id = self.id;
        wire.get_mut().send(&request.message(|| id), Vec::new());
        self.flush();
    }

    /// What it means that there was no `welcome` for too long.
    pub(super) fn no_answer(&self, directory: &Directory) -> SetupError {
        match &self.state {
            State::Connected { pid, .. } | State::Greeted { pid, .. } => {
                SetupError::ArbiterNotResponding { directory: directory.path().to_owned(), pid: *pid }
            }
            State::Down { .. } | State::Up { .. } => {
                error_map::unreachable(directory, &io::Error::from_raw_os_error(libc::ETIMEDOUT))
            }
        }
    }

    /// Whether this process is the arbiter.
    pub(super) fn is_in_office(&self) -> bool {
        self.role.is_held()
    }

    /// Gives up the arbiter's role, if this process has it, before the process ends.
    pub(super) async fn leave_office(&mut self) {
        self.role.give_up().await;
    }

    fn try_to_connect(&mut self, events: &mut Vec<LinkEvent>) {
        let mut found = self.look();
        if found.is_err() && !self.lookout.is_watching() {
            // Watch, then look again: what changes after that look wakes us.
            self.lookout.watch(self.directory.path());
            found = self.look();
        }
        match found {
            Ok(state) => {
                self.lookout.pause();
                self.state = state;
            }
            Err(error) => {
                self.state = State::down(Instant::now() + RETRY);
                if !is_expected(&error) {
                    events.push(LinkEvent::Unreachable(error));
                }
            }
        }
    }

    fn look(&mut self) -> io::Result<State> {
        self.lookout.forget_changes();
        self.role.try_acquire(&self.directory)?;
        self.connect()
    }

    fn connect(&self) -> io::Result<State> {
        let socket = connect(&self.directory.socket())?;
        let pid = credentials(&socket)?.pid;
        let wire = async_fd(Channel::new(socket).observed(self.trace.observer(Side::Client)))?;
        Ok(State::Connected { wire, pid, patience: Patience::new() })
    }

    fn receive(&mut self, owned: &Owned<'_>, events: &mut Vec<LinkEvent>) {
        loop {
            let Some(wire) = self.state.wire() else {
                return;
            };
            let filled = wire.get_mut().fill().unwrap_or(Fill::End);
            self.decode(owned, events);
            match filled {
                Fill::Data => {}
                Fill::WouldBlock => return self.lose_patience(events),
                Fill::End => return self.lose(events),
            }
        }
    }

    fn decode(&mut self, owned: &Owned<'_>, events: &mut Vec<LinkEvent>) {
        while let Some(wire) = self.state.wire() {
            match wire.get_mut().next() {
                Ok(None) => return,
                Ok(Some(Decoded::Ignored)) => {}
                Ok(Some(Decoded::Unknown { id, kind })) => self.answer_unknown(id, &kind),
                Ok(Some(Decoded::Message { message, fds })) => self.hear(message, fds, owned, events),
                Err(_) => return self.lose(events),
            }
        }
    }

    fn hear(
        &mut self,
        message: FromArbiter,
        mut fds: Vec<(String, OwnedFd)>,
        owned: &Owned<'_>,
        events: &mut Vec<LinkEvent>,
    ) {
        match message {
            FromArbiter::Greeting(_) => self.say_hello(owned),
            FromArbiter::Welcome(_) => {
                self.refusal = None;
                self.state = match std::mem::replace(&mut self.state, State::down(Instant::now())) {
                    State::Greeted { wire, .. } => State::Up { wire },
                    other @ (State::Down { .. } | State::Connected { .. } | State::Up { .. }) => other,
                };
                events.push(LinkEvent::Linked);
            }
            FromArbiter::Event(event) => events.push(LinkEvent::Told(event, fds.pop().map(|(_, fd)| fd))),
            FromArbiter::Verdict(verdict) => events.push(LinkEvent::Verdict(verdict.verdict)),
            FromArbiter::Ping(ping) => self.send(&FromClient::Pong(Pong { re: ping.id })),
            FromArbiter::Error(error) => {
                if error.fatal {
                    self.refused(error, events);
                }
            }
            FromArbiter::Pong(_) => events.push(LinkEvent::BarrierPassed),
            FromArbiter::Granted(_) | FromArbiter::Takedown(_) | FromArbiter::Progress(_) => {}
        }
    }

    /// It is tried again as if nobody had been there; what is wrong is told once.
    fn refused(&mut self, error: Error, events: &mut Vec<LinkEvent>) {
        if self.refusal.replace(error.code.clone()).as_ref() != Some(&error.code) {
            events.push(LinkEvent::Refused { code: error.code, message: error.message });
        }
        if matches!(self.state, State::Up { .. }) {
            events.push(LinkEvent::Lost);
        }
        self.state = State::down(Instant::now() + RETRY);
    }

    fn say_hello(&mut self, owned: &Owned<'_>) {
        self.state = match std::mem::replace(&mut self.state, State::down(Instant::now())) {
            State::Connected { wire, pid, .. } => State::Greeted { wire, pid, patience: Patience::new() },
            other @ (State::Down { .. } | State::Greeted { .. } | State::Up { .. }) => {
                return self.state = other;
            }
        };
        self.id = 1;
        let mut chunks = owned.holding.chunks(HOLDING_PER_LINE_MAX).peekable();
        let first = chunks.next().unwrap_or_default();
        let (fds, listeners) = owned.listeners(first);
        let hello = FromClient::Hello(Hello {
            id: self.id,
            version: VERSION,
            client: ClientInfo {
                name: "serverswap".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            role: Role::Supervisor,
            generation: Some(self.plan.generation),
            holding: first.to_vec(),
            draining: Vec::new(),
            more: chunks.peek().is_some(),
            form: Some(self.plan.form),
            timeouts: Some(self.plan.timeouts()),
            fds,
        });
        self.send_with(&hello, listeners);
        while let Some(chunk) = chunks.next() {
            let (fds, listeners) = owned.listeners(chunk);
            let more = chunks.peek().is_some();
            self.send_with(
                &FromClient::Holding(HoldingMore { holding: chunk.to_vec(), more, fds }),
                listeners,
            );
        }
    }

    fn answer_unknown(&mut self, id: u64, kind: &str) {
        let message = format!("version {VERSION} has no message `{kind}`");
        self.send(&FromClient::Error(Error { re: Some(id), code: Code::UnknownType, message, fatal: false }));
    }

    fn lose_patience(&mut self, events: &mut Vec<LinkEvent>) {
        let (State::Connected { patience, pid, .. } | State::Greeted { patience, pid, .. }) = &mut self.state
        else {
            return;
        };
        if patience.until.is_some_and(|until| until <= Instant::now()) {
            patience.until = None;
            events.push(LinkEvent::NotResponding { pid: *pid });
        }
    }

    fn lose(&mut self, events: &mut Vec<LinkEvent>) {
        match self.state {
            State::Down { .. } => return,
            State::Connected { .. } | State::Greeted { .. } => {}
            State::Up { .. } => events.push(LinkEvent::Lost),
        }
        self.state = State::down(Instant::now());
    }

    fn send(&mut self, message: &FromClient) {
        self.send_with(message, Vec::new());
    }

    fn send_with(&mut self, message: &FromClient, listeners: Vec<Arc<OwnedFd>>) {
        if let Some(wire) = self.state.wire() {
            wire.get_mut().send(message, listeners);
        }
    }

    /// A failed write needs no answer: the end of the connection is read next.
    fn flush(&mut self) {
        if let Some(wire) = self.state.wire() {
            let _ = wire.get_mut().flush();
        }
    }
}

impl Patience {
    fn new() -> Self {
        Patience { until: Some(Instant::now() + ANSWER_WAIT) }
    }
}

impl State {
    fn down(retry_at: Instant) -> Self {
        State::Down { retry_at }
    }

    fn wire(&mut self) -> Option<&mut Wire> {
        match self {
            State::Down { .. } => None,
            State::Connected { wire, .. } | State::Greeted { wire, .. } | State::Up { wire } => Some(wire),
        }
    }
}

/// Readable, or writable while something waits to be sent. Readiness is cleared here, and
/// every step reads until the socket has no more.
async fn wire_ready(wire: &Wire) {
    let interest = if wire.get_ref().wants_write() {
        Interest::READABLE | Interest::WRITABLE
    } else {
        Interest::READABLE
    };
    if let Ok(mut guard) = wire.ready(interest).await {
        guard.clear_ready();
    }
}

/// What no arbiter, a starting one or an ending one look like.
fn is_expected(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::WouldBlock
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
    )
}
