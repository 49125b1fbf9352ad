//! A supervisor that receives anything at any moment, from an arbiter that need not make sense; its
//! driver reports what happened. It asks for nothing impossible, and for nothing after its end.

use std::collections::BTreeSet;
use std::time::Duration;

use serverswap::protocol::message::{self, Code, DecidedVerdict, EventKind, Form};
use serverswap::protocol::{Address, Generation};
use serverswap_cli::supervisor::{
    EventAttachment, Leftovers, Plan, Request, Restart, ServerExit, Starts, Supervisor, SupervisorAction,
    SupervisorInput, SupervisorSignal,
};

use super::stories::Choices;

const OURS: Generation = Generation { start: 2, pid: 77 };
const PID: u32 = 4242;
const OLDER: Generation = Generation { start: 1, pid: 66 };

const KINDS: [EventKind; 17] = [
    EventKind::Claimed,
    EventKind::Granted,
    EventKind::Serving,
    EventKind::Probation,
    EventKind::Up,
    EventKind::Busy,
    EventKind::Vacant,
    EventKind::Replaced,
    EventKind::Close,
    EventKind::Superseded,
    EventKind::Draining,
    EventKind::Gone,
    EventKind::Failed,
    EventKind::Gap,
    EventKind::Terminated,
    EventKind::Killed,
    EventKind::Done,
];

/// Plays what the bytes choose.
///
/// # Panics
/// When the supervisor asks for something impossible.
pub fn play(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let mut watched = Watched::new(&mut choices);
    while !choices.is_over() && watched.group != Group::Over {
        let event = watched.event(&mut choices);
        watched.handle(event);
    }
}

struct Watched {
    supervisor: Supervisor,
    now: Duration,
    is_linked: bool,
    group: Group,
    verdicts_owed: usize,
    barriers_owed: usize,
    kept: BTreeSet<Address>,
}

/// The server and its process group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Nobody,
    Starting,
    Running,
    /// The server has exited, others of its group live.
    Left,
    /// The supervisor itself has ended.
    Over,
}

impl Watched {
    fn new(choices: &mut Choices<'_>) -> Self {
        let seconds = Duration::from_secs;
        let plan = Plan {
            command: "node server.js".to_owned(),
            form: *choices.one_of(&[Form::Leave, Form::Stay]),
            restart: *choices.one_of(&[Restart::Never, Restart::OnFailure, Restart::Always]),
            ready_timeout: seconds(60),
            drain_timeout: seconds(30),
            stream_timeout: None,
            kill_timeout: seconds(5),
            probation: *choices.one_of(&[Duration::ZERO, seconds(10)]),
            generation: OURS,
            unix_sockets: Default::default(),
            starts: Starts::Speaking,
        };
        Watched {
            supervisor: Supervisor::new(plan, Duration::ZERO),
            now: Duration::ZERO,
            is_linked: false,
            group: Group::Nobody,
            verdicts_owed: 0,
            barriers_owed: 0,
            kept: BTreeSet::new(),
        }
    }

    /// Something that can happen now.
    fn event(&mut self, choices: &mut Choices<'_>) -> SupervisorInput {
        match choices.below(12) {
            0..=1 if self.group == Group::Starting => {
                self.group = Group::Running;
                SupervisorInput::Spawned { pid: PID }
            }
            2 if self.group == Group::Running => {
                let exit =
                    *choices.one_of(&[ServerExit::Status(0), ServerExit::Status(3), ServerExit::Signal(9)]);
                let leftovers = *choices.one_of(&[Leftovers::None, Leftovers::Alive]);
                self.group = if leftovers == Leftovers::Alive { Group::Left } else { Group::Nobody };
                SupervisorInput::ServerExited { pid: PID, exit, leftovers }
            }
            3 if self.group == Group::Left => {
                self.group = Group::Nobody;
                SupervisorInput::LeftoversGone { pid: PID }
            }
            4 if self.is_linked && choices.once_in(3) => {
                (self.is_linked, self.verdicts_owed, self.barriers_owed) = (false, 0, 0);
                SupervisorInput::LinkLost
            }
            4 if !self.is_linked => {
                self.is_linked = true;
                SupervisorInput::Linked
            }
            4 => choices
                .one_of(&[
                    SupervisorInput::ArbiterNotResponding { pid: 66 },
                    SupervisorInput::ArbiterResponding,
                ])
                .clone(),
            5 if self.verdicts_owed > 0 => {
                self.verdicts_owed -= 1;
                SupervisorInput::Verdict(*choices.one_of(&[DecidedVerdict::End, DecidedVerdict::Keep]))
            }
            6..=7 if self.barriers_owed > 0 => {
                self.barriers_owed -= 1;
                SupervisorInput::BarrierPassed
            }
            8 if choices.once_in(4) => SupervisorInput::Signal(*choices.one_of(&[
                SupervisorSignal::Hangup,
                SupervisorSignal::Interrupt,
                SupervisorSignal::Terminate,
            ])),
            9 => {
                let some = Duration::from_millis(100 << choices.below(10));
                let deadline = self.supervisor.deadline().filter(|_| choices.once_in(2));
                self.now = self.now.max(deadline.unwrap_or(self.now + some));
                SupervisorInput::Tick
            }
            _ if self.is_linked => any_event(choices),
            _ => SupervisorInput::Tick,
        }
    }

    fn handle(&mut self, event: SupervisorInput) {
        let offered = match &event {
            SupervisorInput::FromArbiter(message::Event { address, .. }, EventAttachment::Listener) => {
                address.clone()
            }
            SupervisorInput::FromArbiter(_, EventAttachment::Nothing)
            | SupervisorInput::Linked
            | SupervisorInput::Signalled { .. }
            | SupervisorInput::LinkLost
            | SupervisorInput::ArbiterNotResponding { .. }
            | SupervisorInput::ArbiterResponding
            | SupervisorInput::Verdict(_)
            | SupervisorInput::BarrierPassed
            | SupervisorInput::Spawned { .. }
            | SupervisorInput::SpawnFailed(_)
            | SupervisorInput::NotExecuted { .. }
            | SupervisorInput::NotReady { .. }
            | SupervisorInput::NeedsTime { .. }
            | SupervisorInput::UsesNotify { .. }
            | SupervisorInput::ServerExited { .. }
            | SupervisorInput::LeftoversGone { .. }
            | SupervisorInput::Signal(_)
            | SupervisorInput::Tick => None,
        };
        let mut actions = Vec::new();
        self.supervisor.handle(event, self.now, &mut actions);
        self.check(actions, offered);
        let deadline = self.supervisor.deadline();
        assert!(deadline.is_none_or(|deadline| deadline > self.now), "it waits for the past");
    }

    fn check(&mut self, actions: Vec<SupervisorAction>, offered: Option<Address>) {
        for action in actions {
            assert!(self.group != Group::Over, "after its end: {action:?}");
            match action {
                SupervisorAction::Spawn => {
                    assert_eq!(self.group, Group::Nobody, "a second server");
                    self.group = Group::Starting;
                }
                SupervisorAction::Send(request) => {
                    assert!(self.is_linked, "{request:?} is sent to nobody");
                    self.note_request(request);
                }
                SupervisorAction::Keep { address } => {
                    assert_eq!(Some(&address), offered.as_ref(), "there is no such listener");
                    self.kept.insert(address);
                }
                SupervisorAction::Close { address, .. } => {
                    assert!(self.kept.remove(&address), "{address} is not kept")
                }
                SupervisorAction::SignalGeneration { pid, signal, .. } => {
                    assert_eq!(pid, PID, "not the server");
                    assert!(matches!(self.group, Group::Running | Group::Left), "{signal:?} to nobody");
                }
                SupervisorAction::Report(report) => assert!(!report.text().is_empty()),
                SupervisorAction::Deployed(_) => {}
                SupervisorAction::Exit(_) => self.group = Group::Over,
            }
        }
    }

    fn note_request(&mut self, request: Request) {
        match request {
            Request::TimedOut => self.verdicts_owed += 1,
            Request::Barrier => self.barriers_owed += 1,
            Request::Closed { address } => assert!(!self.kept.contains(&address), "{address} is still kept"),
            Request::Stop => {}
        }
    }
}

/// Anything that an arbiter could send.
fn any_event(choices: &mut Choices<'_>) -> SupervisorInput {
    let what = choices.one_of(&KINDS).clone();
    let generation = if choices.once_in(6) { OLDER } else { OURS };
    let is_whole = matches!(what, EventKind::Up | EventKind::Done | EventKind::Gone) || choices.once_in(16);
    let text = *choices.one_of(&[":1", ":2", "mailer"]);
    let address: Option<Address> = (!is_whole).then(|| text.parse().expect("an address"));
    let attached = if what == EventKind::Serving && address.is_some() && choices.once_in(2) {
        EventAttachment::Listener
    } else {
        EventAttachment::Nothing
    };
    let pid = choices.once_in(2).then_some(*choices.one_of(&[PID, 66]));
    let code = choices.once_in(2).then(|| choices.one_of(&Code::ALL).clone());
    SupervisorInput::FromArbiter(
        message::Event { address, pid, code, ..message::Event::new(what, generation) },
        attached,
    )
}
