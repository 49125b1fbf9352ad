//! Each test is a list of events and the actions that come out; no process is started and
//! no time passes but by `at`.

mod cut;
mod deploy;
mod duplicate;
mod launched;
mod link;
mod restart;
mod signals;
mod swap;
mod waiting;

use std::time::Duration;

use serverswap::protocol::message::{self, Code, DecidedVerdict, EventKind, Form, UnixSockets};
use serverswap::protocol::{Address, Generation};

use super::*;
use crate::spawn::SpawnFailure;
use crate::ui::{CutShort, NotReady, RunOutcome};

const OURS: Generation = Generation { start: 2_000, pid: 77 };
const OLDER: Generation = Generation { start: 1_000, pid: 66 };
const PID: u32 = 4242;

/// A supervisor and everything that it did, as text.
struct Run {
    supervisor: Supervisor,
    now: Duration,
    /// The server that was started last.
    pid: u32,
    /// How many connections it has open when it is signalled.
    connections: Option<u64>,
    signalled: Option<GenerationSignal>,
    outcome: Option<Box<RunOutcome>>,
    done: Vec<String>,
    reports: Vec<String>,
}

impl Run {
    fn leave() -> Run {
        Run::with(Form::Leave, Restart::Never)
    }

    fn stay() -> Run {
        Run::with(Form::Stay, Restart::Never)
    }

    /// A run whose server was started, and that has a connection; what it did is forgotten.
    fn with(form: Form, restart: Restart) -> Run {
        Run::unlinked(form, restart).linked().spawned(PID).forget()
    }

    /// Its server serves beside an older one, for 10 s; it stays, and would start it again.
    fn on_probation() -> Run {
        let remaining_ms = Some(10_000);
        let probation = message::Event { remaining_ms, ..about(EventKind::Probation, ":8080") };
        let granted =
            |run: Run| run.arbiter(EventKind::Claimed, ":8080").arbiter(EventKind::Granted, ":8080");
        let run =
            granted(Run::planned(Form::Stay, Restart::Always, Duration::from_secs(10)).linked().spawned(PID));
        run.on(SupervisorInput::FromArbiter(probation, EventAttachment::Nothing)).forget()
    }

    /// A run whose server is being started, and whose first connection has ended.
    fn unlinked(form: Form, restart: Restart) -> Run {
        let mut run = Run::planned(form, restart, Duration::ZERO).linked().on(SupervisorInput::LinkLost);
        run.reports.clear();
        run
    }

    /// A run that has not had a connection yet.
    fn unconnected(form: Form) -> Run {
        Run::planned(form, Restart::Never, Duration::ZERO)
    }

    fn planned(form: Form, restart: Restart, probation: Duration) -> Run {
        let plan = Plan {
            probation,
            command: "node server.js".to_owned(),
            form,
            restart,
            ready_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(30),
            stream_timeout: None,
            kill_timeout: Duration::from_secs(5),
            generation: OURS,
            unix_sockets: UnixSockets::default(),
            starts: Starts::Speaking,
        };
        let supervisor = Supervisor::new(plan, Duration::ZERO);
        Run {
            supervisor,
            now: Duration::ZERO,
            pid: PID,
            connections: None,
            signalled: None,
            outcome: None,
            done: Vec::new(),
            reports: Vec::new(),
        }
    }

    fn on(mut self, event: SupervisorInput) -> Run {
        let mut actions = Vec::new();
        self.supervisor.handle(event, self.now, &mut actions);
        self.note(actions);
        match self.signalled.take() {
            Some(signal) => {
                let (pid, connections) = (self.pid, self.connections);
                self.on(SupervisorInput::Signalled { pid, signal, connections })
            }
            None => self,
        }
    }

    fn note(&mut self, actions: Vec<SupervisorAction>) {
        for action in actions {
            match action {
                SupervisorAction::Report(report) => self.reports.push(report.text()),
                SupervisorAction::Spawn => self.done.push("spawn".to_owned()),
                SupervisorAction::Send(Request::TimedOut) => self.done.push("send timedOut".to_owned()),
                SupervisorAction::Send(Request::Closed { address }) => {
                    self.done.push(format!("send closed {address}"))
                }
                SupervisorAction::Send(Request::Stop) => self.done.push("send stop".to_owned()),
                SupervisorAction::Send(Request::Barrier) => self.done.push("send ping".to_owned()),
                SupervisorAction::Keep { address } => self.done.push(format!("keep {address}")),
                SupervisorAction::Close { address, .. } => self.done.push(format!("close {address}")),
                SupervisorAction::SignalGeneration { signal, .. } => {
                    self.done.push(signal.name().to_owned());
                    self.signalled = Some(signal);
                }
                SupervisorAction::Deployed(outcome) => {
                    self.done.push(format!("deployed {} {}", outcome.status(), outcome.reason()));
                }
                SupervisorAction::Exit(outcome) => {
                    self.done.push(format!("exit {} {}", outcome.status(), outcome.reason()));
                    self.outcome = Some(outcome);
                }
            }
        }
    }

    fn not_responding(self) -> Run {
        self.on(SupervisorInput::ArbiterNotResponding { pid: OLDER.pid })
    }

    fn linked(self) -> Run {
        self.on(SupervisorInput::Linked)
    }

    fn spawned(mut self, pid: u32) -> Run {
        self.pid = pid;
        self.on(SupervisorInput::Spawned { pid })
    }

    /// An event of our own generation about an address.
    fn arbiter(self, what: EventKind, address: &str) -> Run {
        self.on(SupervisorInput::FromArbiter(about(what, address), EventAttachment::Nothing))
    }

    /// `serving`, with the listener for a supervisor that stays.
    fn serving(self, address: &str) -> Run {
        let event = about(EventKind::Serving, address);
        self.on(SupervisorInput::FromArbiter(event, EventAttachment::Listener))
    }

    /// An event about the whole of our generation.
    fn whole(self, what: EventKind) -> Run {
        self.on(SupervisorInput::FromArbiter(event(what, OURS), EventAttachment::Nothing))
    }

    fn sends_fail(self, reason: &str) -> Run {
        let failed = message::Event {
            code: Some(Code::Internal),
            message: Some(reason.to_owned()),
            ..event(EventKind::Failed, OURS)
        };
        self.on(SupervisorInput::FromArbiter(failed, EventAttachment::Nothing))
    }

    /// An older server drains.
    fn older_drains(self, pid: u32, address: &str, connections: u64) -> Run {
        let draining = message::Event {
            pid: Some(pid),
            address: Some(parse(address)),
            connections: Some(connections),
            remaining_ms: Some(28_000),
            ..event(EventKind::Draining, OLDER)
        };
        self.on(SupervisorInput::FromArbiter(draining, EventAttachment::Nothing))
    }

    /// The arbiter has sent an older server a signal at its deadline, with so many connections open.
    fn older_signalled(self, pid: u32, what: EventKind, connections: Option<u64>) -> Run {
        let remaining_ms = (what == EventKind::Terminated).then_some(5_000);
        let signalled = message::Event { pid: Some(pid), connections, remaining_ms, ..event(what, OLDER) };
        self.on(SupervisorInput::FromArbiter(signalled, EventAttachment::Nothing))
    }

    /// An older server has exited.
    fn older_gone(self, pid: u32) -> Run {
        let gone = message::Event { pid: Some(pid), ..event(EventKind::Gone, OLDER) };
        self.on(SupervisorInput::FromArbiter(gone, EventAttachment::Nothing))
    }

    /// The arbiter reports that our server has exited.
    fn own_gone(self) -> Run {
        let gone = message::Event { pid: Some(PID), ..event(EventKind::Gone, OURS) };
        self.on(SupervisorInput::FromArbiter(gone, EventAttachment::Nothing))
    }

    /// Our server claims, is granted and serves an address.
    fn takes(self, address: &str) -> Run {
        self.arbiter(EventKind::Claimed, address).arbiter(EventKind::Granted, address).serving(address)
    }

    /// The same, and it is all.
    fn up(self, address: &str) -> Run {
        self.takes(address).whole(EventKind::Up)
    }

    fn verdict(self, verdict: DecidedVerdict) -> Run {
        self.on(SupervisorInput::Verdict(verdict))
    }

    /// The server has exited, and nothing of its group is left.
    fn exited(self, status: u8) -> Run {
        self.ended(ServerExit::Status(status), Leftovers::None)
    }

    fn killed_by(self, signal: i32) -> Run {
        self.ended(ServerExit::Signal(signal), Leftovers::None)
    }

    /// The server that was started last has ended.
    fn ended(self, exit: ServerExit, leftovers: Leftovers) -> Run {
        let pid = self.pid;
        self.on(SupervisorInput::ServerExited { pid, exit, leftovers })
    }

    fn leftovers_gone(self) -> Run {
        let pid = self.pid;
        self.on(SupervisorInput::LeftoversGone { pid })
    }

    /// Both barriers are answered: the arbiter has nothing more to say of the server.
    fn settled(self) -> Run {
        self.on(SupervisorInput::BarrierPassed).on(SupervisorInput::BarrierPassed)
    }

    fn signal(self, signal: SupervisorSignal) -> Run {
        self.on(SupervisorInput::Signal(signal))
    }

    /// Time passes; nothing else.
    fn at(mut self, millis: u64) -> Run {
        self.now = Duration::from_millis(millis);
        self.on(SupervisorInput::Tick)
    }

    /// Time passes, without a turn.
    fn clock(mut self, millis: u64) -> Run {
        self.now = Duration::from_millis(millis);
        self
    }

    /// What was done until now is another test's business.
    fn forget(mut self) -> Run {
        self.done.clear();
        self.reports.clear();
        self
    }

    #[track_caller]
    fn did(self, expected: &[&str]) -> Run {
        assert_eq!(self.done, expected);
        self.forget()
    }

    /// What the outcome says of servers that did not finish everything.
    #[track_caller]
    fn cut_short(&self) -> Vec<CutShort> {
        self.outcome.as_ref().expect("it has ended").facts.cut_short.clone()
    }

    #[track_caller]
    fn reported(self, expected: &[&str]) {
        assert_eq!(self.reports, expected);
    }
}

fn parse(address: &str) -> Address {
    address.parse().expect("tests use valid addresses")
}

fn about(what: EventKind, address: &str) -> message::Event {
    message::Event { address: Some(parse(address)), pid: Some(PID), ..event(what, OURS) }
}

fn event(what: EventKind, generation: Generation) -> message::Event {
    message::Event::new(what, generation)
}

fn not_found() -> SpawnFailure {
    SpawnFailure::NotFound { program: "nodee".to_owned() }
}
