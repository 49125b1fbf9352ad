//! A fault of the supervisor under test, made up: what the mutants of `conformance/mutants/supervisor/`
//! are.
//!
//! The suite shows a fault everything that comes from the command under test before it looks at it
//! itself, and goes on with what the fault makes of it. So a supervisor with a fault is the
//! supervisor and a filter. A fault never makes the suite say anything wrong.

use std::fmt::Debug;
use std::os::fd::OwnedFd;

use serde_json::{Map, Value};

/// What a supervisor under test is made to do wrong. One for each case; every method passes through
/// unless it is written.
pub trait ArbiterFault: Debug + Send {
    /// The step with this check is about to begin. True: from now on, and for what has come already
    /// and was not looked at, the filters are to be asked again.
    fn reached(&mut self, check: &str) -> bool {
        let _ = check;
        false
    }

    /// A line that the arbiter has put on the wire, before it is judged: what takes its place.
    fn line(&mut self, line: ArbiterLine) -> Vec<ArbiterLine> {
        vec![line]
    }

    /// Whether the end of a connection is seen.
    fn closes(&mut self) -> bool {
        true
    }

    /// Whether a server that was started has its environment.
    fn tells_servers(&mut self) -> bool {
        true
    }

    /// Whether a server that has ended is seen to have.
    fn ends_servers(&mut self) -> bool {
        true
    }

    /// The status with which a command has ended.
    fn exited(&mut self, status: i32) -> i32 {
        status
    }

    /// Whether every user was let in.
    fn lets_in(&mut self) -> bool {
        true
    }
}

/// A line of the arbiter, as it was on the wire.
#[derive(Debug)]
pub struct ArbiterLine {
    /// The connection.
    pub on: String,
    /// Without its line feed.
    pub bytes: Vec<u8>,
    /// Those that came with it.
    pub fds: Vec<OwnedFd>,
}

impl ArbiterLine {
    /// The line as a JSON object, if it is one.
    #[must_use]
    pub fn object(&self) -> Option<Map<String, Value>> {
        serde_json::from_slice(&self.bytes).ok()
    }
}

/// No fault at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NoFault;

impl ArbiterFault for NoFault {}
