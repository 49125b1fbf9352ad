//! The supervisor's connection to the arbiter, whichever process that is: also this one.
//!
//! It drives a session in the role of a supervisor, which decides when to connect. Before every
//! attempt this process tries to become the arbiter, and then connects to itself as to any other.

use std::collections::BTreeMap;
use std::io;
use std::pin::pin;

use serverswap::connection::transport::{self, Attempt, ClientChannel, SharedListener};
use serverswap::protocol::message::{ClientInfo, Form, Holding};
use serverswap::protocol::{Address, Generation};
use serverswap::session::{
    ConnectTimeouts, Identity, Session, SessionAction, SessionInput, SupervisorCall, SupervisorEvent,
    SupervisorRole,
};
use serverswap::sys::watch::Change;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

use super::arbiter::until;
use super::arbiter_role::ArbiterRole;
use super::error_map;
use super::paused_watch::PausedWatch;
use super::trace::{Side, TraceWriter};
use crate::state::{Candidate, Directory};
use crate::supervisor::{Plan, Request};
use crate::sys::async_fd::async_fd;
use crate::ui::SetupError;

/// What the connection brings.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a few exist at a time, and each is looked into")]
pub(super) enum LinkEvent {
    /// What the session reports.
    Session(SupervisorEvent<SharedListener>),
    /// Neither the lock nor the socket can be had.
    Unreachable(io::Error),
}

/// The connection, or the way to one.
pub(super) struct ArbiterLink {
    directory: Directory,
    role: ArbiterRole,
    trace: TraceWriter,
    session: Session<SharedListener, SupervisorRole<SharedListener>>,
    /// The zero of the session's time.
    epoch: Instant,
    channel: Option<AsyncFd<ClientChannel>>,
    watch: PausedWatch,
    /// What has happened since the last step.
    events: Vec<LinkEvent>,
}

/// What our connections to an arbiter say of this program.
pub(super) fn client_info() -> ClientInfo {
    ClientInfo { name: "serverswap".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
}

impl ArbiterLink {
    pub(super) fn new(directory: Directory, plan: &Plan, role: ArbiterRole, trace: TraceWriter) -> Self {
        let supervisor = SupervisorRole::new(plan.form, plan.timeouts(), plan.unix_sockets);
        ArbiterLink::of_client(directory, Some(plan.generation), supervisor, role, trace)
    }

    /// That of a client which is not the supervisor of a plan.
    pub(super) fn of_client(
        directory: Directory,
        generation: Option<Generation>,
        client: SupervisorRole<SharedListener>,
        role: ArbiterRole,
        trace: TraceWriter,
    ) -> Self {
        let identity = Identity { client: client_info(), generation };
        let epoch = Instant::now();
        let session = Session::of_role(client, identity, ConnectTimeouts::default(), epoch.elapsed());
        let (watch, events) = (PausedWatch::default(), Vec::new());
        ArbiterLink { directory, role, trace, session, epoch, channel: None, watch, events }
    }

    /// Waits until there is something to do. Nothing is lost when it is cancelled.
    pub(super) async fn ready(&self) {
        if !self.events.is_empty() {
            return;
        }
        let deadline = self.session.deadline().map(|at| self.epoch + at);
        tokio::select! {
            () = readable(self.channel.as_ref()) => {}
            () = self.watch.changed() => {}
            () = until(deadline) => {}
        }
    }

    /// Does what is to be done; never waits. `owned` is what the next `hello` says.
    pub(super) fn step(
        &mut self,
        owned: impl FnOnce() -> Vec<(Holding, Option<SharedListener>)>,
    ) -> Vec<LinkEvent> {
        let was_linked = self.session.is_linked();
        if was_linked {
            self.role.somebody_there();
        } else {
            self.session.role_mut().set_owned(owned());
        }
        self.act();
        // The socket before the directory: a change that was seen before its cause would not be
        // waited for again. What a next arbiter says is left to the next step, which knows what is
        // owned then.
        while self.session.is_linked() || !was_linked {
            let channel = self.channel.as_mut();
            let Some(input) = channel.and_then(|channel| transport::receive(channel.get_mut())) else {
                break;
            };
            self.handle(input);
        }
        if let Some(input) = self.directory_changes() {
            self.handle(input);
        }
        self.session.tick(self.epoch.elapsed());
        self.act();
        // No duplicate is kept that the supervisor may close.
        self.session.role_mut().set_owned(Vec::new());
        std::mem::take(&mut self.events)
    }

    /// Waits for the first `welcome`, until it is `too_late`; returns what came with it. A command that stays waits on for
    /// an arbiter that only another process can become.
    ///
    /// # Errors
    /// No arbiter can be had, or the one that lives does not answer.
    pub(super) async fn connect_first(
        &mut self,
        too_late: impl Future<Output = ()>,
    ) -> Result<Vec<LinkEvent>, SetupError> {
        let mut too_late = pin!(too_late);
        let (mut is_too_late, mut refusal) = (false, None);
        loop {
            let mut events = self.step(Vec::new).into_iter();
            while let Some(event) = events.next() {
                if let LinkEvent::Session(SupervisorEvent::Linked) = event {
                    return Ok(events.collect());
                }
                match self.check_first(event) {
                    Err(error) if self.is_made_way_for(&error) => refusal = Some(error),
                    checked => checked?,
                }
            }
            if is_too_late && !self.waits_for_others() {
                return Err(refusal.unwrap_or_else(|| self.no_answer()));
            }
            tokio::select! {
                () = self.ready() => {}
                () = &mut too_late, if !is_too_late => is_too_late = true,
            }
        }
    }

    /// Sends a request of the supervisor; dropped without a connection.
    pub(super) fn send(&mut self, request: Request) {
        let call = match request {
            Request::TimedOut => SupervisorCall::TimedOut,
            Request::Closed { address } => SupervisorCall::Closed(address),
            Request::Stop => SupervisorCall::Stop,
            Request::Barrier => SupervisorCall::Barrier,
        };
        // A supervisor's call is always possible.
        let _ = self.session.call(call, self.epoch.elapsed());
        self.act();
    }

    /// Whether this process is the arbiter.
    pub(super) fn is_arbiter(&self) -> bool {
        self.role.is_held()
    }

    /// The arbiter at the other end of the connection.
    pub(super) fn arbiter_pid(&self) -> Option<u32> {
        self.session.arbiter_pid()
    }

    /// Closes the connection; the arbiter's role, if this process has it, goes on.
    pub(super) fn into_role(self) -> ArbiterRole {
        self.role
    }

    /// Gives up the arbiter's role, if this process has it, before the process ends.
    pub(super) async fn give_up_role(&mut self) {
        self.role.give_up().await;
    }

    /// An arbiter that cannot see `serverswap hold` leaves the lock to it.
    fn is_made_way_for(&self, error: &SetupError) -> bool {
        matches!(error, SetupError::OtherPidNamespace { .. }) && self.role.candidate() == Candidate::Holder
    }

    fn waits_for_others(&self) -> bool {
        self.role.form() == Form::Stay && self.role.is_left_to_others()
    }

    /// What an event before the first `welcome` means.
    fn check_first(&self, event: LinkEvent) -> Result<(), SetupError> {
        match event {
            LinkEvent::Unreachable(error) => Err(error_map::unreachable(&self.directory, &error)),
            LinkEvent::Session(SupervisorEvent::NotResponding { .. }) if self.role.is_held() => {
                Err(error_map::cannot_accept())
            }
            LinkEvent::Session(SupervisorEvent::NotResponding { .. }) => Err(self.no_answer()),
            LinkEvent::Session(SupervisorEvent::Refused(error)) => {
                Err(error_map::refused(&self.directory, error.code, error.message))
            }
            LinkEvent::Session(
                SupervisorEvent::Linked
                | SupervisorEvent::LinkLost
                | SupervisorEvent::Notice(..)
                | SupervisorEvent::Verdict(_)
                | SupervisorEvent::BarrierPassed
                | SupervisorEvent::Responding,
            ) => Ok(()),
        }
    }

    /// What it means that there was no `welcome` for too long.
    fn no_answer(&self) -> SetupError {
        match self.session.arbiter_pid() {
            Some(pid) => {
                SetupError::ArbiterNotResponding { directory: self.directory.path().to_owned(), pid }
            }
            None if self.role.is_left_to_others() => {
                SetupError::HolderMissing { directory: self.directory.path().to_owned() }
            }
            None => error_map::unreachable(&self.directory, &io::Error::from_raw_os_error(libc::ETIMEDOUT)),
        }
    }

    fn handle(&mut self, input: SessionInput<SharedListener>) {
        self.session.handle(input, self.epoch.elapsed());
        self.act();
    }

    /// Does what the session asks for, and takes its events.
    fn act(&mut self) {
        loop {
            while let Some(action) = self.session.next_action() {
                if let Some(input) = self.perform(action) {
                    self.session.handle(input, self.epoch.elapsed());
                }
            }
            match self.channel.as_mut().and_then(|channel| transport::flush(channel.get_mut())) {
                Some(input) => self.session.handle(input, self.epoch.elapsed()),
                None => break,
            }
        }
        while let Some(event) = self.session.next_event() {
            self.events.push(LinkEvent::Session(event));
        }
    }

    fn perform(&mut self, action: SessionAction<SharedListener>) -> Option<SessionInput<SharedListener>> {
        match action {
            SessionAction::Watch => {
                self.watch.watch(self.directory.path()).err().map(|_| SessionInput::WatchLost)
            }
            SessionAction::Unwatch => {
                self.watch.pause();
                None
            }
            SessionAction::Connect => Some(self.try_to_connect()),
            SessionAction::Send(line, listeners) => {
                if let Some(channel) = &mut self.channel {
                    channel.get_mut().send(&line, listeners);
                }
                None
            }
            SessionAction::Close => {
                if let Some(mut channel) = self.channel.take() {
                    // The last lines to a peer that may be gone; that it is, is nothing new.
                    let _ = channel.get_mut().flush();
                }
                None
            }
            SessionAction::Open(_) | SessionAction::StartArbiter => {
                unreachable!("only a server opens a listener or has an arbiter started")
            }
        }
    }

    /// Becomes the arbiter if there is none, and connects to whichever process is.
    fn try_to_connect(&mut self) -> SessionInput<SharedListener> {
        // What changed before this attempt is seen by it.
        self.watch.changes();
        self.channel = None;
        self.connect().unwrap_or_else(|error| {
            let input = transport::not_connected(&self.directory.socket(), &error);
            if is_expected(&error) {
                self.role.nobody_there(&self.directory);
            } else {
                self.events.push(LinkEvent::Unreachable(error));
            }
            input
        })
    }

    fn connect(&mut self) -> io::Result<SessionInput<SharedListener>> {
        self.role.try_acquire(&self.directory)?;
        match transport::connect(&self.directory.socket())? {
            Attempt::Failed(input) => Ok(input),
            Attempt::Connected(channel, pid) => {
                self.channel = Some(async_fd(channel.observed(self.trace.observer(Side::Client, None)))?);
                Ok(SessionInput::Connected { pid })
            }
        }
    }

    /// Every change is worth another attempt: the lock is in the directory, too.
    fn directory_changes(&mut self) -> Option<SessionInput<SharedListener>> {
        let changes = self.watch.changes();
        if changes.contains(&Change::DirectoryGone) {
            self.watch.pause();
            return Some(SessionInput::WatchLost);
        }
        (!changes.is_empty()).then_some(SessionInput::Changed)
    }
}

/// What a generation owns, with the duplicates that its supervisor keeps.
pub(super) fn owned(
    holding: Vec<Holding>,
    kept: &BTreeMap<Address, SharedListener>,
) -> Vec<(Holding, Option<SharedListener>)> {
    let with_listener = |holding: Holding| {
        let listener = kept.get(&holding.address).cloned();
        (holding, listener)
    };
    holding.into_iter().map(with_listener).collect()
}

/// [`ArbiterLink::ready`]; for ever if there is none.
pub(super) async fn ready(link: Option<&ArbiterLink>) {
    match link {
        Some(link) => link.ready().await,
        None => std::future::pending().await,
    }
}

/// Readable, or writable while something waits to be sent. Readiness is cleared here, and
/// every step reads until the socket has no more.
async fn readable(channel: Option<&AsyncFd<ClientChannel>>) {
    let Some(channel) = channel else { return std::future::pending().await };
    let interest = if channel.get_ref().wants_write() {
        Interest::READABLE | Interest::WRITABLE
    } else {
        Interest::READABLE
    };
    if let Ok(mut guard) = channel.ready(interest).await {
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

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::rc::Rc;
    use std::time::Duration;

    use serverswap::protocol::message::{ArbiterInfo, FromArbiter, Greeting, Limits, UnixSockets, VERSION};

    use tokio::task::spawn_blocking;

    use super::*;
    use crate::runtime::arbiter_role::ArbiterRole;
    use crate::runtime::trace::TraceWriter;
    use crate::state::Lock;
    use crate::supervisor::{Plan, Restart, Starts};

    fn greeting() -> String {
        let arbiter = ArbiterInfo { name: "hangs".to_owned(), version: "1".to_owned(), pid: 1 };
        let (versions, capabilities) = (vec![VERSION], BTreeMap::new());
        let greeting = Greeting { versions, arbiter, capabilities, limits: Limits::V1 };
        serde_json::to_string(&FromArbiter::Greeting(greeting)).expect("a message is JSON")
    }

    fn link(directory: &Directory) -> ArbiterLink {
        let plan = Plan {
            command: "server".to_owned(),
            form: Form::Stay,
            restart: Restart::Never,
            ready_timeout: Duration::from_secs(1),
            drain_timeout: Duration::from_secs(1),
            stream_timeout: None,
            kill_timeout: Duration::from_secs(1),
            probation: Duration::ZERO,
            unix_sockets: UnixSockets::default(),
            starts: Starts::Speaking,
            generation: Generation { start: 1, pid: 1 },
        };
        let role = ArbiterRole::new(plan.form, Rc::new(|_| {}), TraceWriter::default());
        ArbiterLink::new(directory.clone(), &plan, role, TraceWriter::default())
    }

    /// An arbiter that accepts, and is silent from then on.
    fn accepts_and_hangs(listener: &UnixListener) -> UnixStream {
        listener.accept().expect("it connects").0
    }

    /// An arbiter that greets, reads the `hello`, and is silent from then on.
    fn greets_and_hangs(listener: &UnixListener) -> UnixStream {
        let mut client = accepts_and_hangs(listener);
        writeln!(client, "{}", greeting()).expect("it reads");
        let mut hello = String::new();
        BufReader::new(&client).read_line(&mut hello).expect("it answers");
        assert!(hello.contains(r#""type":"hello""#), "{hello}");
        client
    }

    /// The clock stands still while the arbiter acts, and jumps to the next deadline when it hangs.
    async fn is_named(hangs: fn(&UnixListener) -> UnixStream) {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let directory = Directory::prepare(&folder.path().join("run")).expect("made");
        let _lock = Lock::try_take(&directory.lock(), Candidate::Supervisor).expect("free");
        let listener = UnixListener::bind(directory.socket()).expect("a free path");
        let arbiter = spawn_blocking(move || hangs(&listener));
        let (mut link, pid) = (link(&directory), std::process::id());
        let linked = link.connect_first(pending()).await.map(|_| "welcomed");
        let fault = SetupError::ArbiterNotResponding { directory: directory.path().to_owned(), pid };
        assert_eq!(linked, Err(fault));
        arbiter.await.expect("it did its part");
    }

    #[tokio::test(start_paused = true)]
    async fn an_arbiter_that_never_greets_is_named_as_not_responding() {
        is_named(accepts_and_hangs).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_arbiter_that_greets_and_never_welcomes_is_named_as_not_responding() {
        is_named(greets_and_hangs).await;
    }
}
