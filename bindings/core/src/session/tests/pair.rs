//! A session and an arbiter in memory, joined by a link that splits, merges and drops: when
//! the link holds at last, both believe the same, every claim has ended exactly once, and the
//! state tables of the specification saw nothing that they forbid.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;
use serverswap_protocol::line::{Decoded, LineReader, decode};
use serverswap_protocol::message::{
    ArbiterInfo, Error, Granted, Greeting, Limits, Message, Ping, Takedown, TakedownReason, Welcome,
};
use serverswap_protocol::trace::{self, Side};

use super::super::server_addresses::ServerAddress;
use super::*;

const ADDRESSES: [&str; 3] = ["a", ":1", ":2"];

/// One step of a script; the numbers are indices of [`ADDRESSES`], or bytes.
#[derive(Debug, Clone)]
enum Step {
    Claim(usize),
    Serving(usize),
    Release(usize),
    OnTakedown(usize),
    Progress(usize),
    ServerUp,
    Fail,
    Ping,
    Grant(usize),
    Refuse(usize),
    Takedown(usize),
    ToClient(usize),
    ToArbiter(usize),
    DropLink,
}

fn step() -> impl Strategy<Value = Step> {
    let at = 0..ADDRESSES.len();
    let bytes = 1..200_usize;
    let common = prop_oneof![
        at.clone().prop_map(Step::Claim),
        at.clone().prop_map(Step::Serving),
        at.clone().prop_map(Step::Release),
        at.clone().prop_map(Step::OnTakedown),
        at.clone().prop_map(Step::Progress),
        Just(Step::ServerUp),
        Just(Step::Ping),
        at.clone().prop_map(Step::Grant),
        at.clone().prop_map(Step::Refuse),
        at.prop_map(Step::Takedown),
        bytes.clone().prop_map(Step::ToClient),
        bytes.prop_map(Step::ToArbiter),
        Just(Step::DropLink),
    ];
    prop_oneof![100 => common, 1 => Just(Step::Fail)]
}

/// Bytes under way, and the listeners that travel with some of them.
#[derive(Default)]
struct Direction {
    bytes: VecDeque<u8>,
    /// `(how many bytes were sent before, listener)`.
    listeners: VecDeque<(usize, u32)>,
    sent: usize,
    delivered: usize,
    reader: LineReader<u32>,
}

impl Direction {
    fn send<M: Message>(&mut self, message: &M, listeners: &[u32]) {
        self.listeners.extend(listeners.iter().map(|listener| (self.sent, *listener)));
        let bytes = encode(message);
        self.sent += bytes.len();
        self.bytes.extend(bytes);
    }

    /// Delivers at most so many bytes, with the listeners that begin among them.
    fn deliver<M: Message>(&mut self, bytes: usize) -> Vec<(M, Vec<(String, u32)>)> {
        let count = bytes.min(self.bytes.len());
        let chunk: Vec<u8> = self.bytes.drain(..count).collect();
        self.delivered += count;
        let begun = self.listeners.iter().take_while(|(before, _)| *before < self.delivered).count();
        let listeners: Vec<u32> = self.listeners.drain(..begun).map(|(_, listener)| listener).collect();
        self.reader.push(&chunk, listeners);
        let next = || self.reader.next_line().expect("well-formed");
        std::iter::from_fn(next)
            .map(|line| match decode(line).expect("a message") {
                Decoded::Message { message, fds } => (message, fds),
                Decoded::Unknown { kind, .. } => panic!("unknown type {kind}"),
                Decoded::Ignored => panic!("an ignored line"),
            })
            .collect()
    }
}

/// What the arbiter believes; it outlives every link, as the state file does.
#[derive(Default)]
struct Arbiter {
    held: BTreeMap<Address, bool>,
    claims: BTreeMap<Address, (u64, SocketMode)>,
    takedowns: BTreeMap<u64, Address>,
    /// Whether the client was welcomed on this link.
    welcomed: bool,
    next_id: u64,
    next_listener: u32,
}

impl Arbiter {
    fn receive(&mut self, message: FromClient) -> Option<FromArbiter> {
        match message {
            FromClient::Hello(hello) => {
                self.welcomed = true;
                self.held = hello.holding.iter().map(|held| (held.address.clone(), held.serving)).collect();
                let welcome = Welcome { re: hello.id, version: 1, generation: None, capabilities: [].into() };
                return Some(FromArbiter::Welcome(welcome));
            }
            FromClient::ReadyFor(claim) => {
                assert!(!self.held.contains_key(&claim.address), "claims what it holds: {claim:?}");
                let replaced = self.claims.insert(claim.address.clone(), (claim.id, claim.socket));
                assert_eq!(replaced, None, "claims twice: {claim:?}");
            }
            FromClient::Serving(serving) => {
                if let Some(serves) = self.held.get_mut(&serving.address) {
                    *serves = true;
                }
            }
            FromClient::Released(released) => return self.released(released.re, &released.address),
            FromClient::OnTakedown(_)
            | FromClient::Progress(_)
            | FromClient::ServerUp(_)
            | FromClient::Fail(_)
            | FromClient::Pong(_) => {}
            other @ (FromClient::Holding(_)
            | FromClient::TimedOut(_)
            | FromClient::Closed(_)
            | FromClient::Stop(_)
            | FromClient::Ping(_)
            | FromClient::Error(_)) => panic!("not in these scripts: {other:?}"),
        }
        None
    }

    fn released(&mut self, re: Option<u64>, address: &Address) -> Option<FromArbiter> {
        match re {
            Some(re) => {
                if self.takedowns.remove(&re).is_some() {
                    self.held.remove(address);
                }
            }
            None => {
                if let Some((id, _)) = self.claims.remove(address) {
                    return Some(error(id, Code::Withdrawn));
                }
                self.held.remove(address);
                self.takedowns.retain(|_, taken| taken != address);
            }
        }
        None
    }
}

fn error(re: u64, code: Code) -> FromArbiter {
    FromArbiter::Error(Error { re: Some(re), code, message: "no".into(), fatal: false })
}

struct Pair {
    bench: Bench,
    arbiter: Arbiter,
    to_client: Direction,
    to_arbiter: Direction,
    /// The specification, looking on at the client's end of this link.
    trace: trace::Checker,
    /// Claims that were accepted by the session, and those that ended, by address.
    claimed: BTreeMap<Address, usize>,
    ended: BTreeMap<Address, usize>,
}

impl Pair {
    fn new() -> Self {
        let mut pair = Pair {
            bench: Bench::new(),
            arbiter: Arbiter::default(),
            to_client: Direction::default(),
            to_arbiter: Direction::default(),
            trace: trace::Checker::new(Side::Client),
            claimed: BTreeMap::new(),
            ended: BTreeMap::new(),
        };
        pair.settle();
        pair
    }

    fn step(&mut self, step: &Step) {
        let at = |index: &usize| address(ADDRESSES[*index]);
        match step {
            Step::Claim(index) => self.claim(&at(index)),
            Step::Serving(index) => self.call(Call::Serving(at(index))),
            Step::Release(index) => self.call(Call::Released(at(index))),
            Step::OnTakedown(index) => self.call(Call::OnTakedown(at(index))),
            Step::Progress(index) => {
                self.call(Call::Progress {
                    address: at(index),
                    connections: Some(1),
                    cut: None,
                    extend: None,
                });
            }
            Step::ServerUp => self.call(Call::ServerUp),
            Step::Fail => self.call(Call::Fail { reason: "no database".to_owned() }),
            Step::Ping => self.ping(),
            Step::Grant(index) => self.grant(&at(index)),
            Step::Refuse(index) => {
                if let Some((id, _)) = self.arbiter.claims.remove(&at(index)) {
                    self.to_client.send(&error(id, Code::Superseded), &[]);
                }
            }
            Step::Takedown(index) => self.take_down(&at(index)),
            Step::ToClient(bytes) => self.deliver_to_client(*bytes),
            Step::ToArbiter(bytes) => self.deliver_to_arbiter(*bytes),
            Step::DropLink => self.drop_link(),
        }
        self.settle();
    }

    /// A call that may be made at the wrong time.
    fn call(&mut self, call: Call) {
        let _ = self.bench.call(call);
    }

    fn claim(&mut self, address: &Address) {
        let socket = if address.has_socket() { SocketMode::Inherit } else { SocketMode::Bind };
        if self.bench.call(Call::ReadyFor { address: address.clone(), socket, more: false }).is_ok() {
            *self.claimed.entry(address.clone()).or_default() += 1;
        }
    }

    fn grant(&mut self, address: &Address) {
        let Some((re, socket)) = self.arbiter.claims.remove(address) else { return };
        self.arbiter.held.insert(address.clone(), false);
        self.arbiter.next_listener += 1;
        let listener = [self.arbiter.next_listener];
        let (fds, listeners) = match socket {
            SocketMode::Bind => (vec![], &[][..]),
            SocketMode::Inherit => (vec!["listener".to_owned()], &listener[..]),
        };
        let granted = Granted { re, address: address.clone(), fds };
        self.to_client.send(&FromArbiter::Granted(granted), listeners);
    }

    fn take_down(&mut self, address: &Address) {
        let open = self.arbiter.takedowns.values().any(|taken| taken == address);
        if self.arbiter.welcomed && !open && self.arbiter.held.contains_key(address) {
            self.arbiter.next_id += 1;
            let id = self.arbiter.next_id;
            self.arbiter.takedowns.insert(id, address.clone());
            let reason = TakedownReason::Replaced;
            let takedown = Takedown { id, address: address.clone(), reason, drain_ms: 1, stream_ms: None };
            self.to_client.send(&FromArbiter::Takedown(takedown), &[]);
        }
    }

    fn ping(&mut self) {
        if self.arbiter.welcomed {
            self.arbiter.next_id += 1;
            self.to_client.send(&FromArbiter::Ping(Ping { id: self.arbiter.next_id }), &[]);
        }
    }

    fn deliver_to_client(&mut self, bytes: usize) {
        for (message, fds) in self.to_client.deliver(bytes) {
            self.observe(Side::Arbiter, &message);
            self.bench.handle(SessionInput::Received { message, fds });
            self.carry_out();
        }
    }

    fn deliver_to_arbiter(&mut self, bytes: usize) {
        for (message, _) in self.to_arbiter.deliver(bytes) {
            if let Some(answer) = self.arbiter.receive(message) {
                self.to_client.send(&answer, &[]);
            }
        }
    }

    /// Everything under way is lost, and the arbiter forgets what belonged to the link.
    fn drop_link(&mut self) {
        self.bench.handle(SessionInput::Ended);
        (self.to_client, self.to_arbiter) = Default::default();
        self.arbiter.claims.clear();
        self.arbiter.takedowns.clear();
        self.arbiter.next_id = 0;
        self.arbiter.welcomed = false;
    }

    fn observe<M: Message>(&mut self, by: Side, message: &M) {
        let line = serde_json::from_slice(&encode(message)).expect("a JSON object");
        self.trace.observe(by, &line).expect("no rule is broken");
    }

    /// Does what the session asks for.
    fn carry_out(&mut self) {
        while let Some(action) = self.bench.session.next_action() {
            match action {
                SessionAction::Watch | SessionAction::Unwatch | SessionAction::StartArbiter => {}
                SessionAction::Connect => self.greet(),
                SessionAction::Send(line, listeners) => {
                    self.observe(Side::Client, &line);
                    self.to_arbiter.send(&line, &listeners);
                }
                SessionAction::Close => (self.to_client, self.to_arbiter) = Default::default(),
                SessionAction::Open(address) => panic!("not alone: {address}"),
            }
        }
    }

    /// Does what the session asks for; time passes when it waits to try again.
    fn settle(&mut self) {
        self.carry_out();
        while let Some(at) = self.bench.session.deadline()
            && at < self.bench.now + 2 * SECOND
        {
            let wait = at - self.bench.now;
            self.bench.pass(wait);
            self.carry_out();
        }
        while let Some(event) = self.bench.session.next_event() {
            match event {
                ServerEvent::Granted { address, .. } | ServerEvent::Refused { address, .. } => {
                    *self.ended.entry(address).or_default() += 1;
                }
                ServerEvent::Waiting { .. } | ServerEvent::Takedown { .. } => {}
                ServerEvent::Error { code, message } => panic!("{code}: {message}"),
            }
        }
    }

    fn greet(&mut self) {
        self.bench.connect();
        self.trace = trace::Checker::new(Side::Client);
        let arbiter = ArbiterInfo { name: "pair".into(), version: "1".into(), pid: 42 };
        let greeting = Greeting { versions: vec![1], arbiter, capabilities: [].into(), limits: Limits::V1 };
        self.to_client.send(&FromArbiter::Greeting(greeting), &[]);
    }

    /// Delivers everything until there is nothing more to say.
    fn finish(&mut self) {
        while !(self.to_client.bytes.is_empty() && self.to_arbiter.bytes.is_empty()) {
            self.deliver_to_client(usize::MAX);
            self.settle();
            self.deliver_to_arbiter(usize::MAX);
            self.settle();
        }
    }

    /// What the session believes: the held with whether they are served, and the claims.
    fn believed(&self) -> (BTreeMap<Address, bool>, Vec<Address>) {
        let held = self.bench.session.role.addresses.iter().filter_map(|(address, state)| match state {
            ServerAddress::Granted(_) => Some((address.clone(), false)),
            ServerAddress::Serving(_) => Some((address.clone(), true)),
            ServerAddress::TakingDown(taking_down) => Some((address.clone(), taking_down.serves)),
            ServerAddress::Free | ServerAddress::Claiming(_) | ServerAddress::Draining(_) => None,
        });
        let mut claims = self.bench.session.role.addresses.claimed();
        claims.sort();
        (held.collect(), claims)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_link_does_both_sides_agree_in_the_end(
        script in proptest::collection::vec(step(), 0..60)
    ) {
        let mut pair = Pair::new();
        for step in &script {
            pair.step(step);
        }
        pair.finish();
        let arbiter = (pair.arbiter.held.clone(), pair.arbiter.claims.keys().cloned().collect());
        prop_assert_eq!(pair.believed(), arbiter);
        for (address, claimed) in &pair.claimed {
            let waits = usize::from(pair.arbiter.claims.contains_key(address));
            let ended = pair.ended.get(address).copied().unwrap_or_default();
            prop_assert_eq!(*claimed, ended + waits, "claims of {}", address);
        }
    }
}
