//! The steps: what the suite does, and what it waits for. The first step that fails ends the case.

mod driver;
mod process;
mod users;
mod wire;

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::located::Located;
use super::process::{FakeServer, Kill, Probe, SilentServer, Start};
use super::short::Short;
use crate::report::Role;

pub use driver::{DriverStep, EventStep};
pub use process::{Descriptors, Exits, Limit, OpenFiles, Recipient, Signal, SignalName, Sockets};
pub use users::{Answered, ConnectTo, DescriptorKind, DescriptorStep, ListenerStep};
pub use wire::{Accept, Closed, Ending, Expect, Greet, On, Quiet, Send, Unlisten};

/// One step.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Gives the driver a command and checks its reply.
    Driver(DriverStep),
    /// Waits for a connection to the scripted arbiter and gives it a name.
    Accept(Short<Accept>),
    /// Sends on a connection.
    Send(Send),
    /// Negotiates: `greeting`, `hello`, `welcome`.
    Greet(Short<Greet>),
    /// Waits for the next line on a connection.
    Expect(Expect),
    /// Waits for the next event of the driver.
    Event(EventStep),
    /// Proves by barriers that nothing more comes.
    Quiet(Short<Quiet>),
    /// Opens a listener.
    Listener(ListenerStep),
    /// Opens a descriptor.
    Descriptor(DescriptorStep),
    /// Connects to a listener as a user does.
    ConnectTo(ConnectTo),
    /// Waits for what comes back on a connection of `connect_to`.
    Answered(Answered),
    /// Waits for the other side to end a connection.
    Closed(Short<Closed>),
    /// Closes a connection.
    Close(Short<On>),
    /// Ends only the suite's direction of a connection.
    Shutdown(Short<On>),
    /// Closes a connection that has unread data, so that the other side gets a reset.
    Reset(Short<On>),
    /// Stops reading a connection.
    Stall(Short<On>),
    /// Reads a connection again.
    Resume(Short<On>),
    /// Stops listening on the arbiter's socket.
    Unlisten(Unlisten),
    /// The arbiter's socket appears again, as that of another arbiter.
    Listen {},
    /// Sends a signal.
    Signal(Signal),
    /// Waits for a process to end.
    Exits(Exits),
    /// Looks at the descriptors of the driver's process.
    Descriptors(Descriptors),
    /// Limits how many descriptors the driver's process may have.
    Limit(Limit),
    /// Waits for several things that may come in any order: `expect`, `event`, `closed`.
    AnyOrder(Vec<Located<Step>>),
    /// Supervisor: starts the command under test.
    Start(Short<Start>),
    /// Supervisor: takes the connection of a fake server.
    FakeServer(FakeServer),
    /// Supervisor: starts a server that does not speak the protocol.
    SilentServer(SilentServer),
    /// Supervisor: kills a process.
    Kill(Short<Kill>),
    /// Supervisor: connects as a user does, again and again.
    Probe(Probe),
}

/// The name under which a report shows an expectation, and what it proves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CheckLabel<'a> {
    /// Stable within the case. An expectation without one is reported as `steps`.
    pub check: &'a Option<String>,
    /// The requirements that this step proves, beside those of the case.
    pub spec: &'a Vec<String>,
}

impl Step {
    /// The keyword of the step.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Step::Driver(_) => "driver",
            Step::Accept(_) => "accept",
            Step::Send(_) => "send",
            Step::Greet(_) => "greet",
            Step::Expect(_) => "expect",
            Step::Event(_) => "event",
            Step::Quiet(_) => "quiet",
            Step::Listener(_) => "listener",
            Step::Descriptor(_) => "descriptor",
            Step::ConnectTo(_) => "connect_to",
            Step::Answered(_) => "answered",
            Step::Closed(_) => "closed",
            Step::Close(_) => "close",
            Step::Shutdown(_) => "shutdown",
            Step::Reset(_) => "reset",
            Step::Stall(_) => "stall",
            Step::Resume(_) => "resume",
            Step::Unlisten(_) => "unlisten",
            Step::Listen {} => "listen",
            Step::Signal(_) => "signal",
            Step::Exits(_) => "exits",
            Step::Descriptors(_) => "descriptors",
            Step::Limit(_) => "limit",
            Step::AnyOrder(_) => "any_order",
            Step::Start(_) => "start",
            Step::FakeServer(_) => "fake_server",
            Step::SilentServer(_) => "silent_server",
            Step::Kill(_) => "kill",
            Step::Probe(_) => "probe",
        }
    }

    /// The check of a step that expects something.
    #[must_use]
    pub fn checked(&self) -> Option<CheckLabel<'_>> {
        let (check, spec) = match self {
            Step::Driver(DriverStep { check, spec, .. })
            | Step::Accept(Short(Accept { check, spec, .. }))
            | Step::Greet(Short(Greet { check, spec, .. }))
            | Step::Expect(Expect { check, spec, .. })
            | Step::Event(EventStep { check, spec, .. })
            | Step::Quiet(Short(Quiet { check, spec, .. }))
            | Step::ConnectTo(ConnectTo { check, spec, .. })
            | Step::Answered(Answered { check, spec, .. })
            | Step::Closed(Short(Closed { check, spec, .. }))
            | Step::Exits(Exits { check, spec, .. })
            | Step::Descriptors(Descriptors { check, spec, .. })
            | Step::FakeServer(FakeServer { check, spec, .. })
            | Step::Probe(Probe { check, spec, .. }) => (check, spec),
            Step::Send(_)
            | Step::Listener(_)
            | Step::Descriptor(_)
            | Step::Close(_)
            | Step::Shutdown(_)
            | Step::Reset(_)
            | Step::Stall(_)
            | Step::Resume(_)
            | Step::Unlisten(_)
            | Step::Limit(_)
            | Step::Listen {}
            | Step::Signal(_)
            | Step::AnyOrder(_)
            | Step::Start(_)
            | Step::SilentServer(_)
            | Step::Kill(_) => return None,
        };
        Some(CheckLabel { check, spec })
    }

    /// How often it is done.
    #[must_use]
    pub fn times(&self) -> Option<u32> {
        match self {
            Step::Driver(DriverStep { times, .. })
            | Step::Send(Send { times, .. })
            | Step::Expect(Expect { times, .. })
            | Step::Event(EventStep { times, .. }) => *times,
            Step::Accept(_)
            | Step::Greet(_)
            | Step::Quiet(_)
            | Step::Listener(_)
            | Step::Descriptor(_)
            | Step::ConnectTo(_)
            | Step::Answered(_)
            | Step::Closed(_)
            | Step::Close(_)
            | Step::Shutdown(_)
            | Step::Reset(_)
            | Step::Stall(_)
            | Step::Resume(_)
            | Step::Unlisten(_)
            | Step::Listen {}
            | Step::Signal(_)
            | Step::Exits(_)
            | Step::Descriptors(_)
            | Step::Limit(_)
            | Step::AnyOrder(_)
            | Step::Start(_)
            | Step::FakeServer(_)
            | Step::SilentServer(_)
            | Step::Kill(_)
            | Step::Probe(_) => None,
        }
    }

    /// Shows this step and those inside it.
    pub fn visit<'a>(&'a self, show: &mut dyn FnMut(&'a Step)) {
        show(self);
        if let Step::AnyOrder(steps) = self {
            steps.iter().for_each(|step| step.value.visit(show));
        }
    }
}

impl Step {
    /// The role that alone has this step; `None`: both have it.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        match self {
            Step::Driver(_)
            | Step::Accept(_)
            | Step::Event(_)
            | Step::ConnectTo(_)
            | Step::Answered(_)
            | Step::Reset(_)
            | Step::Unlisten(_)
            | Step::Listen {}
            | Step::Limit(_)
            | Step::Descriptors(_) => Some(Role::Client),
            Step::Start(_) | Step::FakeServer(_) | Step::SilentServer(_) | Step::Kill(_) | Step::Probe(_) => {
                Some(Role::Supervisor)
            }
            Step::Send(_)
            | Step::Greet(_)
            | Step::Expect(_)
            | Step::Quiet(_)
            | Step::Listener(_)
            | Step::Descriptor(_)
            | Step::Closed(_)
            | Step::Close(_)
            | Step::Shutdown(_)
            | Step::Stall(_)
            | Step::Resume(_)
            | Step::Signal(_)
            | Step::Exits(_)
            | Step::AnyOrder(_) => None,
        }
    }

    /// Whether it does nothing but wait.
    #[must_use]
    pub fn waits(&self) -> bool {
        matches!(
            self,
            Step::Accept(_) | Step::Expect(_) | Step::Event(_) | Step::Closed(_) | Step::AnyOrder(_)
        )
    }
}

/// A short description, for people.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = |fields: &serde_json::Map<String, Value>| Value::Object(fields.clone());
        if let Step::Driver(DriverStep { cmd, fields: of, .. }) = self {
            write!(f, "`{cmd}` {}", fields(of))
        } else if let Step::Event(EventStep { event, fields: of, .. }) = self {
            write!(f, "the event `{event}` {}", fields(of))
        } else if let Step::Expect(Expect { on, message, .. }) = self {
            write!(f, "{message} on `{on}`")
        } else if let Step::Accept(Short(Accept { on, .. })) = self {
            write!(f, "a connection, `{on}`")
        } else if let Step::Closed(Short(Closed { on, .. })) = self {
            write!(f, "the end of `{on}`")
        } else {
            write!(f, "`{}`", self.word())
        }
    }
}
