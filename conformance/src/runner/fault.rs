//! A fault of the program under test, made up: what the mutants of `conformance/mutants/` are.
//!
//! The runner shows a fault everything that comes from the program under test before it looks at it itself, and goes on
//! with what the fault makes of it. So a reference program with a fault is the reference program and a filter. A fault
//! never makes the suite report anything wrong.

use std::fmt::{self, Debug};
use std::os::fd::OwnedFd;

use serde_json::{Map, Value};

use crate::connection::ConnectionEnd;

/// What a program under test is made to do wrong. One for each case; every method passes through
/// unless it is written.
pub trait Fault: Debug + Send {
    /// The step with this check is about to begin. True: from now on, and for what has come already
    /// and was not looked at, the filters are to be asked again.
    fn reached(&mut self, check: &str) -> bool {
        let _ = check;
        false
    }

    /// A line that the subject has put on the wire, before it is validated: what takes its place.
    fn line(&mut self, line: WireLine) -> Vec<WireLine> {
        vec![line]
    }

    /// A whole line that the suite has sent on a connection: what the subject sends in addition, now.
    fn sent(&mut self, on: &str, line: &str) -> Vec<WireLine> {
        let _ = (on, line);
        Vec::new()
    }

    /// The subject has closed a connection: how that looks. `None`: it has not.
    fn closing(&mut self, on: &str, ended: ConnectionEnd) -> Option<ConnectionEnd> {
        let _ = on;
        Some(ended)
    }

    /// A process of the subject has ended. `None`: it has not.
    fn exited(&mut self, exited: Exited) -> Option<Exited> {
        Some(exited)
    }

    /// Whether users' connections to a listener succeed.
    fn lets_in(&mut self) -> bool {
        true
    }

    /// A client: a command that the driver is about to be given, and what it is given instead. `None`: it is not given,
    /// and the reply is `{ok: true}`.
    fn command(&mut self, command: Map<String, Value>) -> Option<Map<String, Value>> {
        Some(command)
    }

    /// A client: a reply or an event of the driver, and what takes its place.
    fn driver_line(&mut self, line: Map<String, Value>) -> Vec<Map<String, Value>> {
        vec![line]
    }

    /// A client: how many descriptors the driver's process has open, in all or of one file.
    fn descriptor_count(&mut self, count: u64) -> u64 {
        count
    }

    /// A client: whether what a step asks of descriptors (close-on-exec, non-blocking) is true.
    fn descriptors_are(&mut self, so: bool) -> bool {
        so
    }

    /// A client: whether a connection that it has made to the arbiter is seen.
    fn connects(&mut self) -> bool {
        true
    }

    /// A client: what a user's connection through a listener gets back.
    fn answered(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }

    /// A supervisor: whether a server that it has started has its environment.
    fn sets_environment(&mut self) -> bool {
        true
    }

    /// A supervisor: whether a server that has ended is seen to have.
    fn ends_servers(&mut self) -> bool {
        true
    }
}

/// A line of the subject, as it was on the wire.
#[derive(Debug)]
pub struct WireLine {
    /// The connection.
    pub on: String,
    /// Without its line feed.
    pub bytes: Vec<u8>,
    /// Those that came with it.
    pub fds: Vec<OwnedFd>,
}

/// How a process has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exited {
    /// With a status.
    Status(i32),
    /// By a signal.
    Signal(i32),
}

/// No fault at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NoFault;

impl Fault for NoFault {}

impl WireLine {
    /// A line without descriptors.
    #[must_use]
    pub fn new(on: &str, object: Map<String, Value>) -> WireLine {
        WireLine { on: on.to_owned(), bytes: Value::Object(object).to_string().into_bytes(), fds: Vec::new() }
    }

    /// The line as a JSON object, if it is one.
    #[must_use]
    pub fn object(&self) -> Option<Map<String, Value>> {
        serde_json::from_slice(&self.bytes).ok()
    }
}

impl Exited {
    /// As a shell has it: the status, or 128 and the signal's number.
    #[must_use]
    pub fn shell_status(self) -> i32 {
        match self {
            Exited::Status(status) => status,
            Exited::Signal(signal) => 128 + signal,
        }
    }
}

/// As a clause.
impl fmt::Display for Exited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exited::Status(status) => write!(f, "with status {status}"),
            Exited::Signal(signal) => write!(f, "by signal {signal}"),
        }
    }
}
