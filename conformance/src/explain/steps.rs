//! A scenario's steps as sentences: the conversation that is expected.

use super::json_text;
use crate::report::Role;
use crate::scenario::{
    Closed, ConnectTo, DescriptorKind, Descriptors, DriverStep, Ending, EventStep, Exits, Expect, Greet,
    Limit, Located, Offset, OpenFiles, Probe, Scenario, Send, SignalName, Split, Step, Unlisten,
};

/// Characters of a raw text that are shown.
const RAW_CHARS_MAX: usize = 120;

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sentence {
    /// Steps inside `any_order` stand one further in.
    pub(super) indent: usize,
    /// What is done or expected.
    pub(super) text: String,
    /// The name of the check, if it has one.
    pub(super) check: Option<String>,
}

/// Every step of a scenario, in order.
pub(super) fn sentences(scenario: &Scenario) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    add(&scenario.steps, scenario.role, 0, &mut sentences);
    sentences
}

fn add(steps: &[Located<Step>], role: Role, indent: usize, sentences: &mut Vec<Sentence>) {
    for step in steps {
        let step = &step.value;
        let check = step.checked().and_then(|checked| checked.check.clone());
        let text = format!("{}{}", text(step, role), repetition(step));
        sentences.push(Sentence { indent, text, check });
        if let Step::AnyOrder(steps) = step {
            add(steps, role, indent + 1, sentences);
        }
    }
}

/// How often a step happens, if more than once.
fn repetition(step: &Step) -> String {
    step.times().map(|times| format!(", {times} times ($i from 1 to {times})")).unwrap_or_default()
}

fn text(step: &Step, role: Role) -> String {
    let (subject, peer) = match role {
        Role::Client => ("the client", "the arbiter"),
        Role::Supervisor => ("the supervisor", "the fake server"),
    };
    match step {
        Step::Driver(step) => command(step),
        Step::Accept(step) => format!("{subject} connects: {}", step.on),
        Step::Send(step) => send(step, peer),
        Step::Greet(step) => greet(step),
        Step::Expect(step) => expect(step, subject),
        Step::Event(step) => event(step),
        Step::Quiet(step) => format!("{}: nothing more comes", step.on.join(", ")),
        Step::Listener(step) => format!("a listener `{}` is opened at {}", step.name, step.at),
        Step::Descriptor(step) => format!("a descriptor `{}` is opened: {}", step.name, kind(step.kind)),
        Step::ConnectTo(step) => connect_to(step),
        Step::Answered(step) => format!("{}: {:?} comes back", step.on, step.expect),
        Step::Closed(step) => closed(step, subject),
        Step::Close(on) => format!("{}: {peer} closes the connection", on.on),
        Step::Shutdown(on) => format!("{}: {peer} ends its direction of the connection", on.on),
        Step::Reset(on) => format!("{}: {peer} resets the connection", on.on),
        Step::Stall(on) => format!("{}: {peer} stops reading", on.on),
        Step::Resume(on) => format!("{}: {peer} reads again", on.on),
        Step::Unlisten(step) => unlisten(*step).to_owned(),
        Step::Listen { .. } => "another arbiter listens on the socket's path".to_owned(),
        Step::Signal(step) => format!("{} gets {}", step.to.0, signal(step.name)),
        Step::Exits(step) => exits(step),
        Step::Descriptors(step) => descriptors(step),
        Step::Limit(step) => limit(*step).to_owned(),
        Step::AnyOrder(_) => "in any order:".to_owned(),
        Step::Start(step) => format!("the command is started: {}", step.name),
        Step::SilentServer(step) => match &step.of {
            Some(of) => format!("the fake server of {of} starts a server that says nothing: {}", step.name),
            None => format!("a server that says nothing and is of no generation is started: {}", step.name),
        },
        Step::FakeServer(step) => format!("the fake server of {} connects: {}", step.of, step.name),
        Step::Kill(step) => format!("{} is killed", step.name),
        Step::Probe(step) => probe(step),
    }
}

fn command(step: &DriverStep) -> String {
    let reply = step
        .reply
        .as_ref()
        .map_or(String::new(), |reply| format!(", and answers {}", json_text::pattern(reply)));
    let sends = step.sends.as_ref();
    let sends = sends
        .map_or(String::new(), |sends| format!(", and in the same moment {}", send(sends, "the arbiter")));
    format!("the driver is told `{}`{}{sends}{reply}", step.cmd, json_text::fields(&step.fields))
}

fn send(step: &Send, peer: &str) -> String {
    let mut text = format!("{}: {peer} says {}", step.on, said(step));
    if !step.fds.is_empty() {
        text.push_str(&format!("  + {}", step.fds.join(", ")));
    }
    if step.fds_at > 0 {
        text.push_str(&format!(", with piece {}", step.fds_at));
    }
    if !step.split.0.is_empty() {
        text.push_str(&format!(", cut before byte {}", offsets(&step.split)));
    }
    if let Some(cut) = &step.cut {
        text.push_str(&format!(", of which only {} bytes are sent", offsets(cut)));
    }
    text
}

fn said(step: &Send) -> String {
    let lines = step.message.iter().chain(step.lines.iter().flatten());
    let raw = step.raw.as_ref().map(|raw| format!("the bytes {:?}", shortened(raw)));
    let encoded = step.raw_b64.as_ref().map(|bytes| format!("the bytes {} (base64)", shortened(bytes)));
    lines.map(json_text::template).chain(raw).chain(encoded).collect::<Vec<_>>().join(" and at once ")
}

fn greet(step: &Greet) -> String {
    let greeting = step.greeting.as_ref().map(|greeting| format!(" {}", json_text::template(greeting)));
    let hello = step.hello.as_ref().map(|hello| format!(" {}", json_text::pattern(hello)));
    let fds = step.fds.as_ref().filter(|fds| !fds.is_empty()).map(|fds| format!("  + {}", fds.join(", ")));
    let welcome = step.welcome.as_ref().map(|welcome| format!(" {}", json_text::template(welcome)));
    let or_nothing = Option::unwrap_or_default;
    format!(
        "{}: greeting{}, hello{}{}, welcome{}",
        step.on,
        or_nothing(greeting),
        or_nothing(hello),
        or_nothing(fds),
        or_nothing(welcome)
    )
}

fn expect(step: &Expect, subject: &str) -> String {
    let fds = step.fds.as_ref().map_or(String::new(), |fds| match fds.as_slice() {
        [] => ", without descriptors".to_owned(),
        fds => format!("  + {}", fds.join(", ")),
    });
    format!("{}: {subject} says {}{fds}", step.on, json_text::pattern(&step.message))
}

fn event(step: &EventStep) -> String {
    let before = if step.before_reply { ", before its last reply" } else { "" };
    let or: String = step.or.iter().map(|other| format!(" or `{other}`")).collect();
    format!("the driver reports `{}`{or}{}{before}", step.event, json_text::fields(&step.fields))
}

fn connect_to(step: &ConnectTo) -> String {
    let to = step.listener.as_ref().or(step.address.as_ref()).map_or("?", String::as_str);
    let send = step.send.as_ref().map_or(String::new(), |send| format!(", sends {send:?}"));
    let expect = step.expect.as_ref().map_or(String::new(), |expect| format!(", and {expect:?} comes back"));
    format!("somebody connects to {to}{send}{expect}")
}

fn closed(step: &Closed, subject: &str) -> String {
    let how = match step.how.as_slice() {
        [Ending::Eof] => ", in order",
        [Ending::Reset] => " by a reset",
        _ => "",
    };
    format!("{}: {subject} closes the connection{how}", step.on)
}

fn exits(step: &Exits) -> String {
    match step.signal {
        Some(by) => format!("{} is ended by {}", step.of.0, signal(by)),
        None => format!("{} exits with status {}", step.of.0, step.status.unwrap_or(0)),
    }
}

fn descriptors(step: &Descriptors) -> String {
    if let Some(file) = &step.of {
        return shared(step, file);
    }
    match (&step.remember, &step.equal, step.plus) {
        (Some(name), _, _) => format!("the number of open descriptors of the driver is called `{name}`"),
        (None, Some(name), 0) => format!("the driver has as many open descriptors as at `{name}`"),
        (None, Some(name), plus) => {
            format!("the driver has {plus:+} open descriptors compared with `{name}`")
        }
        (None, None, _) => "every socket of the driver is close-on-exec".to_owned(),
    }
}

/// What is expected of the driver's descriptors of one file.
fn shared(step: &Descriptors, file: &str) -> String {
    match (step.count, step.at_least) {
        (Some(count), _) if step.at_once => {
            format!("the driver has {count} descriptors of `{file}` at this moment")
        }
        (Some(count), _) => format!("the driver has {count} descriptors of `{file}`"),
        (None, Some(count)) => format!("the driver has at least {count} descriptors of `{file}`"),
        (None, None) if step.non_blocking => format!("`{file}` does not block"),
        (None, None) => format!("each descriptor of `{file}` in the driver is close-on-exec"),
    }
}

fn unlisten(step: Unlisten) -> &'static str {
    if step.leave {
        "nobody listens any more, but the arbiter's path stays"
    } else {
        "the arbiter's socket disappears"
    }
}

fn limit(limit: Limit) -> &'static str {
    match limit.nofile {
        OpenFiles::Now => "the driver may not open one more descriptor",
        OpenFiles::Usual => "the driver may open descriptors as usual again",
    }
}

fn probe(step: &Probe) -> String {
    match (&step.begin, &step.end) {
        (Some(address), _) => format!("from now on somebody connects to {address} again and again"),
        (None, Some(address)) => format!("none of the connections to {address} was refused"),
        (None, None) => "the connections are counted".to_owned(),
    }
}

fn offsets(split: &Split) -> String {
    let offsets = split.0.iter().map(|offset| match offset {
        Offset::Bytes(bytes) => bytes.to_string(),
        Offset::Variable(name) => format!("${name}"),
        Offset::Each => "each".to_owned(),
    });
    offsets.collect::<Vec<_>>().join(", ")
}

fn kind(kind: DescriptorKind) -> &'static str {
    match kind {
        DescriptorKind::Pipe => "the end of a pipe",
        DescriptorKind::File => "a file",
        DescriptorKind::Udp => "a UDP socket",
        DescriptorKind::Stream => "a connected stream socket",
        DescriptorKind::Listener => "a TCP listener",
    }
}

fn signal(name: SignalName) -> &'static str {
    match name {
        SignalName::Stop => "STOP",
        SignalName::Cont => "CONT",
        SignalName::Kill => "KILL",
        SignalName::Term => "TERM",
        SignalName::Int => "INT",
        SignalName::Hup => "HUP",
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(RAW_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
