//! Drives the stand-in of a server: its connection to the arbiter, the process that becomes the server, the server's
//! messages, the looks at its processes.

use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use serverswap::connection::transport::SharedListener;
use serverswap::protocol::Address;
use serverswap::session::{Call, Identity, StandIn as SessionStandIn};
use serverswap::sys::clock::monotonic;
use serverswap::{Connection, Event, SocketMode};
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep_until};

use super::arbiter::until;
use super::arbiter_link::client_info;
use super::look::Look;
use super::notify::{Message, NotifyInbox};
use super::supervisor::instant;
use crate::intercept::{Grant, Intercepted, Interception};
use crate::launch::{Launched, PassedSockets};
use crate::readiness::{self, Evidence, ReadyOption, probe};
use crate::server_status::ServerStatus;
use crate::spawn::{self, ServerCommand, ServerStreams, SpawnFailure};
use crate::stand_in::{Seen, StandIn, StandInAction, StandInInput, Watch};
use crate::supervisor::SupervisorInput;
use crate::sys::async_fd::{async_fd, readable};
use crate::sys::launch::{Order, Said};
use crate::sys::registrations::inode;
use crate::ui::Report;

/// From one look at the processes to the next: at first, and at most.
const LOOK_PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(200));

/// After a shorter pause only the main process is looked at: most servers wait for connections there, a moment after they
/// were seen to listen.
const PAUSE_BEFORE_WHOLE_LOOK: Duration = Duration::from_millis(4);

/// From the end of one run of a probe to the next: at first, and at most.
const PROBE_PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// How the servers of a generation are stood in for.
#[derive(Debug, Clone)]
pub(super) struct StandInPlan {
    pub(super) sockets: PassedSockets,
    pub(super) order: Order,
    pub(super) ready: ReadyOption,
    pub(super) stop_signal: u32,
}

/// The stand-in of one server.
pub(super) struct StandInDriver {
    pid: u32,
    core: StandIn,
    command: ServerCommand,
    plan: StandInPlan,
    connection: AsyncFd<Connection>,
    launched: Option<AsyncFd<Launched>>,
    notify: NotifyInbox,
    /// What was granted; the descriptors are closed when they are passed on, the session has its own.
    granted: BTreeMap<Address, OwnedFd>,
    /// The inode number of each socket.
    inodes: BTreeMap<Address, u64>,
    interception: Option<Interception>,
    /// Listeners that the server has opened by itself, before the arbiter is sent them.
    opened: BTreeMap<Address, SharedListener>,
    look: Look<Evidence>,
    probe: Option<AsyncFd<OwnedFd>>,
    /// When it is looked, or probed, next.
    next: Instant,
    pause: Duration,
    status: ServerStatus,
    last_status: Option<String>,
}

/// Something that has happened.
pub(super) enum Change {
    Connection,
    Launched,
    Intercepted(Intercepted),
    Notify,
    Looked(Evidence),
    Probe,
    /// The next look or run of the probe is due.
    Next,
    Tick,
}

/// What follows from it.
pub(super) enum Outcome {
    Input(SupervisorInput),
    Report(Report),
    /// The server is ready for it: by now it runs its own program.
    Ready(Address),
}

impl StandInDriver {
    /// Starts a server and stands in for it.
    ///
    /// # Errors
    /// Nothing was started.
    pub(super) fn start(
        plan: &StandInPlan,
        command: &ServerCommand,
        streams: ServerStreams,
    ) -> Result<StandInDriver, SpawnFailure> {
        let other = |error: io::Error| SpawnFailure::other(command, &error);
        let notify = NotifyInbox::bind(&command.own_folder, command.generation).map_err(other)?;
        let (pid, launched) = crate::launch::start(command, &plan.sockets, Some(notify.path()), streams)?;
        let identity = Identity { client: client_info(), generation: Some(command.generation) };
        let stand_in = SessionStandIn { pid, stop_signal: plan.stop_signal, adopt: None };
        let connection = Connection::stand_in(command.socket.clone(), identity, stand_in);
        let connection = connection.map_err(|error| other(io::Error::other(error)))?;
        let core = match plan.order {
            Order::Execute => StandIn::new(plan.sockets.addresses().cloned().collect(), plan.ready.clone()),
            Order::Intercept(_) => StandIn::intercepted(plan.ready.clone()),
        };
        let mut driver = StandInDriver {
            pid,
            core,
            command: command.clone(),
            plan: plan.clone(),
            connection: async_fd(connection).map_err(other)?,
            launched: Some(async_fd(launched).map_err(other)?),
            notify,
            granted: BTreeMap::new(),
            inodes: BTreeMap::new(),
            interception: None,
            opened: BTreeMap::new(),
            look: Look::new(),
            probe: None,
            next: Instant::now(),
            pause: Duration::ZERO,
            status: ServerStatus::new(&command.own_folder, command.generation),
            last_status: None,
        };
        // Claims are always possible before anything was claimed.
        driver.act(&mut Vec::new());
        Ok(driver)
    }

    /// The process that is, or becomes, the server.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for something that [`Self::handle`] is to take in. Nothing is lost when it is cancelled.
    pub(super) async fn changed(&mut self) -> Change {
        let watch = self.core.watch();
        let deadline = self.core.deadline().map(instant);
        let is_due = watch != Watch::Nothing && self.probe.is_none() && !self.look.is_running();
        let next = self.next;
        tokio::select! {
            () = readable(Some(&self.connection)) => Change::Connection,
            () = readable(self.launched.as_ref()) => Change::Launched,
            call = intercepted(&mut self.interception) => Change::Intercepted(call),
            () = self.notify.readable() => Change::Notify,
            evidence = self.look.found() => Change::Looked(evidence),
            () = readable(self.probe.as_ref()) => Change::Probe,
            () = sleep_until(next), if is_due => Change::Next,
            () = until(deadline) => Change::Tick,
        }
    }

    /// Takes in what [`Self::changed`] returned.
    pub(super) fn handle(&mut self, change: Change) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let before = self.core.watch();
        match change {
            Change::Connection => self.arbiter_speaks(),
            Change::Launched => self.launcher_answers(&mut outcomes),
            Change::Intercepted(call) => self.intercepted(call, &mut outcomes),
            Change::Notify => self.server_speaks(&mut outcomes),
            Change::Looked(evidence) => {
                let seen = self.seen(evidence);
                self.core.handle(StandInInput::Looked(seen), monotonic());
                self.pause_until_next(LOOK_PAUSES);
            }
            Change::Probe => self.probe_ends(),
            Change::Next => self.watch(),
            Change::Tick => self.core.handle(StandInInput::Tick, monotonic()),
        }
        if self.core.watch() != before {
            (self.next, self.pause) = (Instant::now(), Duration::ZERO);
        }
        self.act(&mut outcomes);
        outcomes
    }

    fn arbiter_speaks(&mut self) {
        let connection = self.connection.get_mut();
        // A timer that the kernel refuses, which it does not.
        let _ = connection.process();
        while let Some(event) = self.connection.get_mut().next_event() {
            let input = match event {
                Event::Granted { address, listener } => {
                    if let Some(listener) = &listener {
                        self.inodes.extend(inode(listener).map(|inode| (address.clone(), inode)));
                    }
                    match &mut self.interception {
                        Some(interception) => {
                            let grant = listener.map(Arc::new).map_or(Grant::Empty, Grant::Listener);
                            interception.answer(&address, grant);
                        }
                        None => self.granted.extend(listener.map(|listener| (address.clone(), listener))),
                    }
                    StandInInput::Granted(address)
                }
                Event::Refused { address, error } => {
                    if let Some(interception) = &mut self.interception {
                        interception.answer(&address, Grant::Refused);
                    }
                    StandInInput::Refused { address, code: error.code, message: error.message }
                }
                Event::Takedown { .. } => StandInInput::Takedown,
                Event::Waiting { .. } | Event::Error { .. } => continue,
            };
            self.core.handle(input, monotonic());
        }
    }

    fn launcher_answers(&mut self, outcomes: &mut Vec<Outcome>) {
        let answer = self.launched.as_ref().and_then(|launched| launched.get_ref().answer());
        let failure = match answer {
            None => return,
            Some(Said::Filtered(installed)) => {
                if installed.no_new_privs {
                    outcomes.push(Outcome::Report(Report::NoNewPrivileges { pid: self.pid }));
                }
                match Interception::start(installed.notify, self.command.generation, self.pid) {
                    Ok(interception) => {
                        self.interception = Some(interception);
                        return self.launcher_answers(outcomes);
                    }
                    // With the notify descriptor, the server's binds end in an error: it is not intercepted, and not started.
                    Err(error) => SpawnFailure::other(&self.command, &error),
                }
            }
            Some(Said::Over) => {
                self.launched = None;
                return self.core.handle(StandInInput::Executed, monotonic());
            }
            Some(Said::NotFiltered(errno)) => SpawnFailure::NotIntercepted { errno },
            Some(Said::NotExecuted(errno)) => spawn::failure(&self.command, errno),
        };
        self.launched = None;
        outcomes.push(Outcome::Input(SupervisorInput::NotExecuted { pid: self.pid, failure }));
    }

    fn intercepted(&mut self, call: Intercepted, outcomes: &mut Vec<Outcome>) {
        match call {
            Intercepted::Asks(address) => self.core.handle(StandInInput::Wants(address), monotonic()),
            Intercepted::Listens(address, listener) => {
                let known = self.inodes.insert(address.clone(), inode(&listener).unwrap_or_default());
                if known.is_none() {
                    self.opened.insert(address, listener);
                }
                // It is about to wait for connections.
                (self.next, self.pause) = (Instant::now(), Duration::ZERO);
            }
            Intercepted::Abandoned(address) => {
                self.core.handle(StandInInput::Abandoned(address.clone()), monotonic());
                self.call(Call::Released(address));
            }
            Intercepted::Unreadable { pid, problem } => {
                outcomes.push(Outcome::Report(Report::NotIntercepted { pid, problem: problem.to_string() }));
            }
            Intercepted::Ended => self.interception = None,
        }
    }

    fn server_speaks(&mut self, outcomes: &mut Vec<Outcome>) {
        while let Some(message) = self.notify.next(self.command.generation, self.pid) {
            match message {
                Message::Own(notifications) => {
                    self.core.handle(StandInInput::Notified(notifications), monotonic());
                }
                Message::Stranger(stranger) => {
                    outcomes.push(Outcome::Report(Report::StrangerNotified { stranger }));
                }
            }
        }
    }

    /// Begins what is to be watched.
    fn watch(&mut self) {
        match (self.core.watch(), &self.plan.ready) {
            (Watch::Listening, _) => {
                let sockets = self.inodes.iter().map(|(address, inode)| (*inode, address.clone())).collect();
                let (generation, server) = (self.command.generation, self.pid);
                let look = readiness::Look { generation, server, sockets };
                let is_whole = self.pause >= PAUSE_BEFORE_WHOLE_LOOK;
                self.look.start(move || if is_whole { look.now() } else { look.at_server() });
            }
            (Watch::Probe, ReadyOption::Exec(command)) => {
                let probe = probe::start(&self.command, command).and_then(async_fd);
                self.probe = probe.ok();
                if self.probe.is_none() {
                    self.pause_until_next(PROBE_PAUSES);
                }
            }
            (Watch::Probe | Watch::Nothing, _) => {}
        }
    }

    fn probe_ends(&mut self) {
        let succeeded = self.probe.as_ref().and_then(|running| probe::has_succeeded(running.get_ref()));
        if let Some(succeeded) = succeeded {
            self.probe = None;
            if succeeded {
                self.core.handle(StandInInput::ProbeSucceeded, monotonic());
            }
            self.pause_until_next(PROBE_PAUSES);
        }
    }

    fn pause_until_next(&mut self, (least, most): (Duration, Duration)) {
        self.pause = (self.pause * 2).clamp(least, most);
        self.next = Instant::now() + self.pause;
    }

    fn seen(&self, evidence: Evidence) -> Seen {
        let mut seen = Seen { wrapper: evidence.wrapper, ..Seen::default() };
        for address in self.core.addresses() {
            match self.inodes.get(address) {
                Some(inode) if evidence.unclear.contains(inode) => seen.unclear.push(address.clone()),
                Some(inode) if evidence.awaited.contains(inode) => {}
                Some(_) | None => seen.unawaited.push(address.clone()),
            }
        }
        seen
    }

    /// Does what the core wants.
    fn act(&mut self, outcomes: &mut Vec<Outcome>) {
        let pid = self.pid;
        while let Some(action) = self.core.next_action() {
            match action {
                StandInAction::Claim(address) => {
                    let socket = SocketMode::Inherit;
                    self.call(match self.plan.order {
                        Order::Execute => Call::ReadyFor { address, socket, more: true },
                        Order::Intercept(_) => Call::Provide { address, more: true },
                    });
                }
                StandInAction::Execute => self.execute(),
                StandInAction::Serving(address) => {
                    outcomes.push(Outcome::Ready(address.clone()));
                    self.serving(address);
                }
                StandInAction::Up => self.call(Call::ServerUp),
                StandInAction::UsesNotify => {
                    outcomes.push(Outcome::Input(SupervisorInput::UsesNotify { pid }));
                }
                StandInAction::NeedsTime(time) => {
                    outcomes.push(Outcome::Input(SupervisorInput::NeedsTime { pid, time }));
                }
                StandInAction::ExtendDrain(time) => {
                    for address in self.inodes.keys().cloned().collect::<Vec<_>>() {
                        let extend = Some(time);
                        self.call(Call::Progress { address, connections: None, cut: None, extend });
                    }
                }
                StandInAction::Fail(reason) => {
                    outcomes.push(Outcome::Input(SupervisorInput::NotReady { pid, reason }));
                }
                StandInAction::Status(status) => {
                    if self.last_status.as_ref() != Some(&status) {
                        self.status.write(&status);
                        self.last_status = Some(status.clone());
                        outcomes.push(Outcome::Report(Report::ServerStatus { pid, status }));
                    }
                }
                StandInAction::Reloading => outcomes.push(Outcome::Report(Report::ServerReloading { pid })),
                StandInAction::Stopping => outcomes.push(Outcome::Report(Report::ServerStopping { pid })),
                StandInAction::StoreRefused => {
                    outcomes.push(Outcome::Report(Report::StoreNotSupported { pid }));
                }
                StandInAction::Wrapped(wrapper) => outcomes.push(Outcome::Report(Report::Wrapped {
                    pid,
                    name: wrapper.name,
                    child: wrapper.child,
                    child_name: wrapper.child_name,
                })),
            }
        }
    }

    /// The arbiter is sent a listener that the server has opened by itself.
    fn serving(&mut self, address: Address) {
        let opened = self.opened.remove(&address).and_then(|listener| listener.try_clone().ok());
        match opened {
            Some(listener) => drop(self.connection.get_mut().provide(&address, listener)),
            None => self.call(Call::Serving(address)),
        }
    }

    /// An address that was taken away meanwhile is not served, and that is known by an event.
    fn call(&mut self, call: Call) {
        let _ = self.connection.get_mut().call(call);
    }

    /// A process that is gone has ended, which is reported as that.
    fn execute(&mut self) {
        let granted = std::mem::take(&mut self.granted);
        let sockets: Vec<_> = self.plan.sockets.addresses().filter_map(|one| granted.get(one)).collect();
        let sockets: Vec<_> = sockets.into_iter().map(AsFd::as_fd).collect();
        if let Some(launched) = &self.launched {
            let _ = launched.get_ref().execute(self.plan.order, &sockets);
        }
    }
}

async fn intercepted(interception: &mut Option<Interception>) -> Intercepted {
    match interception {
        Some(interception) => interception.next().await,
        None => pending().await,
    }
}
