//! How a request can be lost.

use std::fmt;

use serde::Serialize;

/// Why a request got no good answer. Every kind counts as failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// Nobody listened (or the backlog of a Unix socket was full).
    Refused,
    /// The connection was reset while it was being opened.
    ResetOnConnect,
    /// The connection was not open in time.
    TimeoutOnConnect,
    /// The connection was reset when it was open, before the answer to its request.
    ResetAfterSent,
    /// The connection was closed after the request was sent, before its answer.
    ClosedBeforeAnswer,
    /// A keep-alive connection that nobody had announced to close was reset under a new request.
    ReusedReset,
    /// A keep-alive connection that nobody had announced to close was closed under a new request.
    ReusedClosed,
    /// The answer broke off in the middle.
    CutShort,
    /// No whole answer in time.
    Timeout,
    /// A whole answer that does not say 2xx.
    BadStatus,
    /// An answer that is not HTTP/1.1.
    Malformed,
    /// This machine could not open a connection: no port or descriptor was free. No server's fault.
    Local,
}

impl Failure {
    /// Whether it is what the end of a server looks like to a client that it had accepted.
    pub fn was_accepted(self) -> bool {
        match self {
            Failure::ResetAfterSent
            | Failure::ClosedBeforeAnswer
            | Failure::ReusedReset
            | Failure::ReusedClosed
            | Failure::CutShort => true,
            Failure::Refused
            | Failure::ResetOnConnect
            | Failure::TimeoutOnConnect
            | Failure::Timeout
            | Failure::BadStatus
            | Failure::Malformed
            | Failure::Local => false,
        }
    }

    /// In the words of the report.
    pub fn words(self) -> &'static str {
        match self {
            Failure::Refused => "refused",
            Failure::ResetOnConnect => "reset on connect",
            Failure::TimeoutOnConnect => "not connected in time",
            Failure::ResetAfterSent => "reset after it was sent",
            Failure::ClosedBeforeAnswer => "closed before the answer",
            Failure::ReusedReset => "reset on a reused connection",
            Failure::ReusedClosed => "closed on a reused connection",
            Failure::CutShort => "answer cut short",
            Failure::Timeout => "not answered in time",
            Failure::BadStatus => "bad status",
            Failure::Malformed => "not HTTP",
            Failure::Local => "no free port or descriptor here",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

impl std::error::Error for Failure {}
