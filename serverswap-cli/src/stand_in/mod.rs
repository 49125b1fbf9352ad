//! The stand-in: what one server that does not speak the protocol says to the arbiter, and when.
//!
//! It claims the sockets that the server is passed, has the command executed when all of them are granted, decides when
//! the server is ready, and says `serving` for it. The takedown is a signal, which the arbiter sends; what the server
//! says about its drain is passed on.
//!
//! Deliberately no clock, process or socket in here: inputs and `now` go in, actions and a deadline come out.
//!
//! The rules:
//!
//! * T1. Nothing is served before somebody waits for connections at every socket, whatever the server or a command says:
//!   a server that ignores its descriptors would be the only one left.
//! * T2. Without `--ready`, the server says itself when it is ready if it has used sd_notify(3) before it was seen to
//!   listen.
//! * T3. What cannot be told (io_uring, a process that may not be looked into) is believed if the server or a command
//!   says so, and never by itself.
//!
//! ```text
//! claiming ──► executing ──► starting ──► said ready ──► serving
//!     │            │             │            │
//!     └────────────┴──► failed ◄─┴────────────┘
//! ```

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeSet;
use std::time::Duration;

use serverswap::protocol::Address;
use serverswap::protocol::message::Code;

use crate::readiness::{Notification, Notifications, ReadyOption, Wrapper};
use crate::ui::NotReady;

/// How long a server that is said to be ready may take until it is seen to wait for connections.
const LISTEN_WAIT: Duration = Duration::from_secs(5);

/// After how long it is said that a wrapper hides `LISTEN_PID`: most servers listen before.
const WRAPPER_WAIT: Duration = Duration::from_secs(1);

/// The stand-in of one server process.
#[derive(Debug)]
pub(crate) struct StandIn {
    addresses: Vec<Address>,
    /// Those of which the arbiter was not told yet that they are served.
    unserved: BTreeSet<Address>,
    option: ReadyOption,
    state: State,
    wrapper: WrapperReport,
    out: Vec<StandInAction>,
}

/// Where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// These claims wait.
    Claiming { waiting: BTreeSet<Address> },
    /// The command is being executed.
    Executing,
    /// It runs, since then.
    Starting { since: Duration, speaks: Speaks },
    /// It is said to be ready, since then.
    SaidReady { since: Duration },
    /// The arbiter was told that it serves.
    Serving(Drain),
    /// It never will.
    Failed,
}

/// Whether the server uses sd_notify(3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaks {
    NotYet,
    Yes,
}

/// Whether the server was asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drain {
    No,
    Begun,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WrapperReport {
    /// The server is passed no sockets, so a wrapper hides nothing.
    Needless,
    Due,
    Made,
}

/// What happens to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StandInInput {
    /// The arbiter has granted the socket.
    Granted(Address),
    /// The arbiter has refused it.
    Refused { address: Address, code: Code, message: String },
    /// The server is about to bind a socket there.
    Wants(Address),
    /// It has closed that socket, and never listened.
    Abandoned(Address),
    /// The command runs.
    Executed,
    /// The server has sent a message, or a process of its generation.
    Notified(Notifications),
    /// A look at its processes.
    Looked(Seen),
    /// The command of `--ready exec=` has exited with status 0.
    ProbeSucceeded,
    /// The arbiter takes an address down.
    Takedown,
    /// Nothing happened but time.
    Tick,
}

/// What a look has shown, by address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Nobody waits for connections at these.
    pub(crate) unawaited: Vec<Address>,
    /// Of these it cannot be told.
    pub(crate) unclear: Vec<Address>,
    /// The server only waits for another process.
    pub(crate) wrapper: Option<Wrapper>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StandInAction {
    /// Claim it.
    Claim(Address),
    /// Pass the sockets to the server and have the command executed.
    Execute,
    /// Say that the server serves it.
    Serving(Address),
    /// Say that the server is up.
    Up,
    /// From now on it is awaited that the server says it is ready.
    UsesNotify,
    /// The server needs more time to start: so long from now.
    NeedsTime(Duration),
    /// It needs more time to drain: so long from now.
    ExtendDrain(Duration),
    /// The server cannot become ready.
    Fail(NotReady),
    /// What the server does, in its own words.
    Status(String),
    /// The server reloads.
    Reloading,
    /// The server ends.
    Stopping,
    /// The server wants descriptors to be kept.
    StoreRefused,
    /// A wrapper hides `LISTEN_PID` from the server.
    Wrapped(Wrapper),
}

/// What is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watch {
    /// Whether somebody waits for connections.
    Listening,
    /// Whether the command of `--ready exec=` succeeds.
    Probe,
    /// Nothing.
    Nothing,
}

impl StandIn {
    /// Claims every address.
    pub(crate) fn new(addresses: Vec<Address>, option: ReadyOption) -> StandIn {
        let out = addresses.iter().cloned().map(StandInAction::Claim).collect();
        let unserved: BTreeSet<Address> = addresses.iter().cloned().collect();
        let state = State::Claiming { waiting: unserved.clone() };
        StandIn { addresses, unserved, option, state, wrapper: WrapperReport::Due, out }
    }

    /// Of a server that is intercepted: it is executed at once, and what it binds is claimed then.
    pub(crate) fn intercepted(option: ReadyOption) -> StandIn {
        StandIn {
            state: State::Executing,
            wrapper: WrapperReport::Needless,
            out: vec![StandInAction::Execute],
            ..StandIn::new(Vec::new(), option)
        }
    }

    /// What the server has, or wants.
    pub(crate) fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Takes in one input.
    pub(crate) fn handle(&mut self, input: StandInInput, now: Duration) {
        match input {
            StandInInput::Granted(address) => self.granted(&address),
            StandInInput::Refused { address, code, message } => self.refused(address, code, message),
            StandInInput::Wants(address) => self.wants(address),
            StandInInput::Abandoned(address) => self.forget(&address),
            StandInInput::Executed => self.executed(now),
            StandInInput::Notified(notifications) => self.notified(notifications, now),
            StandInInput::Looked(seen) => self.looked(seen, now),
            StandInInput::ProbeSucceeded => self.said_ready(now),
            StandInInput::Takedown => {
                if let State::Serving(_) = self.state {
                    self.state = State::Serving(Drain::Begun);
                }
            }
            StandInInput::Tick => self.tick(now),
        }
    }

    /// What is to be done next, in order.
    pub(crate) fn next_action(&mut self) -> Option<StandInAction> {
        (!self.out.is_empty()).then(|| self.out.remove(0))
    }

    /// When [`StandInInput::Tick`] is to be sent, if nothing happens before.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        match (&self.state, &self.option) {
            (State::Starting { since, .. }, ReadyOption::After(after)) => Some(*since + *after),
            (
                State::Claiming { .. }
                | State::Executing
                | State::Starting { .. }
                | State::SaidReady { .. }
                | State::Serving(_)
                | State::Failed,
                _,
            ) => None,
        }
    }

    /// What is to be looked at now.
    pub(crate) fn watch(&self) -> Watch {
        match (&self.state, &self.option) {
            (State::SaidReady { .. }, _) => Watch::Listening,
            // It has bound nothing yet.
            (State::Starting { .. }, ReadyOption::Either | ReadyOption::Listening)
                if self.addresses.is_empty() =>
            {
                Watch::Nothing
            }
            (State::Starting { .. }, ReadyOption::Exec(_)) => Watch::Probe,
            (
                State::Starting { speaks: Speaks::NotYet, .. },
                ReadyOption::Either | ReadyOption::Listening,
            )
            | (State::Starting { speaks: Speaks::Yes, .. }, ReadyOption::Listening) => Watch::Listening,
            // Bound after the others.
            (State::Serving(Drain::No), _) if !self.unserved.is_empty() => Watch::Listening,
            (State::Starting { .. }, ReadyOption::Either | ReadyOption::Notify | ReadyOption::After(_)) => {
                Watch::Nothing
            }
            (State::Claiming { .. } | State::Executing | State::Serving(_) | State::Failed, _) => {
                Watch::Nothing
            }
        }
    }

    fn granted(&mut self, address: &Address) {
        if let State::Claiming { waiting } = &mut self.state {
            waiting.remove(address);
            if waiting.is_empty() {
                self.state = State::Executing;
                self.out.push(StandInAction::Execute);
            }
        }
    }

    fn wants(&mut self, address: Address) {
        if !self.addresses.contains(&address) {
            self.addresses.push(address.clone());
        }
        self.unserved.insert(address.clone());
        self.out.push(StandInAction::Claim(address));
    }

    fn forget(&mut self, address: &Address) {
        self.unserved.remove(address);
        self.addresses.retain(|other| other != address);
    }

    /// That it lost to a newer generation is known to the supervisor, which ends it. A server that runs learns it from
    /// its bind(2), and decides what becomes of it.
    fn refused(&mut self, address: Address, code: Code, message: String) {
        match self.state {
            State::Claiming { .. } if matches!(code, Code::Superseded | Code::Withdrawn | Code::Stopping) => {
            }
            State::Claiming { .. } => self.fail(NotReady::NotGranted { address, code, message }),
            State::Executing
            | State::Starting { .. }
            | State::SaidReady { .. }
            | State::Serving(_)
            | State::Failed => self.forget(&address),
        }
    }

    fn executed(&mut self, now: Duration) {
        if let State::Executing = self.state {
            self.state = State::Starting { since: now, speaks: Speaks::NotYet };
        }
    }

    fn notified(&mut self, notifications: Notifications, now: Duration) {
        if let State::Starting { speaks, .. } = &mut self.state
            && notifications.is_use_of_the_protocol()
            && std::mem::replace(speaks, Speaks::Yes) == Speaks::NotYet
            && self.option == ReadyOption::Either
        {
            self.out.push(StandInAction::UsesNotify);
        }
        for notification in notifications.0 {
            match notification {
                Notification::Ready if self.is_said_by_the_server() => self.said_ready(now),
                Notification::Ready | Notification::Barrier => {}
                Notification::Reloading => self.out.push(StandInAction::Reloading),
                Notification::Stopping => self.out.push(StandInAction::Stopping),
                Notification::Status(status) => self.out.push(StandInAction::Status(status)),
                Notification::StoreDescriptors => self.out.push(StandInAction::StoreRefused),
                Notification::ExtendTimeout(time) => self.extend(time),
            }
        }
    }

    fn is_said_by_the_server(&self) -> bool {
        match self.option {
            ReadyOption::Either | ReadyOption::Notify => true,
            ReadyOption::Listening | ReadyOption::Exec(_) | ReadyOption::After(_) => false,
        }
    }

    fn extend(&mut self, time: Duration) {
        match self.state {
            State::Serving(Drain::Begun) => self.out.push(StandInAction::ExtendDrain(time)),
            State::Starting { .. } | State::SaidReady { .. } => self.out.push(StandInAction::NeedsTime(time)),
            State::Claiming { .. } | State::Executing | State::Serving(Drain::No) | State::Failed => {}
        }
    }

    fn said_ready(&mut self, now: Duration) {
        if let State::Starting { .. } = self.state {
            self.state = State::SaidReady { since: now };
        }
    }

    fn looked(&mut self, seen: Seen, now: Duration) {
        match self.state {
            State::Serving(Drain::No) => {
                let waits =
                    |address: &Address| seen.unawaited.contains(address) || seen.unclear.contains(address);
                self.unserved.retain(|address| {
                    if !waits(address) {
                        self.out.push(StandInAction::Serving(address.clone()));
                    }
                    waits(address)
                });
            }
            State::SaidReady { since } => {
                if seen.unawaited.is_empty() && !self.addresses.is_empty() {
                    return self.serve();
                }
                self.report_wrapper(seen.wrapper, since, now);
                if now >= since + LISTEN_WAIT {
                    let (addresses, said) = (seen.unawaited, self.option.clone());
                    self.fail(NotReady::DoesNotListen { addresses, said });
                }
            }
            State::Starting { since, .. } if self.watch() == Watch::Listening => {
                if seen.unawaited.is_empty() && seen.unclear.is_empty() && !self.addresses.is_empty() {
                    return self.serve();
                }
                self.report_wrapper(seen.wrapper, since, now);
            }
            State::Starting { .. }
            | State::Claiming { .. }
            | State::Executing
            | State::Serving(Drain::Begun)
            | State::Failed => {}
        }
    }

    fn report_wrapper(&mut self, wrapper: Option<Wrapper>, since: Duration, now: Duration) {
        if let (Some(wrapper), WrapperReport::Due) = (wrapper, self.wrapper)
            && now >= since + WRAPPER_WAIT
        {
            self.wrapper = WrapperReport::Made;
            self.out.push(StandInAction::Wrapped(wrapper));
        }
    }

    fn tick(&mut self, now: Duration) {
        if let (State::Starting { since, .. }, ReadyOption::After(after)) = (&self.state, &self.option)
            && now >= *since + *after
        {
            self.said_ready(now);
        }
    }

    fn serve(&mut self) {
        self.state = State::Serving(Drain::No);
        self.unserved.clear();
        self.out.extend(self.addresses.iter().cloned().map(StandInAction::Serving));
        self.out.push(StandInAction::Up);
    }

    fn fail(&mut self, reason: NotReady) {
        if self.state != State::Failed {
            self.state = State::Failed;
            self.out.push(StandInAction::Fail(reason));
        }
    }
}

#[cfg(test)]
mod tests;
