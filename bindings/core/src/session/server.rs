//! The role of a server: it claims addresses, holds them and releases them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::time::Duration;

use serverswap_protocol::Address;
use serverswap_protocol::message::{
    self, Code, Fail, FromArbiter, FromClient, Holding, LISTENER, OnTakedown, Released, STAND_IN, ServerUp,
    Takedown,
};

use super::Session;
use super::arbiter_start::ArbiterStart;
use super::call_error::CallError;
use super::calls::Call;
use super::event::{Refusal, ServerEvent};
use super::role::{Announcement, Role};
use super::server_addresses::{Draining, ServerAddress, ServerAddresses, TakingDown};
use super::stand_in::StandIn;

/// What a server claims, holds and handles.
#[derive(Debug, Clone)]
pub struct ServerRole<L> {
    pub(super) addresses: ServerAddresses<L>,
    /// The addresses whose takedown this server handles, claimed or not.
    pub(super) handled: BTreeSet<Address>,
    /// How its start ended; sent again on every link.
    pub(super) outcome: Outcome,
    /// The claims that were sent on this link and not answered, withdrawn ones included.
    pub(super) asked: BTreeMap<u64, Address>,
    pub(super) arbiter_start: ArbiterStart,
    /// For which process a stand-in speaks; `None` for a server that speaks for itself.
    pub(super) stand_in: Option<StandIn>,
}

/// How the start of the server as a whole has ended.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// Nothing yet, or for ever: `serverUp` is only for servers that claim with `more`.
    Open,
    /// `serverUp`.
    Up,
    /// `fail`, with its reason. Nothing can be claimed any more.
    Failed(String),
}

impl<L> Default for ServerRole<L> {
    fn default() -> Self {
        ServerRole {
            addresses: ServerAddresses::default(),
            handled: BTreeSet::new(),
            outcome: Outcome::Open,
            asked: BTreeMap::new(),
            arbiter_start: ArbiterStart::Impossible,
            stand_in: None,
        }
    }
}

impl<L: Clone + Debug> Role<L> for ServerRole<L> {
    type Call = Call;
    type Event = ServerEvent<L>;

    /// Whoever becomes the arbiter changes the directory, and a server has nothing else to wait for.
    const RETRY_INTERVAL: Option<Duration> = None;

    fn needed_capability(&self) -> Option<&'static str> {
        self.stand_in.map(|_| STAND_IN)
    }

    fn announcement(&mut self) -> Announcement<L> {
        let mut holding = Vec::new();
        let mut draining = Vec::new();
        for (address, state) in self.addresses.iter() {
            let (serving, listener) = match state {
                ServerAddress::Granted(granted) => (false, &granted.listener),
                ServerAddress::Serving(serving) => (true, &serving.listener),
                ServerAddress::TakingDown(taking_down) => (taking_down.serves, &taking_down.listener),
                ServerAddress::Draining(_) => {
                    draining.push(address.clone());
                    continue;
                }
                ServerAddress::Free | ServerAddress::Claiming(_) => continue,
            };
            let on_takedown = self.handled.contains(address);
            holding.push((Holding { address: address.clone(), serving, on_takedown }, listener.clone()));
        }
        Announcement {
            role: message::Role::Server,
            form: None,
            timeouts: self.stand_in.and_then(|stand_in| stand_in.adopt),
            unix_sockets: None,
            stand_in: self.stand_in.map(StandIn::announced),
            holding,
            draining,
        }
    }

    fn call(session: &mut Session<L>, call: Call, now: Duration) -> Result<(), CallError> {
        session.take_call(call, now)
    }

    fn opened(session: &mut Session<L>, address: &Address, listener: Result<L, Refusal>) {
        session.listener_opened(address, listener);
    }

    fn connected(_: &mut Session<L>, _: Duration) {}

    fn arrived(_: &mut Session<L>, _: Duration) {}

    fn announced(session: &mut Session<L>) {
        session.send_again();
    }

    fn welcomed(_: &mut Session<L>, _: Duration) {}

    fn received(session: &mut Session<L>, message: FromArbiter, fds: Vec<(String, L)>, now: Duration) {
        match message {
            FromArbiter::Granted(granted) => {
                let listener = fds.into_iter().find(|(name, _)| name == LISTENER).map(|(_, fd)| fd);
                session.granted(granted.re, &granted.address, listener, now);
            }
            FromArbiter::Takedown(takedown) => session.taken(takedown, now),
            FromArbiter::Progress(progress) => session.claim_waits(progress, now),
            // Of other roles, and taken by the session before it comes here.
            FromArbiter::Event(_)
            | FromArbiter::Verdict(_)
            | FromArbiter::Pong(_)
            | FromArbiter::Ping(_)
            | FromArbiter::Error(_)
            | FromArbiter::Greeting(_)
            | FromArbiter::Welcome(_) => {}
        }
    }

    fn failed(session: &mut Session<L>, re: Option<u64>, error: Refusal, now: Duration) {
        match re {
            Some(re) => session.claim_refused(re, error, now),
            None => session.events.push_back(ServerEvent::Error { code: error.code, message: error.message }),
        }
    }

    /// A shortage passes: then the claims wait on. Every other error ends them.
    fn refused(session: &mut Session<L>, error: Refusal) {
        let Refusal { code, message } = error.clone();
        session.events.push_back(ServerEvent::Error { code, message });
        if error.code != Code::TooManyConnections && error.code != Code::Exhausted {
            session.refuse_all(&error);
        }
    }

    fn link_lost(session: &mut Session<L>) {
        session.role.asked.clear();
        session.role.addresses.forget_numbers();
    }

    fn deadline(session: &Session<L>) -> Option<Duration> {
        [session.claim_expires(), session.arbiter_start_due()].into_iter().flatten().min()
    }

    fn tick(session: &mut Session<L>, now: Duration) {
        session.expire(now);
        session.start_arbiter(now);
    }
}

impl<L: Clone + Debug> Session<L> {
    /// What is sent after every `hello`.
    fn send_again(&mut self) {
        if let Outcome::Failed(reason) = &self.role.outcome {
            let reason = reason.clone();
            return self.send_after_hello(FromClient::Fail(Fail { reason }));
        }
        let role = &self.role;
        let is_unheld = |address: &&Address| !role.addresses.of(address).is_held();
        let unheld: Vec<_> = role.handled.iter().filter(is_unheld).cloned().collect();
        for address in unheld {
            self.send_after_hello(FromClient::OnTakedown(OnTakedown { address }));
        }
        for address in self.role.addresses.claimed() {
            self.ask(&address);
        }
        match self.role.outcome {
            Outcome::Up => self.send_after_hello(FromClient::ServerUp(ServerUp {})),
            Outcome::Open | Outcome::Failed(_) => {}
        }
    }

    fn taken(&mut self, takedown: Takedown, now: Duration) {
        if !self.accept_id(takedown.id, now) {
            return;
        }
        let Takedown { id, address, .. } = &takedown;
        let next = match self.role.addresses.take(address) {
            ServerAddress::Granted(granted) => {
                self.report_takedown(&takedown);
                let listener = granted.listener;
                ServerAddress::TakingDown(TakingDown { listener, serves: false, owed: Some(*id) })
            }
            ServerAddress::Serving(serving) => {
                self.report_takedown(&takedown);
                let listener = serving.listener;
                ServerAddress::TakingDown(TakingDown { listener, serves: true, owed: Some(*id) })
            }
            ServerAddress::TakingDown(taking_down) if taking_down.owed.is_some() => {
                self.role.addresses.set(address, ServerAddress::TakingDown(taking_down));
                return self.out_of_order("`takedown` of an address whose takedown is open", now);
            }
            // The server was sent it over a link that was lost since.
            ServerAddress::TakingDown(taking_down) => {
                ServerAddress::TakingDown(TakingDown { owed: Some(*id), ..taking_down })
            }
            ServerAddress::Draining(_) => {
                self.answer_takedown(*id, address);
                ServerAddress::Draining(Draining { takedown: Some(*id) })
            }
            unheld @ (ServerAddress::Free | ServerAddress::Claiming(_)) => {
                self.answer_takedown(*id, address);
                unheld
            }
        };
        self.role.addresses.set(address, next);
    }

    fn report_takedown(&mut self, takedown: &Takedown) {
        self.events.push_back(ServerEvent::Takedown {
            address: takedown.address.clone(),
            reason: takedown.reason.clone().or_replaced(),
            drain: Duration::from_millis(takedown.drain_ms),
            stream: Duration::from_millis(takedown.stream_ms.unwrap_or(0).max(takedown.drain_ms)),
        });
    }

    pub(super) fn answer_takedown(&mut self, id: u64, address: &Address) {
        self.send_after_hello(FromClient::Released(Released { re: Some(id), address: address.clone() }));
    }

    /// As [`Self::send_attached`], for what a server that has failed does not send any more.
    pub(super) fn send_unless_failed(&mut self, message: FromClient, listeners: Vec<L>) {
        match self.role.outcome {
            Outcome::Open | Outcome::Up => self.send_attached(message, listeners),
            Outcome::Failed(_) => {}
        }
    }
}
