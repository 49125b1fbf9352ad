//! A server: the shipped client session, and a program that claims, serves, releases and exits.

use std::collections::BTreeMap;
use std::time::Duration;

use serverswap::protocol::message::{ClientInfo, Code, FromClient, Message};
use serverswap::protocol::{Address, Generation, SocketMode};
use serverswap::session::{
    Call, ConnectTimeouts, Identity, ServerEvent, Session, SessionAction, SessionInput, StandIn,
};
use serverswap::sys::process::Process;
use serverswap_cli::supervisor::ServerExit;

use super::setup::Speaker;
use super::wire::Listener;
use super::world::{Broken, World};

/// SIGTERM.
const STOP_SIGNAL: u32 = 15;

/// How a claim may end in these worlds, beside a grant.
const ENDS_OF_CLAIMS: [Code; 6] = [
    Code::Superseded,
    Code::SupervisorLost,
    Code::AddressInUse,
    Code::Stopping,
    Code::Withdrawn,
    Code::ArbiterNotResponding,
];

/// A process.
#[derive(Debug, Clone)]
pub struct Server {
    pub process: Process,
    pub generation: Generation,
    /// Which supervisor started it.
    pub parent: usize,
    pub socket: SocketMode,
    /// How long it serves beside an older one.
    pub probation: Duration,
    pub speaker: Speaker,
    pub life: Life,
}

#[derive(Debug, Clone)]
pub enum Life {
    /// It has been started.
    Booting,
    /// It has claimed its addresses.
    Running(Box<Program>),
    /// It has ended.
    Ended(ServerExit),
}

/// What is inside a running server.
#[derive(Debug, Clone)]
pub struct Program {
    pub session: Session<Listener>,
    pub wire: Option<u64>,
    pub watch: Watch,
    pub will: Will,
    pub doings: BTreeMap<Address, Doing>,
}

/// Whether it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Will {
    GoesOn,
    /// It has sent `fail`: it serves nothing more, releases when it is taken down, and exits by
    /// itself if it accepts nothing.
    GivesUp,
    /// Its stand-in has ended: it goes on, and nobody says so.
    IsMute,
}

/// The watch on the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    Off,
    On,
    /// A socket has appeared since.
    Changed,
}

/// What the program does with an address; its own duplicate of the listener goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    Waits,
    /// Granted, the accept loop does not run.
    Prepares(Option<Listener>),
    Serves(Option<Listener>),
    /// It was sent a takedown and has not released yet: it accepts if it did before.
    Leaves {
        listener: Option<Listener>,
        accepts: bool,
    },
    Released,
    Lost,
}

impl Doing {
    /// Whether connections are accepted.
    pub fn accepts(self) -> bool {
        match self {
            Doing::Serves(_) | Doing::Leaves { accepts: true, .. } => true,
            Doing::Waits
            | Doing::Prepares(_)
            | Doing::Leaves { accepts: false, .. }
            | Doing::Released
            | Doing::Lost => false,
        }
    }

    /// Whether the address is the server's own.
    pub fn holds(self) -> bool {
        match self {
            Doing::Prepares(_) | Doing::Serves(_) | Doing::Leaves { .. } => true,
            Doing::Waits | Doing::Released | Doing::Lost => false,
        }
    }

    pub fn listener(self) -> Option<Listener> {
        match self {
            Doing::Prepares(listener) | Doing::Serves(listener) | Doing::Leaves { listener, .. } => listener,
            Doing::Waits | Doing::Released | Doing::Lost => None,
        }
    }
}

impl Server {
    pub fn is_alive(&self) -> bool {
        !matches!(self.life, Life::Ended(_))
    }

    pub fn program(&self) -> Option<&Program> {
        match &self.life {
            Life::Running(program) => Some(program),
            Life::Booting | Life::Ended(_) => None,
        }
    }

    pub fn doing(&self, address: &Address) -> Option<Doing> {
        self.program()?.doings.get(address).copied()
    }

    pub fn doings(&self) -> impl Iterator<Item = (&Address, Doing)> {
        self.program()
            .into_iter()
            .flat_map(|program| program.doings.iter().map(|(address, doing)| (address, *doing)))
    }

    /// Nothing is held, claimed or hoped for any more.
    pub fn is_done(&self) -> bool {
        self.program().is_some_and(|program| {
            program.doings.values().all(|doing| matches!(doing, Doing::Released | Doing::Lost))
        })
    }

    /// When its session wants to be called, if anybody speaks for it.
    pub fn session_deadline(&self) -> Option<Duration> {
        let program = self.program()?;
        match program.will {
            Will::GoesOn | Will::GivesUp => program.session.deadline(),
            Will::IsMute => None,
        }
    }

    /// It has given up, and nobody is served by it.
    pub fn may_quit(&self) -> bool {
        let gives_up = self.program().is_some_and(|program| program.will == Will::GivesUp);
        gives_up && !self.is_done() && !self.doings().any(|(_, doing)| doing.accepts())
    }

    /// What it exits with when it is done.
    pub fn status(&self) -> ServerExit {
        let has_released = self.doings().any(|(_, doing)| doing == Doing::Released);
        ServerExit::Status(if has_released { 0 } else { 1 })
    }
}

impl World {
    /// It begins: connects and claims everything.
    pub fn boot(&mut self, pid: u32) {
        let now = self.now;
        let addresses = self.setup.addresses.clone();
        self.with_server(pid, |world, server| {
            let client = ClientInfo { name: "model".to_owned(), version: "0".to_owned() };
            let identity = Identity { client, generation: Some(server.generation) };
            let timeouts = ConnectTimeouts::default();
            let stand_in = StandIn { pid, stop_signal: STOP_SIGNAL, adopt: None };
            let mut program = Program {
                session: match server.speaker {
                    Speaker::Itself => Session::supervised(identity, timeouts, now),
                    Speaker::StandIn => Session::stand_in(identity, stand_in, timeouts, now),
                },
                wire: None,
                watch: Watch::Off,
                will: Will::GoesOn,
                doings: BTreeMap::new(),
            };
            if server.speaker == Speaker::StandIn && !world.supervisors[server.parent].is_alive() {
                program.will = Will::IsMute;
                program.doings = addresses.iter().map(|address| (address.clone(), Doing::Lost)).collect();
                server.life = Life::Running(Box::new(program));
                return;
            }
            for address in &addresses {
                if server.speaker == Speaker::StandIn {
                    let claim = Call::Provide { address: address.clone(), more: false };
                    program.session.call(claim, now).expect("it is free");
                    program.doings.insert(address.clone(), Doing::Waits);
                    continue;
                }
                let claim = Call::ReadyFor { address: address.clone(), socket: server.socket, more: false };
                for call in [Call::OnTakedown(address.clone()), claim] {
                    program.session.call(call, now).expect("it is free");
                }
                program.doings.insert(address.clone(), Doing::Waits);
            }
            world.settle(server, &mut program);
            server.life = Life::Running(Box::new(program));
        });
    }

    /// The accept loop of a granted address begins.
    pub fn serve(&mut self, pid: u32, address: &Address) {
        let now = self.now;
        let opens = self.servers.get(&pid).is_some_and(|server| {
            server.speaker == Speaker::StandIn && server.doing(address) == Some(Doing::Prepares(None))
        });
        let opened = opens.then(|| self.open_listener(address));
        self.with_program(pid, |_, program| {
            if let Some(opened) = opened {
                program.session.provide(address, opened).expect("it is held");
                program.doings.insert(address.clone(), Doing::Serves(Some(opened)));
            } else if let Some(Doing::Prepares(listener)) = program.doings.get(address).copied() {
                match program.will {
                    Will::GoesOn | Will::GivesUp => {
                        program.session.call(Call::Serving(address.clone()), now).expect("it is held");
                    }
                    Will::IsMute => {}
                }
                program.doings.insert(address.clone(), Doing::Serves(listener));
            }
        });
    }

    /// The supervisor of a server has ended, and speaks for it no more.
    pub fn falls_silent(&mut self, pid: u32) {
        self.with_server(pid, |world, server| {
            if let (Speaker::StandIn, Life::Running(program)) = (server.speaker, &mut server.life) {
                if let Some(id) = program.wire.take() {
                    world.close_below(id);
                }
                (program.watch, program.will) = (Watch::Off, Will::IsMute);
                // It is passed no listener any more, and its bind(2) fails.
                for doing in program.doings.values_mut() {
                    if let Doing::Waits | Doing::Prepares(None) = doing {
                        *doing = Doing::Lost;
                    }
                }
            }
        });
    }

    /// It does not want the address any more, that it has claimed.
    pub fn withdraw(&mut self, pid: u32, address: &Address) {
        let now = self.now;
        self.with_program(pid, |_, program| {
            program.session.call(Call::Released(address.clone()), now).expect("it is claimed");
        });
    }

    /// It stops accepting and releases the address.
    pub fn release(&mut self, pid: u32, address: &Address) {
        let now = self.now;
        self.with_program(pid, |_, program| {
            program.session.call(Call::Released(address.clone()), now).expect("it is held");
            program.doings.insert(address.clone(), Doing::Released);
        });
    }

    /// It says `fail`.
    pub fn fail(&mut self, pid: u32) {
        let now = self.now;
        self.with_program(pid, |_, program| {
            program.will = Will::GivesUp;
            let fail = Call::Fail { reason: "no database".to_owned() };
            program.session.call(fail, now).expect("always possible");
        });
    }

    /// Its end of the connection is closed, and it sees that.
    pub fn lose_link_of_server(&mut self, pid: u32) {
        let now = self.now;
        self.with_program(pid, |world, program| {
            if let Some(id) = program.wire {
                world.close_below(id);
                program.session.handle(SessionInput::Ended, now);
            }
        });
    }

    /// It reads one line of its arbiter, or the end of the connection.
    pub fn receive(&mut self, pid: u32) {
        let now = self.now;
        self.with_program(pid, |world, program| {
            let Some(id) = program.wire else { return };
            let input = match world.read_below(id) {
                Some((message, listener)) => {
                    let fds =
                        listener.map(|listener| ("listener".to_owned(), listener)).into_iter().collect();
                    SessionInput::Received { message, fds }
                }
                None => SessionInput::Ended,
            };
            program.session.handle(input, now);
        });
    }

    /// It sees that a socket has appeared in the directory.
    pub fn notice(&mut self, pid: u32) {
        let now = self.now;
        self.with_program(pid, |_, program| {
            program.watch = Watch::On;
            program.session.handle(SessionInput::Changed, now);
        });
    }

    /// Its session's deadline has come.
    pub fn server_due(&mut self, pid: u32) {
        let now = self.now;
        self.with_program(pid, |_, program| program.session.tick(now));
    }

    fn with_program(&mut self, pid: u32, change: impl FnOnce(&mut World, &mut Program)) {
        self.with_server(pid, |world, server| {
            if let Life::Running(mut program) = std::mem::replace(&mut server.life, Life::Booting) {
                change(world, &mut program);
                world.settle(server, &mut program);
                server.life = Life::Running(program);
            }
        });
    }

    /// Does what the session wants, and what the program does at once about its events.
    fn settle(&mut self, server: &Server, program: &mut Program) {
        while let Some(action) = program.session.next_action() {
            self.perform_for_session(server, program, action);
        }
        while let Some(event) = program.session.next_event() {
            self.take_event(server, program, event);
        }
    }

    fn perform_for_session(
        &mut self,
        server: &Server,
        program: &mut Program,
        action: SessionAction<Listener>,
    ) {
        let now = self.now;
        match action {
            SessionAction::Watch => program.watch = Watch::On,
            SessionAction::Unwatch => program.watch = Watch::Off,
            SessionAction::Connect => {
                if let Some(id) = program.wire.take() {
                    self.close_below(id);
                }
                match self.connect(server.process) {
                    Some((id, greeting)) => {
                        program.wire = Some(id);
                        program.session.handle(SessionInput::Connected { pid: greeting.arbiter.pid }, now);
                        let message = serverswap::protocol::message::FromArbiter::Greeting(greeting);
                        program.session.handle(SessionInput::Received { message, fds: Vec::new() }, now);
                    }
                    None => program
                        .session
                        .handle(SessionInput::NotConnected { reason: "refused".to_owned() }, now),
                }
            }
            SessionAction::Send(line, listeners) => {
                if let Some(id) = program.wire {
                    let address_of = |name: &String| {
                        if let FromClient::Serving(serving) = &line {
                            serving.address.clone()
                        } else {
                            name.parse().expect("an address")
                        }
                    };
                    let named: Vec<Address> = line.fds().iter().map(address_of).collect();
                    let attached = named.into_iter().zip(listeners).collect();
                    self.send_up(id, line, attached);
                }
            }
            SessionAction::Close => {
                if let Some(id) = program.wire.take() {
                    self.close_below(id);
                }
            }
            SessionAction::StartArbiter => {}
            SessionAction::Open(_) => {
                self.broken.push(Broken::Protocol("a supervised session opens nothing".to_owned()))
            }
        }
    }

    fn take_event(&mut self, server: &Server, program: &mut Program, event: ServerEvent<Listener>) {
        match event {
            ServerEvent::Granted { address, listener } => {
                if server.socket == SocketMode::Bind {
                    self.bind(server.process.pid, &address);
                }
                program.doings.insert(address, Doing::Prepares(listener));
            }
            ServerEvent::Refused { address, error } => {
                if !ENDS_OF_CLAIMS.contains(&error.code) {
                    let problem = format!("a claim ends with `{:?}`: {}", error.code, error.message);
                    self.broken.push(Broken::Protocol(problem));
                }
                program.doings.insert(address, Doing::Lost);
            }
            ServerEvent::Waiting { .. } => {}
            // It is the arbiter who stops the server.
            ServerEvent::Takedown { .. } if server.speaker == Speaker::StandIn => {}
            ServerEvent::Takedown { address, .. } => {
                let doing = program.doings.get(&address).copied().unwrap_or(Doing::Lost);
                let leaves = Doing::Leaves { listener: doing.listener(), accepts: doing.accepts() };
                program.doings.insert(address, leaves);
            }
            ServerEvent::Error { code, message } => {
                self.broken.push(Broken::Protocol(format!("a session received `{code:?}`: {message}")));
            }
        }
    }
}
