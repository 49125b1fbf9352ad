//! A `serverswap` command: the shipped supervisor, its connection, the duplicates that it
//! keeps, and perhaps the arbiter (`arbiter_process`).
//!
//! As `runtime::link` and `runtime::supervisor` do it.

use std::collections::BTreeMap;
use std::time::Duration;

use serverswap::protocol::message::{
    self, ClientInfo, Closed, EventKind, Form, FromArbiter, FromClient, Hello, Ping, Role, Stop, TimedOut,
    VERSION,
};
use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;
use serverswap_cli::supervisor::{
    EventAttachment, GenerationSignal, Leftovers, Plan, Request, Restart, ServerExit, Starts, Supervisor,
    SupervisorAction, SupervisorInput, SupervisorSignal,
};
use serverswap_cli::ui::{RunEnding, RunOutcome};

use super::fault::Seeded;
use super::server::{Life, Server};
use super::setup::Planned;
use super::wire::Listener;
use super::world::{Broken, World};

/// A process.
#[derive(Debug, Clone)]
pub struct Supervision {
    pub index: usize,
    pub process: Process,
    pub plan: Plan,
    pub planned: Planned,
    /// `None` after its end.
    pub core: Option<Box<Supervisor>>,
    pub link: Link,
    /// The last `id` sent.
    pub id: u64,
    pub kept: BTreeMap<Address, Listener>,
    /// The server that was started last, until its end was reaped.
    pub child: Child,
    pub life: Presence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    Down,
    /// The lock was not acquired, and by the seeded fault it is not tried again.
    GivenUp,
    /// `hello` was sent.
    Greeted(u64),
    Up(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Child {
    None,
    Started(u32),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Presence {
    Present,
    /// It was killed.
    Killed,
    /// It has exited.
    Exited(Box<RunEnding>),
}

impl Supervision {
    pub fn new(index: usize, planned: Planned) -> Self {
        let number = u32::try_from(index).expect("a few");
        let pid = 101 + number;
        let generation = Generation { start: u64::from(number) + 1, pid };
        let plan = Plan {
            probation: planned.probation,
            unix_sockets: Default::default(),
            starts: Starts::Speaking,
            command: "model".to_owned(),
            form: planned.form,
            restart: Restart::Always,
            ready_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(30),
            stream_timeout: None,
            kill_timeout: Duration::from_secs(5),
            generation,
        };
        Supervision {
            index,
            process: Process { pid, start: u64::from(pid) },
            core: Some(Box::new(Supervisor::new(plan.clone(), Duration::ZERO))),
            plan,
            planned,
            link: Link::Down,
            id: 0,
            kept: BTreeMap::new(),
            child: Child::None,
            life: Presence::Present,
        }
    }

    pub fn is_alive(&self) -> bool {
        self.life == Presence::Present
    }

    /// Whether it stays with its server.
    pub fn stays(&self) -> bool {
        self.plan.form == Form::Stay
    }

    pub fn wire(&self) -> Option<u64> {
        match self.link {
            Link::Down | Link::GivenUp => None,
            Link::Greeted(id) | Link::Up(id) => Some(id),
        }
    }

    fn hello(&self) -> (FromClient, Vec<(Address, Listener)>) {
        let holding = self.core.as_ref().map(|core| core.holding()).unwrap_or_default();
        let attached: Vec<(Address, Listener)> = holding
            .iter()
            .filter_map(|held| Some((held.address.clone(), *self.kept.get(&held.address)?)))
            .collect();
        let hello = FromClient::Hello(Hello {
            id: 1,
            version: VERSION,
            client: ClientInfo { name: "serverswap".to_owned(), version: "0".to_owned() },
            role: Role::Supervisor,
            generation: Some(self.plan.generation),
            holding,
            draining: Vec::new(),
            more: false,
            form: Some(self.plan.form),
            timeouts: Some(self.plan.timeouts()),
            unix_sockets: None,
            stand_in: None,
            fds: attached.iter().map(|(address, _)| address.to_string()).collect(),
        });
        (hello, attached)
    }
}

impl World {
    /// It tries the lock, and then connects to whoever is the arbiter.
    pub fn look_for_arbiter(&mut self, index: usize) {
        self.with_supervisor(index, |world, supervisor| {
            let won = world.try_to_become_arbiter(supervisor.process.pid);
            match world.connect(supervisor.process) {
                Some((id, _)) => {
                    let (hello, attached) = supervisor.hello();
                    supervisor.id = 1;
                    supervisor.link = Link::Greeted(id);
                    world.send_up(id, hello, attached);
                }
                None if !won && world.setup.seeded == Seeded::LockTriedOnce => {
                    supervisor.link = Link::GivenUp
                }
                None => {}
            }
        });
    }

    /// It reads one line of the arbiter, or the end of the connection.
    pub fn supervisor_reads(&mut self, index: usize) {
        self.with_supervisor(index, |world, supervisor| {
            let Some(id) = supervisor.wire() else { return };
            match world.read_below(id) {
                Some((message, listener)) => world.on_message(supervisor, id, message, listener),
                None => world.on_connection_end(supervisor, id),
            }
        });
    }

    fn on_connection_end(&mut self, supervisor: &mut Supervision, id: u64) {
        self.close_below(id);
        let was_up = matches!(supervisor.link, Link::Up(_));
        supervisor.link = Link::Down;
        if was_up {
            self.happens(supervisor, SupervisorInput::LinkLost, None);
        }
    }

    /// Its end of the connection is closed, and it sees that.
    pub fn lose_link_of_supervisor(&mut self, index: usize) {
        self.with_supervisor(index, |world, supervisor| {
            if let Some(id) = supervisor.wire() {
                world.on_connection_end(supervisor, id);
            }
        });
    }

    fn on_message(
        &mut self,
        supervisor: &mut Supervision,
        id: u64,
        message: FromArbiter,
        listener: Option<Listener>,
    ) {
        match message {
            FromArbiter::Welcome(_) => {
                supervisor.link = Link::Up(id);
                self.happens(supervisor, SupervisorInput::Linked, None);
            }
            FromArbiter::Event(event) if self.is_withheld(&event) => {}
            FromArbiter::Event(event) => {
                let attached =
                    if listener.is_some() { EventAttachment::Listener } else { EventAttachment::Nothing };
                self.happens(supervisor, SupervisorInput::FromArbiter(event, attached), listener);
            }
            FromArbiter::Verdict(verdict) => {
                self.happens(supervisor, SupervisorInput::Verdict(verdict.verdict), None)
            }
            FromArbiter::Pong(_) if self.setup.seeded == Seeded::BarrierNotAwaited => {}
            FromArbiter::Pong(_) => self.happens(supervisor, SupervisorInput::BarrierPassed, None),
            FromArbiter::Greeting(_)
            | FromArbiter::Granted(_)
            | FromArbiter::Takedown(_)
            | FromArbiter::Progress(_)
            | FromArbiter::Ping(_)
            | FromArbiter::Error(_) => {
                self.broken.push(Broken::Protocol(format!("a supervisor receives {message:?}")));
            }
        }
    }

    /// It reaps its server, which has ended.
    pub fn reap(&mut self, index: usize) {
        self.with_supervisor(index, |world, supervisor| {
            let Some((pid, exit)) = world.unreaped(supervisor) else { return };
            supervisor.child = Child::None;
            let leftovers = Leftovers::None;
            world.happens(supervisor, SupervisorInput::ServerExited { pid, exit, leftovers }, None);
        });
    }

    /// The server of a supervisor that has ended and was not reaped, and how it ended.
    pub fn unreaped(&self, supervisor: &Supervision) -> Option<(u32, ServerExit)> {
        let Child::Started(pid) = supervisor.child else { return None };
        match self.servers.get(&pid)?.life {
            Life::Ended(exit) => Some((pid, exit)),
            Life::Booting | Life::Running(_) => None,
        }
    }

    /// TERM is sent to it.
    pub fn terminate(&mut self, index: usize) {
        self.with_supervisor(index, |world, supervisor| {
            world.happens(supervisor, SupervisorInput::Signal(SupervisorSignal::Terminate), None);
        });
    }

    /// Its deadline has come.
    pub fn supervisor_due(&mut self, index: usize) {
        self.with_supervisor(index, |world, supervisor| {
            world.happens(supervisor, SupervisorInput::Tick, None)
        });
    }

    fn happens(&mut self, supervisor: &mut Supervision, event: SupervisorInput, listener: Option<Listener>) {
        let mut actions = Vec::new();
        if let Some(core) = &mut supervisor.core {
            core.handle(event, self.now, &mut actions);
        }
        self.perform_for_supervisor(supervisor, actions, listener);
    }

    fn perform_for_supervisor(
        &mut self,
        supervisor: &mut Supervision,
        actions: Vec<SupervisorAction>,
        mut listener: Option<Listener>,
    ) {
        for action in actions {
            match action {
                SupervisorAction::Spawn => {
                    let pid = self.spawn(supervisor);
                    self.happens(supervisor, SupervisorInput::Spawned { pid }, None);
                }
                SupervisorAction::Send(Request::Barrier)
                    if self.setup.seeded == Seeded::BarrierNotAwaited =>
                {
                    self.happens(supervisor, SupervisorInput::BarrierPassed, None);
                }
                SupervisorAction::Send(request) => {
                    if let Link::Up(id) = supervisor.link {
                        supervisor.id += 1;
                        let number = supervisor.id;
                        self.send_up(id, message_of(request, number), Vec::new());
                    }
                }
                SupervisorAction::Keep { address } => {
                    if let Some(listener) = listener.take() {
                        supervisor.kept.insert(address, listener);
                    }
                }
                SupervisorAction::Close { address, .. } => drop(supervisor.kept.remove(&address)),
                SupervisorAction::SignalGeneration { pid, signal, .. } => {
                    self.signal(supervisor, pid, signal)
                }
                SupervisorAction::Report(_) | SupervisorAction::Deployed(_) => {}
                SupervisorAction::Exit(outcome) => return self.conclude(supervisor, *outcome),
            }
        }
    }

    fn spawn(&mut self, supervisor: &mut Supervision) -> u32 {
        let number = self.servers.values().filter(|server| server.parent == supervisor.index).count();
        let pid = (supervisor.process.pid - 100) * 1000 + u32::try_from(number).expect("a few");
        supervisor.child = Child::Started(pid);
        // As in `/proc/PID/stat`, in units of 10 ms: the arbiter compares it with the time.
        let start = u64::try_from(self.now.as_millis() / 10).expect("minutes");
        let server = Server {
            process: Process { pid, start },
            generation: supervisor.plan.generation,
            parent: supervisor.index,
            socket: supervisor.planned.socket,
            probation: supervisor.planned.probation,
            speaker: supervisor.planned.speaker,
            life: Life::Booting,
        };
        self.add_server(server);
        pid
    }

    fn signal(&mut self, supervisor: &Supervision, pid: u32, signal: GenerationSignal) {
        let number = match signal {
            GenerationSignal::Term => 15,
            GenerationSignal::Kill => 9,
        };
        if supervisor.child == Child::Started(pid) {
            self.check_stop(supervisor, pid);
            self.check_drain(pid);
            self.end_server(pid, ServerExit::Signal(number));
        }
    }

    fn is_withheld(&self, event: &message::Event) -> bool {
        self.setup.seeded == Seeded::ProbationUntold && event.what == EventKind::Probation
    }

    fn conclude(&mut self, supervisor: &mut Supervision, outcome: RunOutcome) {
        let was_late = matches!(outcome.ending, RunEnding::NotUp | RunEnding::NotUpKept);
        if self.is_rolled_back(supervisor.index) && !was_late && outcome.word() != "rolled_back" {
            self.broken.push(Broken::NotRolledBack(outcome.word()));
        }
        supervisor.life = Presence::Exited(Box::new(outcome.ending));
        self.left(supervisor);
    }

    /// What the kernel does when a supervisor's process has ended.
    pub fn left(&mut self, supervisor: &mut Supervision) {
        supervisor.core = None;
        supervisor.kept.clear();
        supervisor.link = Link::Down;
        self.close_everything_of(supervisor.process.pid);
        let own = self.servers.iter().filter(|(_, server)| server.parent == supervisor.index);
        for pid in own.map(|(pid, _)| *pid).collect::<Vec<u32>>() {
            self.falls_silent(pid);
        }
    }
}

fn message_of(request: Request, id: u64) -> FromClient {
    match request {
        Request::TimedOut => FromClient::TimedOut(TimedOut { id }),
        Request::Closed { address } => FromClient::Closed(Closed { address }),
        Request::Stop => FromClient::Stop(Stop {}),
        Request::Barrier => FromClient::Ping(Ping { id }),
    }
}
