//! The driver of a [`Session`]: it owns the socket to the arbiter, finds it again when it is
//! lost, and is one descriptor to wait for.
//!
//! It deliberately never waits: whoever uses it polls its descriptor, calls
//! [`Connection::process`] when that is readable, and takes the events. [`crate::Client`] is
//! the blocking client made of it, `crate::aio` the one for tokio; the Node and Python
//! packages put it into their own event loops.

mod arbiter_program;
mod environment;
mod poll;
pub mod transport;
mod wire;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serverswap_protocol::message::{ClientInfo, Code};
use serverswap_protocol::{Address, Generation};

pub use environment::{
    ABSTRACT_SOCKET_VARIABLE, ARBITER_VARIABLE, ConnectError, Environment, GENERATION_VARIABLE,
    SOCKET_VARIABLE, Supervision,
};

use crate::session::{
    self, Call, CallError, ConnectTimeouts, Identity, Refusal, Session, SessionAction, SessionInput, StandIn,
};
use crate::sys::wait::wait_readable;
use crate::sys::{clock, listener};
use arbiter_program::ArbiterProgram;
use transport::SharedListener;
use wire::{ArbiterSocket, Wire};

/// Something that the server is to act on; a listener is a descriptor of its own.
pub type Event = session::ServerEvent<OwnedFd>;

/// How long `fail` waits for an arbiter that does not answer: as long as a client waits for a
/// greeting.
pub const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// The connection of one process to its arbiter, whoever that is at the moment.
///
/// One a process: a second one displaces the first. After every call, and after
/// [`Self::process`] in particular, take the events until there is none. Events that a call
/// brought about make the descriptor readable, so that whoever waits for it takes them.
#[derive(Debug)]
pub struct Connection {
    session: Session<SharedListener>,
    wire: Wire,
    generation: Option<Generation>,
    arbiter: Option<ArbiterProgram>,
    sent: Sent,
    /// The process that it belongs to.
    pid: u32,
}

/// Whether the calls were sent, on whichever link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Everything,
    /// Set by each call.
    NotEverything,
}

impl Connection {
    /// Sets up the connection that the environment of this process asks for. It is not yet
    /// made when this returns, and claims need not wait for that.
    ///
    /// # Errors
    /// A variable with a value that no supervisor sets, or no descriptor to be had.
    pub fn from_env(client: ClientInfo) -> Result<Self, ConnectError> {
        Connection::open(Environment::from_env()?, client)
    }

    /// As [`Self::from_env`], with the environment as an argument.
    ///
    /// # Errors
    /// No descriptor to be had.
    pub fn open(environment: Environment, client: ClientInfo) -> Result<Self, ConnectError> {
        let Environment { supervision, timeouts } = environment;
        let (session, socket, generation, arbiter) = match supervision {
            Supervision::Alone => {
                (Session::alone(Identity { client, generation: None }), ArbiterSocket::default(), None, None)
            }
            Supervision::Supervised { socket, generation, abstract_socket, arbiter } => {
                let identity = Identity { client, generation: Some(generation) };
                let session = Session::supervised(identity, timeouts, clock::monotonic());
                let arbiter = arbiter.and_then(|program| ArbiterProgram::new(program, &socket));
                let session = if arbiter.is_some() { session.with_arbiter_program() } else { session };
                let socket = ArbiterSocket { path: socket, abstract_name: abstract_socket };
                (session, socket, Some(generation), arbiter)
            }
        };
        Connection::begin(session, socket, generation, arbiter)
    }

    /// Sets up the connection of a stand-in to the arbiter at this path.
    ///
    /// # Errors
    /// No descriptor to be had.
    pub fn stand_in(socket: PathBuf, identity: Identity, stand_in: StandIn) -> Result<Self, ConnectError> {
        let generation = identity.generation;
        let timeouts = ConnectTimeouts::default();
        let session = Session::stand_in(identity, stand_in, timeouts, clock::monotonic());
        let socket = ArbiterSocket { path: socket, abstract_name: None };
        Connection::begin(session, socket, generation, None)
    }

    fn begin(
        session: Session<SharedListener>,
        socket: ArbiterSocket,
        generation: Option<Generation>,
        arbiter: Option<ArbiterProgram>,
    ) -> Result<Self, ConnectError> {
        let wire = Wire::new(socket)?;
        let mut connection =
            Connection { session, wire, generation, arbiter, sent: Sent::Everything, pid: process::id() };
        connection.settle(clock::monotonic())?;
        Ok(connection)
    }

    /// Whether there is a supervisor to speak to; otherwise every claim is granted at once.
    pub fn is_supervised(&self) -> bool {
        self.generation.is_some()
    }

    /// Whether everything that was called until now was sent; true without a supervisor. The calls
    /// of a process that ends before that are lost.
    pub fn is_flushed(&self) -> bool {
        match self.sent {
            Sent::Everything => true,
            Sent::NotEverything => !self.is_supervised(),
        }
    }

    /// The generation that this server belongs to; `None` without a supervisor.
    pub fn generation(&self) -> Option<Generation> {
        self.generation
    }

    /// Takes in a call of the server, and sends what can be sent of it now.
    ///
    /// # Errors
    /// The call is not possible now, or this is a forked child; nothing was changed.
    pub fn call(&mut self, call: Call) -> Result<(), CallError> {
        self.take_in(|session, now| session.call(call, now))
    }

    /// The listener of an address that was granted to a stand-in without one, and is served: see [`Session::provide`].
    ///
    /// # Errors
    /// As [`Connection::call`].
    pub fn provide(&mut self, address: &Address, listener: OwnedFd) -> Result<(), CallError> {
        self.take_in(|session, _| session.provide(address, Arc::new(listener)))
    }

    fn take_in(
        &mut self,
        take: impl FnOnce(&mut Session<SharedListener>, Duration) -> Result<(), CallError>,
    ) -> Result<(), CallError> {
        self.check_process()?;
        let now = clock::monotonic();
        take(&mut self.session, now)?;
        self.sent = Sent::NotEverything;
        // A timer that cannot be set is met again, and reported, by `process`.
        let _ = self.settle(now);
        Ok(())
    }

    /// As [`Call::Fail`], and waits until that was sent: a server that has given up often ends
    /// in the same instant. It waits for an arbiter that does not answer for at most
    /// [`FLUSH_TIMEOUT`].
    ///
    /// # Errors
    /// This is a forked child.
    pub fn fail_and_flush(&mut self, reason: String) -> Result<(), CallError> {
        self.call(Call::Fail { reason })?;
        let until = Instant::now() + FLUSH_TIMEOUT;
        while !self.is_flushed() {
            let readable = wait_readable(&[self.wire.as_fd()], Some(until));
            if !readable.is_ok_and(|readable| readable[0]) || self.process().is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Reads, writes, reconnects and looks at the clock, without waiting. To be called when
    /// the descriptor is readable; at any other time it does no harm.
    ///
    /// # Errors
    /// [`CallError::Forked`] in a forked child, as `other`; or the kernel refuses the timer,
    /// which it does not. A lost arbiter is no error.
    pub fn process(&mut self) -> io::Result<()> {
        self.check_process().map_err(io::Error::other)?;
        let now = clock::monotonic();
        self.wire.clear_deadline()?;
        // The socket before the directory: a change that was seen before its cause would
        // not be waited for again.
        while let Some(input) = self.wire.receive() {
            self.session.handle(input, now);
            self.act(now);
        }
        while let Some(input) = self.wire.changes() {
            self.session.handle(input, now);
            self.act(now);
        }
        self.session.tick(now);
        self.act(now);
        self.wire.arm(self.session.deadline())
    }

    /// What the server is to know next. `None` in a forked child, too.
    pub fn next_event(&mut self) -> Option<Event> {
        self.check_process().ok()?;
        let event = self.session.next_event()?;
        Some(self.handed_out(event))
    }

    /// The event with a descriptor of its own. A grant whose descriptor cannot be had is
    /// given back.
    fn handed_out(&mut self, event: session::ServerEvent<SharedListener>) -> Event {
        match event {
            session::ServerEvent::Granted { address, listener } => {
                match listener.map(|listener| listener.try_clone()).transpose() {
                    Ok(listener) => Event::Granted { address, listener },
                    Err(error) => self.given_back(address, &error),
                }
            }
            session::ServerEvent::Refused { address, error } => Event::Refused { address, error },
            session::ServerEvent::Waiting { address, waiting_for } => Event::Waiting { address, waiting_for },
            session::ServerEvent::Takedown { address, reason, drain, stream } => {
                Event::Takedown { address, reason, drain, stream }
            }
            session::ServerEvent::Error { code, message } => Event::Error { code, message },
        }
    }

    fn given_back(&mut self, address: Address, error: &io::Error) -> Event {
        // It was granted a moment ago, and if it was taken since, that is answered, too.
        let _ = self.call(Call::Released(address.clone()));
        let message = format!("`{address}`: no descriptor for its listener: {error}");
        Event::Refused { address, error: Refusal { code: Code::Exhausted, message } }
    }

    fn check_process(&self) -> Result<(), CallError> {
        let parent = self.pid;
        if process::id() == parent { Ok(()) } else { Err(CallError::Forked { parent }) }
    }

    /// Does what the session asks for, and sets the timer: at once if there are events.
    fn settle(&mut self, now: Duration) -> io::Result<()> {
        self.act(now);
        let deadline = if self.session.has_events() { Some(now) } else { self.session.deadline() };
        self.wire.arm(deadline)
    }

    fn act(&mut self, now: Duration) {
        loop {
            while let Some(action) = self.session.next_action() {
                if let Some(input) = self.perform(action) {
                    self.session.handle(input, now);
                }
            }
            match self.wire.flush() {
                Some(input) => self.session.handle(input, now),
                None => break,
            }
        }
        if self.session.is_linked() && self.wire.is_flushed() {
            self.sent = Sent::Everything;
        }
    }

    fn perform(&mut self, action: SessionAction<SharedListener>) -> Option<SessionInput<SharedListener>> {
        match action {
            SessionAction::Watch => self.wire.watch(),
            SessionAction::Unwatch => {
                self.wire.unwatch();
                None
            }
            SessionAction::Connect => Some(self.wire.connect()),
            SessionAction::Send(line, listeners) => {
                self.wire.send(&line, listeners);
                None
            }
            SessionAction::Close => {
                self.wire.close();
                None
            }
            SessionAction::StartArbiter => {
                if let Some(program) = &self.arbiter {
                    program.start();
                }
                None
            }
            SessionAction::Open(address) => {
                let listener = listener::open(&address)
                    .map(Arc::new)
                    .map_err(|error| Refusal { code: error.code(), message: error.to_string() });
                Some(SessionInput::Opened { address, listener })
            }
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wire.as_fd()
    }
}

impl AsRawFd for Connection {
    fn as_raw_fd(&self) -> RawFd {
        self.wire.as_fd().as_raw_fd()
    }
}
