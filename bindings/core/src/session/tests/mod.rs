//! A session driven by events. Its actions and events are compared as text: lines as the
//! JSON that is sent, `+7` for an attached listener 7.

mod claims;
mod negotiation;
mod pair;
mod reconnect;
mod stand_in;
mod supervisor;
mod table;
mod takedown;

use std::time::Duration;

use serverswap_protocol::line::encode;
use serverswap_protocol::message::{Code, FromArbiter};
use serverswap_protocol::{Address, SocketMode};

use super::*;

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// A session with listeners that are numbers, and a clock that only moves when it is moved.
pub(super) struct Bench {
    pub session: Session<u32>,
    pub now: Duration,
}

pub(super) fn address(text: &str) -> Address {
    text.parse().expect("a valid address")
}

fn identity() -> Identity {
    Identity {
        client: ClientInfo { name: "test".into(), version: "1".into() },
        generation: Some("7-9".parse().expect("valid")),
    }
}

impl Bench {
    /// Not yet connected.
    pub fn new() -> Self {
        let now = Duration::from_secs(100);
        Bench { session: Session::supervised(identity(), ConnectTimeouts::default(), now), now }
    }

    /// As [`Bench::new`], where an arbiter can be started.
    pub fn with_arbiter_program() -> Self {
        let bench = Bench::new();
        Bench { session: bench.session.with_arbiter_program(), ..bench }
    }

    /// Without a supervisor.
    pub fn alone() -> Self {
        Bench { session: Session::alone(identity()), now: Duration::from_secs(100) }
    }

    /// Connected and welcomed, with nothing held; the actions until then are taken.
    pub fn linked() -> Self {
        let mut bench = Bench::new();
        bench.link();
        bench.actions();
        bench
    }

    /// Linked, and serving `:1` by the listener 7.
    pub fn serving() -> Self {
        let mut bench = Bench::linked();
        bench.inherit(":1");
        bench.receive_with(r#"{"type":"granted","re":2,"address":":1","fds":["listener"]}"#, &[7]);
        bench.call(Call::Serving(address(":1"))).expect("held");
        bench.actions();
        bench.events();
        bench
    }

    pub fn call(&mut self, call: Call) -> Result<(), CallError> {
        self.session.call(call, self.now)
    }

    pub fn handle(&mut self, input: SessionInput<u32>) -> &mut Self {
        self.session.handle(input, self.now);
        self
    }

    pub fn connect(&mut self) -> &mut Self {
        self.handle(SessionInput::Connected { pid: 42 })
    }

    pub fn absent(&mut self) -> &mut Self {
        self.handle(SessionInput::NotConnected { reason: "connection refused".into() })
    }

    pub fn greet(&mut self) -> &mut Self {
        self.receive(
            r#"{"type":"greeting","versions":[1],"arbiter":{"name":"serverswap","version":"0","pid":42},"limits":{"lineBytes":65536,"fdsPerLine":128}}"#,
        )
    }

    pub fn welcome(&mut self) -> &mut Self {
        self.receive(r#"{"type":"welcome","re":1,"version":1}"#)
    }

    /// From the connection to the welcome.
    pub fn link(&mut self) -> &mut Self {
        self.connect().greet().welcome()
    }

    pub fn receive(&mut self, line: &str) -> &mut Self {
        self.receive_with(line, &[])
    }

    pub fn receive_with(&mut self, line: &str, listeners: &[u32]) -> &mut Self {
        let message: FromArbiter = serde_json::from_str(line).expect("a line of the arbiter");
        let fds = listeners.iter().map(|listener| ("listener".to_owned(), *listener)).collect();
        self.handle(SessionInput::Received { message, fds })
    }

    pub fn pass(&mut self, time: Duration) -> &mut Self {
        self.now += time;
        self.session.tick(self.now);
        self
    }

    pub fn inherit(&mut self, text: &str) -> &mut Self {
        self.claim(text, SocketMode::Inherit)
    }

    pub fn bind(&mut self, text: &str) -> &mut Self {
        self.claim(text, SocketMode::Bind)
    }

    fn claim(&mut self, text: &str, socket: SocketMode) -> &mut Self {
        self.call(Call::ReadyFor { address: address(text), socket, more: false }).expect("it can be claimed");
        self
    }

    /// The actions since the last call.
    pub fn actions(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.session.next_action()).map(|action| action_text(&action)).collect()
    }

    /// The events since the last call.
    pub fn events(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.session.next_event()).map(|event| event_text(&event)).collect()
    }
}

fn action_text(action: &SessionAction<u32>) -> String {
    match action {
        SessionAction::Watch => "watch".into(),
        SessionAction::Unwatch => "unwatch".into(),
        SessionAction::Connect => "connect".into(),
        SessionAction::Close => "close".into(),
        SessionAction::StartArbiter => "start an arbiter".into(),
        SessionAction::Open(address) => format!("open {address}"),
        SessionAction::Send(line, listeners) => {
            let text = String::from_utf8(encode(line)).expect("JSON is UTF-8");
            let attached: String = listeners.iter().map(|listener| format!(" +{listener}")).collect();
            format!("{}{attached}", text.trim_end())
        }
    }
}

pub(super) fn event_text(event: &ServerEvent<u32>) -> String {
    let code = |code: &Code| code.to_string();
    match event {
        ServerEvent::Granted { address, listener: Some(listener) } => {
            format!("granted {address} +{listener}")
        }
        ServerEvent::Granted { address, listener: None } => format!("granted {address}"),
        ServerEvent::Refused { address, error } => format!("refused {address} {}", code(&error.code)),
        ServerEvent::Waiting { address, waiting_for } => format!("waiting {address} {waiting_for:?}"),
        ServerEvent::Takedown { address, reason, drain, .. } => {
            format!("takedown {address} {reason:?} {drain:?}")
        }
        ServerEvent::Error { code: error, message } => format!("error {}: {message}", code(error)),
    }
}
