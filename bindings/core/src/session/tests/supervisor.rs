//! The roles that are sent events: what they send, and whether their arbiter answers.

use serverswap_protocol::message::{Form, Holding, Role, Timeouts, UnixSockets};
use serverswap_protocol::trace::{Kind, Scope, Side, Table};

use super::super::{SupervisorCall, SupervisorEvent, SupervisorRole};
use super::*;

type Events = Vec<SupervisorEvent<u32>>;

struct Watcher {
    session: Session<u32, SupervisorRole<u32>>,
    now: Duration,
}

impl Watcher {
    fn of(role: SupervisorRole<u32>) -> Self {
        let now = Duration::from_secs(100);
        let session = Session::of_role(role, identity(), ConnectTimeouts::default(), now);
        Watcher { session, now }
    }

    fn supervisor() -> Self {
        let timeouts =
            Timeouts { drain_ms: 30_000, kill_ms: 5_000, probation_ms: 0, stream_ms: None, ready_ms: None };
        let unix_sockets = UnixSockets { mode: Some(0o660), gid: Some(33) };
        Watcher::of(SupervisorRole::new(Form::Stay, timeouts, unix_sockets))
    }

    /// A supervisor that was welcomed, and has sent nothing since.
    fn linked() -> Self {
        let mut watcher = Watcher::supervisor();
        watcher.link();
        watcher.actions();
        watcher.events();
        watcher
    }

    fn handle(&mut self, input: SessionInput<u32>) -> &mut Self {
        self.session.handle(input, self.now);
        self
    }

    fn receive(&mut self, line: &str, listener: Option<u32>) -> &mut Self {
        let message = serde_json::from_str(line).expect("a line of the arbiter");
        let fds = listener.map(|listener| (":1".to_owned(), listener)).into_iter().collect();
        self.handle(SessionInput::Received { message, fds })
    }

    fn connect(&mut self) -> &mut Self {
        self.handle(SessionInput::Connected { pid: 42 })
    }

    fn link(&mut self) -> &mut Self {
        self.connect().receive(GREETING, None).receive(WELCOME, None)
    }

    fn call(&mut self, call: SupervisorCall) -> &mut Self {
        self.session.call(call, self.now).expect("it is always possible");
        self
    }

    fn pass(&mut self, time: Duration) -> &mut Self {
        self.now += time;
        self.session.tick(self.now);
        self
    }

    fn actions(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.session.next_action()).map(|action| action_text(&action)).collect()
    }

    fn events(&mut self) -> Events {
        std::iter::from_fn(|| self.session.next_event()).collect()
    }
}

const GREETING: &str = r#"{"type":"greeting","versions":[1],"arbiter":{"name":"serverswap","version":"0","pid":42},"limits":{"lineBytes":65536,"fdsPerLine":128}}"#;
const WELCOME: &str = r#"{"type":"welcome","re":1,"version":1}"#;
const NOT_RESPONDING: SupervisorEvent<u32> = SupervisorEvent::NotResponding { pid: 42 };

#[test]
fn a_supervisor_sends_its_form_its_timeouts_and_what_it_owns() {
    let mut watcher = Watcher::supervisor();
    let holding = Holding { address: address(":1"), serving: true, on_takedown: false };
    watcher.session.role_mut().set_owned(vec![(holding, Some(7))]);
    watcher.link();
    let hello = r#"{"type":"hello","id":1,"version":1,"client":{"name":"test","version":"1"},"role":"supervisor","generation":"7-9","holding":[{"address":":1","serving":true}],"form":"stay","timeouts":{"drainMs":30000,"killMs":5000},"unixSockets":{"mode":432,"gid":33},"fds":[":1"]} +7"#;
    assert_eq!(watcher.actions(), ["connect", hello]);
    assert_eq!(watcher.events(), [SupervisorEvent::Linked]);
}

#[test]
fn what_a_supervisor_owns_goes_on_in_holding_lines() {
    let mut watcher = Watcher::supervisor();
    let holding =
        |port: u32| Holding { address: address(&format!(":{port}")), serving: true, on_takedown: false };
    watcher.session.role_mut().set_owned((1..=300).map(|port| (holding(port), Some(port))).collect());
    watcher.link();
    let lines: Vec<bool> =
        watcher.actions()[1..].iter().map(|line| line.contains(r#""more":true"#)).collect();
    assert_eq!(lines, [true, true, false]);
}

#[test]
fn no_duplicate_is_kept_after_the_hello() {
    let listener = std::sync::Arc::new(7);
    let timeouts =
        Timeouts { drain_ms: 30_000, kill_ms: 5_000, probation_ms: 0, stream_ms: None, ready_ms: None };
    let role = SupervisorRole::new(Form::Stay, timeouts, UnixSockets::default());
    let now = Duration::from_secs(100);
    let mut session = Session::of_role(role, identity(), ConnectTimeouts::default(), now);
    let holding = Holding { address: address(":1"), serving: true, on_takedown: false };
    session.role_mut().set_owned(vec![(holding, Some(listener.clone()))]);
    session.handle(SessionInput::Connected { pid: 42 }, now);
    let message = serde_json::from_str(GREETING).expect("a line of the arbiter");
    session.handle(SessionInput::Received { message, fds: Vec::new() }, now);
    while session.next_action().is_some() {}
    assert_eq!(std::sync::Arc::strong_count(&listener), 1);
}

#[test]
fn an_observer_owns_nothing_and_is_sent_events() {
    let mut watcher = Watcher::of(SupervisorRole::observer());
    watcher.link().actions();
    watcher.events();
    watcher.receive(r#"{"type":"event","what":"serving","generation":"7-9","address":":1","pid":5}"#, None);
    assert!(matches!(watcher.events()[..], [SupervisorEvent::Notice(_, None)]));
}

#[test]
fn calls_are_numbered_on_each_link_and_dropped_without_one() {
    let mut watcher = Watcher::linked();
    watcher
        .call(SupervisorCall::TimedOut)
        .call(SupervisorCall::Closed(address(":1")))
        .call(SupervisorCall::Barrier);
    let lines =
        [r#"{"type":"timedOut","id":2}"#, r#"{"type":"closed","address":":1"}"#, r#"{"type":"ping","id":3}"#];
    assert_eq!(watcher.actions(), lines);
    watcher.handle(SessionInput::Ended).call(SupervisorCall::Stop);
    assert_eq!(
        (watcher.actions(), watcher.events()),
        (vec!["close".into(), "connect".into()], vec![SupervisorEvent::LinkLost])
    );
    watcher.link().call(SupervisorCall::Barrier);
    assert_eq!(watcher.actions().last().map(String::as_str), Some(r#"{"type":"ping","id":2}"#));
}

#[test]
fn the_answer_to_a_barrier_is_reported() {
    let mut watcher = Watcher::linked();
    watcher.call(SupervisorCall::Barrier).receive(r#"{"type":"pong","re":2}"#, None);
    assert_eq!(watcher.events(), [SupervisorEvent::BarrierPassed]);
}

#[test]
fn without_an_arbiter_a_supervisor_looks_every_hundred_milliseconds() {
    let mut watcher = Watcher::supervisor();
    let absent = || SessionInput::NotConnected { reason: "connection refused".into() };
    watcher.handle(absent()).handle(absent());
    assert_eq!(watcher.actions(), ["connect", "watch", "connect"]);
    assert_eq!(watcher.session.deadline(), Some(watcher.now + SECOND / 10));
    watcher.pass(SECOND / 10);
    assert_eq!(watcher.actions(), ["watch", "connect"]);
}

#[test]
fn a_change_that_its_own_look_has_made_is_no_busy_loop() {
    let mut watcher = Watcher::supervisor();
    let absent = || SessionInput::NotConnected { reason: "connection refused".into() };
    watcher.handle(absent()).handle(absent()).actions();
    watcher.handle(SessionInput::Changed);
    assert_eq!(watcher.actions(), [""; 0]);
    assert_eq!(watcher.session.deadline(), Some(watcher.now + SECOND / 1_000));
    watcher.pass(SECOND / 1_000);
    assert!(watcher.actions().contains(&"connect".to_owned()));
}

#[test]
fn an_error_that_refuses_a_supervisor_is_reported_once_until_it_is_welcomed() {
    let mut watcher = Watcher::linked();
    let refuse = r#"{"type":"error","code":"internal","message":"no","fatal":true}"#;
    let refused = SupervisorEvent::Refused(Refusal { code: Code::Internal, message: "no".into() });
    watcher.receive(refuse, None);
    assert_eq!(watcher.events(), [refused, SupervisorEvent::LinkLost]);
    watcher.pass(SECOND).connect().receive(refuse, None);
    assert_eq!(watcher.events(), []);
    watcher.pass(SECOND).link().receive(refuse, None);
    assert_eq!(watcher.events().len(), 3);
}

#[test]
fn an_arbiter_that_does_not_greet_is_reported_once_and_waited_for() {
    let mut watcher = Watcher::supervisor();
    watcher.connect().pass(5 * SECOND);
    assert_eq!(watcher.events(), [NOT_RESPONDING]);
    assert_eq!((watcher.session.deadline(), watcher.session.arbiter_pid()), (None, Some(42)));
    watcher.receive(GREETING, None).receive(WELCOME, None);
    assert_eq!(watcher.events(), [SupervisorEvent::Responding, SupervisorEvent::Linked]);
}

#[test]
fn an_arbiter_that_greets_and_does_not_welcome_is_reported() {
    let mut watcher = Watcher::supervisor();
    watcher.connect().receive(GREETING, None).pass(5 * SECOND);
    assert_eq!(watcher.events(), [NOT_RESPONDING]);
}

#[test]
fn a_supervisor_that_was_held_up_gives_its_arbiter_the_time_to_welcome_it() {
    let mut watcher = Watcher::supervisor();
    watcher.connect();
    watcher.now += 7 * SECOND;
    watcher.receive(GREETING, None).pass(4 * SECOND);
    assert_eq!(watcher.events(), []);
    watcher.pass(SECOND);
    assert_eq!(watcher.events(), [NOT_RESPONDING]);
}

#[test]
fn an_idle_supervisor_asks_once_a_minute_whether_its_arbiter_lives() {
    let mut watcher = Watcher::linked();
    assert_eq!(watcher.session.deadline(), Some(watcher.now + 60 * SECOND));
    watcher.pass(60 * SECOND);
    assert_eq!(watcher.actions(), [r#"{"type":"ping","id":2}"#]);
    watcher.receive(r#"{"type":"pong","re":2}"#, None);
    assert_eq!(watcher.events(), []);
    assert_eq!(watcher.session.deadline(), Some(watcher.now + 60 * SECOND));
}

#[test]
fn an_arbiter_that_answers_nothing_is_asked_soon_and_then_reported() {
    let mut watcher = Watcher::linked();
    watcher.call(SupervisorCall::TimedOut).actions();
    watcher.pass(5 * SECOND);
    assert_eq!(watcher.actions(), [r#"{"type":"ping","id":3}"#]);
    watcher.pass(5 * SECOND);
    assert_eq!(watcher.events(), [NOT_RESPONDING]);
    assert_eq!(watcher.session.deadline(), None);
    watcher.receive(r#"{"type":"pong","re":3}"#, None);
    assert_eq!(watcher.events(), [SupervisorEvent::Responding]);
}

#[test]
fn an_arbiter_that_sends_anything_is_not_asked() {
    let mut watcher = Watcher::linked();
    watcher.call(SupervisorCall::TimedOut).pass(4 * SECOND);
    watcher.receive(r#"{"type":"ping","id":1}"#, None).actions();
    watcher.pass(4 * SECOND);
    assert_eq!((watcher.actions(), watcher.events()), (vec![], vec![]));
}

/// A line of the arbiter by its name in the tables, in answer to request 2 where it answers one.
fn line(name: &str) -> &'static str {
    match name {
        "event" => r#"{"type":"event","what":"up","generation":"7-9"}"#,
        "event+listener" => {
            r#"{"type":"event","what":"serving","generation":"7-9","address":":1","fds":[":1"]}"#
        }
        "event+close" => r#"{"type":"event","what":"close","generation":"7-9","address":":1"}"#,
        "event+replaced" => r#"{"type":"event","what":"replaced","generation":"7-9","address":":1"}"#,
        "verdict" => r#"{"type":"verdict","re":2,"verdict":"keep"}"#,
        "error+re" => r#"{"type":"error","re":2,"code":"internal","message":"no"}"#,
        "progress" => r#"{"type":"progress","re":2,"address":":1","waitingFor":"1 connection"}"#,
        "granted" => r#"{"type":"granted","re":2,"address":":1"}"#,
        "takedown" => {
            r#"{"type":"takedown","id":1,"address":":1","reason":"replaced","drainMs":1,"killMs":1}"#
        }
        other => panic!("no line for `{other}`"),
    }
}

/// In `stopping`, the supervisor has sent `stop`.
fn in_state(kind: &Role, state: &str) -> Watcher {
    let mut watcher = match kind {
        Role::Supervisor => Watcher::supervisor(),
        Role::Observer => Watcher::of(SupervisorRole::observer()),
        Role::Server => panic!("a server has tables of its own"),
    };
    watcher.link();
    if state == "stopping" {
        watcher.call(SupervisorCall::Stop);
    }
    watcher.call(SupervisorCall::TimedOut);
    watcher.actions();
    watcher.events();
    watcher
}

#[test]
fn supervisors_and_observers_receive_what_the_normative_tables_say() {
    let mut compared = 0;
    for role in [Role::Supervisor, Role::Observer] {
        let machine = Table::v1().machine(Side::Client, Scope::Role, Some(role));
        for (state, row) in &machine.cells {
            for (name, cell) in &row.receive {
                let mut watcher = in_state(&role, state);
                watcher.receive(line(name), name.ends_with("+listener").then_some(7));
                let (sent, events) = (watcher.actions(), watcher.events());
                let found = format!("{role:?} {state} {name}: {sent:?} {events:?}");
                match &cell.kind {
                    Kind::Close(code) => {
                        let error = format!(r#""code":"{code}""#);
                        assert!(sent.iter().any(|line| line.contains(&error)), "{found}");
                        assert!(!watcher.session.is_linked(), "{found}");
                    }
                    Kind::Ignore => assert!(sent.is_empty() && events.is_empty(), "{found}"),
                    Kind::Next(next) => {
                        assert_eq!(next, state, "{found}");
                        assert!(sent.is_empty() && watcher.session.is_linked(), "{found}");
                    }
                    Kind::Delegate(Scope::Address) => {
                        assert!(matches!(events[..], [SupervisorEvent::Notice(..)]), "{found}");
                    }
                    other @ (Kind::Never | Kind::Refuse(_) | Kind::Delegate(_)) => {
                        panic!("{found}: {other:?}")
                    }
                }
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 27);
}
