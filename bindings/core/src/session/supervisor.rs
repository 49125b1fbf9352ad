//! The role of a supervisor, and that of an observer: both are sent events, and decide nothing on
//! this link.
//!
//! A supervisor looks for an arbiter every 100 ms, because that is also when its driver tries to
//! become the arbiter: the end of the lock that another process held may change no directory.
//!
//! Whether the arbiter lives is asked by `ping`, 5 s after something was sent without anything
//! arriving since, and after a minute in which nothing arrived at all: a supervisor that nobody needs
//! wakes up once a minute. An arbiter that takes more than 5 s to greet, to welcome, or to answer a
//! ping, is reported once, and reported again when it is heard of. Nothing else follows from it: an
//! arbiter that lives is never replaced.

use std::fmt::Debug;
use std::mem;
use std::time::Duration;

use serverswap_protocol::Address;
use serverswap_protocol::message::{
    self, Closed, Code, DecidedVerdict, Form, FromArbiter, FromClient, Holding, Ping, Stop, TimedOut,
    Timeouts, UnixSockets,
};

use super::Session;
use super::action::SessionAction;
use super::call_error::CallError;
use super::event::Refusal;
use super::link::Link;
use super::role::{Announcement, Role};

/// After how long a silence the arbiter is asked whether it lives.
const PING_INTERVAL: Duration = Duration::from_secs(60);

/// As [`PING_INTERVAL`], since something was sent.
const PING_AFTER_CALL: Duration = Duration::from_secs(5);

/// A supervisor or an observer.
#[derive(Debug, Clone)]
pub struct SupervisorRole<L> {
    kind: Kind,
    owned: Vec<(Holding, Option<L>)>,
    liveness: ArbiterLiveness,
    /// Why the arbiter has refused this client, the last time; cleared by its `welcome`.
    refusal: Option<Code>,
    /// The `id` of the ping that asks whether the arbiter lives.
    ping: Option<u64>,
}

/// Which of the two.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Supervisor { form: Form, timeouts: Timeouts, unix_sockets: Option<UnixSockets> },
    Observer,
}

/// Whether the arbiter answers. Without a link it means nothing.
#[derive(Debug, Clone, Copy)]
enum ArbiterLiveness {
    /// Nothing is owed; it is asked at this time.
    Answering { ask_at: Duration },
    /// It owes a greeting and a welcome, or a pong, since this time.
    Owing { since: Duration },
    /// It was reported as not responding.
    Silent,
}

/// What a supervisor calls. Without a link it is dropped: the next `hello` says what is owned, and the
/// supervisor decides anew what to call when it is linked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SupervisorCall {
    /// May the server be ended? Answered by [`SupervisorEvent::Verdict`].
    TimedOut,
    /// The duplicate of this address's listener is closed.
    Closed(Address),
    /// The generation is to be taken down.
    Stop,
    /// Answered by [`SupervisorEvent::BarrierPassed`] when everything before it was handled.
    Barrier,
}

/// What a supervisor or an observer is to know.
#[derive(Debug, Clone, PartialEq)]
pub enum SupervisorEvent<L> {
    /// The arbiter has sent `welcome`: calls are sent from now on.
    Linked,
    /// The link has ended, and everything on it was read.
    LinkLost,
    /// The arbiter has sent an `event`, perhaps with a duplicate of the listener.
    Notice(message::Event, Option<L>),
    /// The answer to [`SupervisorCall::TimedOut`].
    Verdict(DecidedVerdict),
    /// The answer to [`SupervisorCall::Barrier`].
    BarrierPassed,
    /// There is an arbiter, and it does not answer.
    NotResponding {
        /// Its process id.
        pid: u32,
    },
    /// It answers again.
    Responding,
    /// The link was ended by an error, the arbiter's or ours. Reported once for each code until the
    /// next `welcome`.
    Refused(Refusal),
}

impl<L> SupervisorRole<L> {
    /// A supervisor that owns nothing yet.
    pub fn new(form: Form, timeouts: Timeouts, unix_sockets: UnixSockets) -> Self {
        let unix_sockets = Some(unix_sockets).filter(|rights| *rights != UnixSockets::default());
        SupervisorRole::of(Kind::Supervisor { form, timeouts, unix_sockets })
    }

    /// An observer, which is sent events and calls nothing.
    pub fn observer() -> Self {
        SupervisorRole::of(Kind::Observer)
    }

    fn of(kind: Kind) -> Self {
        let liveness = ArbiterLiveness::Silent;
        SupervisorRole { kind, owned: Vec::new(), liveness, refusal: None, ping: None }
    }

    /// What the generation owns, each with the duplicate of its listener if there is one: what the
    /// next `hello` says. To be set before every input without a link, and to be cleared after it.
    pub fn set_owned(&mut self, owned: Vec<(Holding, Option<L>)>) {
        self.owned = owned;
    }
}

impl<L: Clone + Debug> Role<L> for SupervisorRole<L> {
    type Call = SupervisorCall;
    type Event = SupervisorEvent<L>;

    const RETRY_INTERVAL: Option<Duration> = Some(Duration::from_millis(100));

    fn needed_capability(&self) -> Option<&'static str> {
        None
    }

    /// Nothing is kept of what is owned: a duplicate that its owner closes is to be closed.
    fn announcement(&mut self) -> Announcement<L> {
        let holding = mem::take(&mut self.owned);
        let draining = Vec::new();
        match self.kind {
            Kind::Supervisor { form, timeouts, unix_sockets } => {
                let (role, form, timeouts) = (message::Role::Supervisor, Some(form), Some(timeouts));
                Announcement { role, form, timeouts, unix_sockets, stand_in: None, holding, draining }
            }
            Kind::Observer => {
                let role = message::Role::Observer;
                let (form, timeouts, unix_sockets, stand_in) = (None, None, None, None);
                Announcement { role, form, timeouts, unix_sockets, stand_in, holding, draining }
            }
        }
    }

    fn call(session: &mut Session<L, Self>, call: SupervisorCall, now: Duration) -> Result<(), CallError> {
        let Link::Ready(ready) = &mut session.link else { return Ok(()) };
        let line = match call {
            SupervisorCall::TimedOut => FromClient::TimedOut(TimedOut { id: ready.numbers.next() }),
            SupervisorCall::Closed(address) => FromClient::Closed(Closed { address }),
            SupervisorCall::Stop => FromClient::Stop(Stop {}),
            SupervisorCall::Barrier => FromClient::Ping(Ping { id: ready.numbers.next() }),
        };
        session.actions.push_back(SessionAction::Send(line, Vec::new()));
        session.role.ask_soon(now);
        Ok(())
    }

    fn opened(_: &mut Session<L, Self>, _: &Address, _: Result<L, Refusal>) {}

    fn connected(session: &mut Session<L, Self>, now: Duration) {
        session.role.liveness = ArbiterLiveness::Owing { since: now };
    }

    fn arrived(session: &mut Session<L, Self>, now: Duration) {
        if let ArbiterLiveness::Silent = session.role.liveness {
            session.events.push_back(SupervisorEvent::Responding);
        }
        session.role.liveness = match session.is_linked() {
            true => ArbiterLiveness::Answering { ask_at: now + PING_INTERVAL },
            false => ArbiterLiveness::Owing { since: now },
        };
    }

    fn announced(_: &mut Session<L, Self>) {}

    fn welcomed(session: &mut Session<L, Self>, now: Duration) {
        session.role.refusal = None;
        session.role.liveness = ArbiterLiveness::Answering { ask_at: now + PING_INTERVAL };
        session.events.push_back(SupervisorEvent::Linked);
    }

    fn received(session: &mut Session<L, Self>, message: FromArbiter, fds: Vec<(String, L)>, now: Duration) {
        let listener = fds.into_iter().next().map(|(_, listener)| listener);
        let event = match (message, session.role.kind) {
            (FromArbiter::Event(_), Kind::Observer) if listener.is_some() => {
                return session.out_of_order("an event with a listener to an observer", now);
            }
            (FromArbiter::Event(event), Kind::Supervisor { .. } | Kind::Observer) => {
                SupervisorEvent::Notice(event, listener)
            }
            (FromArbiter::Verdict(verdict), Kind::Supervisor { .. }) => {
                SupervisorEvent::Verdict(verdict.verdict)
            }
            (FromArbiter::Pong(pong), _) if session.role.ping == Some(pong.re) => return,
            (FromArbiter::Pong(_), _) => SupervisorEvent::BarrierPassed,
            (FromArbiter::Granted(_), _) => {
                return session.out_of_order("`granted` to a client that claims nothing", now);
            }
            (FromArbiter::Takedown(_), _) => {
                return session.out_of_order("`takedown` to a client that holds nothing", now);
            }
            (FromArbiter::Progress(_), _) | (FromArbiter::Verdict(_), Kind::Observer) => return,
            // The session has taken these in before they come here.
            (
                FromArbiter::Ping(_)
                | FromArbiter::Error(_)
                | FromArbiter::Greeting(_)
                | FromArbiter::Welcome(_),
                _,
            ) => return,
        };
        session.events.push_back(event);
    }

    fn failed(_: &mut Session<L, Self>, _: Option<u64>, _: Refusal, _: Duration) {}

    fn refused(session: &mut Session<L, Self>, error: Refusal) {
        if session.role.refusal.replace(error.code.clone()).as_ref() != Some(&error.code) {
            session.events.push_back(SupervisorEvent::Refused(error));
        }
    }

    fn link_lost(session: &mut Session<L, Self>) {
        session.role.ping = None;
        if session.is_linked() {
            session.events.push_back(SupervisorEvent::LinkLost);
        }
    }

    fn deadline(session: &Session<L, Self>) -> Option<Duration> {
        session.contact()?;
        match session.role.liveness {
            ArbiterLiveness::Answering { ask_at } => Some(ask_at),
            ArbiterLiveness::Owing { since } => Some(since + session.timeouts.arbiter_not_responding),
            ArbiterLiveness::Silent => None,
        }
    }

    fn tick(session: &mut Session<L, Self>, now: Duration) {
        let Some(contact) = session.contact() else { return };
        if Self::deadline(session).is_none_or(|at| now < at) {
            return;
        }
        match session.role.liveness {
            ArbiterLiveness::Answering { .. } => {
                let Link::Ready(ready) = &mut session.link else { return };
                let id = ready.numbers.next();
                session.role.ping = Some(id);
                session.role.liveness = ArbiterLiveness::Owing { since: now };
                session.actions.push_back(SessionAction::Send(FromClient::Ping(Ping { id }), Vec::new()));
            }
            ArbiterLiveness::Owing { .. } => {
                session.role.liveness = ArbiterLiveness::Silent;
                session.events.push_back(SupervisorEvent::NotResponding { pid: contact.pid });
            }
            ArbiterLiveness::Silent => {}
        }
    }
}

impl<L> SupervisorRole<L> {
    /// Something was sent: the arbiter is asked soon, unless it is heard of before.
    fn ask_soon(&mut self, now: Duration) {
        if let ArbiterLiveness::Answering { ask_at } = &mut self.liveness {
            *ask_at = (*ask_at).min(now + PING_AFTER_CALL);
        }
    }
}
