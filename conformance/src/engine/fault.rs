//! A fault of the client under test, made up: what the mutants of `conformance/mutants/` are.
//!
//! The engine shows a fault everything that comes from the program under test before it looks at
//! it itself, and goes on with what the fault makes of it. So a reference client with a fault is
//! the reference client and a filter. A fault never makes the suite say anything wrong.

use serde_json::{Map, Value};

/// What a client under test is made to do wrong. One for each case; every method passes through
/// unless it is written.
pub trait Fault: std::fmt::Debug + Send {
    /// The step with this check is about to begin. True: from now on, and for what has come already
    /// and was not looked at, the filters are to be asked again.
    fn reached(&mut self, check: &str) -> bool {
        let _ = check;
        false
    }

    /// A line that the client has put on the wire, before it is judged: what takes its place.
    fn client_line(&mut self, line: ClientLine) -> Vec<ClientLine> {
        vec![line]
    }

    /// A line that the suite has sent on a connection, whole, to be looked at: what the client
    /// says in addition, now.
    fn arbiter_line(&mut self, on: &str, line: &str) -> Vec<ClientLine> {
        let _ = (on, line);
        Vec::new()
    }

    /// A command that the driver is about to be given: what it is given instead. `None`: it is not
    /// given, and the reply is `{ok: true}`.
    fn command(&mut self, command: Map<String, Value>) -> Option<Map<String, Value>> {
        Some(command)
    }

    /// A reply or an event of the driver: what takes its place.
    fn driver_line(&mut self, line: Map<String, Value>) -> Vec<Map<String, Value>> {
        vec![line]
    }

    /// The client has closed a connection: how that looks. `None`: it has not.
    fn closing(&mut self, on: &str, closing: Closing) -> Option<Closing> {
        let _ = on;
        Some(closing)
    }

    /// How many descriptors the driver's process has open.
    fn descriptor_count(&mut self, count: u64) -> u64 {
        count
    }

    /// How many descriptors of the driver's process are of one file.
    fn descriptors_of(&mut self, count: u64) -> u64 {
        count
    }

    /// Whether what a step asks of descriptors (close-on-exec, non-blocking) is true.
    fn descriptors_are(&mut self, so: bool) -> bool {
        so
    }

    /// Whether a connection that the client has made to the arbiter is seen.
    fn connects(&mut self) -> bool {
        true
    }

    /// Whether a user's connection to a listener succeeds.
    fn lets_in(&mut self) -> bool {
        true
    }

    /// What a user's connection through a listener gets back.
    fn answered(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        bytes
    }

    /// The driver's process has ended. `None`: it has not.
    fn exited(&mut self, exited: Exited) -> Option<Exited> {
        Some(exited)
    }
}

/// A line of the client, as it was on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientLine {
    /// The connection.
    pub on: String,
    /// Without its line feed.
    pub bytes: Vec<u8>,
    /// What is to happen to its descriptors.
    pub fds: LineFds,
}

/// The descriptors of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineFds {
    /// As they came.
    Kept,
    /// They did not come.
    Dropped,
}

/// How a connection was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// Everything that was sent was read.
    Eof,
    /// Something was not.
    Reset,
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

impl ClientLine {
    /// The line as a JSON object, if it is one.
    #[must_use]
    pub fn object(&self) -> Option<Map<String, Value>> {
        serde_json::from_slice(&self.bytes).ok()
    }

    /// The same line with another object.
    #[must_use]
    pub fn with(&self, object: &Map<String, Value>) -> ClientLine {
        let bytes = Value::Object(object.clone()).to_string().into_bytes();
        ClientLine { on: self.on.clone(), bytes, fds: self.fds }
    }
}
