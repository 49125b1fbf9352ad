//! What each error code means for who reads it: the table in `spec/README.md` and the
//! `errors` of `v1/meta.json` are made of this.

use super::Code;

/// What follows from an error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// Who says it.
    pub sender: Sender,
    /// Whether the connection ends.
    pub fatal: Fatal,
    /// Whether the same request can succeed when it is made again.
    pub retry: Retry,
    /// What is true afterwards, for people.
    pub afterwards: &'static str,
}

/// Who says an error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Only the arbiter.
    Arbiter,
    /// The arbiter or a client.
    Either,
    /// Nobody on the wire: a client library makes it for its program.
    Library,
}

/// Whether an error ends the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fatal {
    /// Always.
    Yes,
    /// Never: it answers a request.
    No,
    /// Unless it answers a request other than `hello`.
    WithoutRe,
}

/// Whether the same request can succeed when it is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same request fails again.
    Never,
    /// It may succeed later.
    Later,
    /// The client connects again and says what it holds.
    Reconnect,
}

impl Sender {
    /// For tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Sender::Arbiter => "arbiter",
            Sender::Either => "either",
            Sender::Library => "library",
        }
    }
}

impl Fatal {
    /// For tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Fatal::Yes => "yes",
            Fatal::No => "no",
            Fatal::WithoutRe => "without re",
        }
    }
}

impl Retry {
    /// For tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Retry::Never => "never",
            Retry::Later => "later",
            Retry::Reconnect => "reconnect",
        }
    }
}

const CLOSED: &str = "The connection is closed. What was granted stays granted; waiting claims have ended.";
const NOT_SERVED: &str = "The connection is closed. Nothing was decided; whoever serves goes on.";

impl Code {
    /// Every code of version 1, in the order of the table.
    pub const ALL: [Code; 26] = [
        Code::MalformedLine,
        Code::LineTooLong,
        Code::InvalidMessage,
        Code::UnknownType,
        Code::DescriptorMismatch,
        Code::NotNegotiated,
        Code::VersionUnsupported,
        Code::OutOfOrder,
        Code::IdReused,
        Code::NotPermitted,
        Code::OtherPidNamespace,
        Code::TooManyConnections,
        Code::InvalidAddress,
        Code::NotInheritable,
        Code::AlreadyClaimed,
        Code::Superseded,
        Code::AddressInUse,
        Code::AddressNotPermitted,
        Code::AddressNotAvailable,
        Code::StateNotWritten,
        Code::Exhausted,
        Code::Stopping,
        Code::Withdrawn,
        Code::SupervisorLost,
        Code::ArbiterNotResponding,
        Code::Internal,
    ];

    /// What follows from this code; an unknown one is treated as `internal`.
    pub fn facts(&self) -> Facts {
        use Fatal::{No, WithoutRe, Yes};
        use Retry::{Later, Never, Reconnect};
        use Sender::{Arbiter, Either, Library};
        let (sender, fatal, retry, afterwards) = match self {
            Code::MalformedLine | Code::LineTooLong => (Either, Yes, Never, CLOSED),
            Code::InvalidMessage => (
                Either,
                WithoutRe,
                Never,
                "With `re`: the request has failed and changed nothing. Without: as `malformed_line`.",
            ),
            Code::UnknownType => (Either, No, Never, "The request has failed and changed nothing."),
            Code::DescriptorMismatch => (
                Either,
                Yes,
                Reconnect,
                "The connection is closed, and every descriptor that came with the fault. What was granted stays granted.",
            ),
            Code::NotNegotiated => (Arbiter, Yes, Never, NOT_SERVED),
            Code::VersionUnsupported => (Either, Yes, Never, NOT_SERVED),
            Code::OutOfOrder | Code::IdReused => (Either, Yes, Reconnect, CLOSED),
            Code::NotPermitted | Code::OtherPidNamespace => (Arbiter, Yes, Never, NOT_SERVED),
            Code::TooManyConnections => (Arbiter, Yes, Later, NOT_SERVED),
            Code::InvalidAddress => (Either, WithoutRe, Never, "As `invalid_message`."),
            Code::NotInheritable => {
                (Arbiter, No, Never, "The claim has failed; the name can be claimed with `bind`.")
            }
            Code::AlreadyClaimed => {
                (Arbiter, No, Never, "The first claim, or the grant, of this generation stays as it was.")
            }
            Code::Superseded => (
                Arbiter,
                No,
                Never,
                "The claim has failed: a newer generation claims, was granted or serves the address.",
            ),
            Code::AddressInUse => (
                Arbiter,
                No,
                Later,
                "The claim has failed. The other program keeps the address; `message` names it.",
            ),
            Code::AddressNotPermitted => (Arbiter, No, Never, "The claim has failed. No socket was opened."),
            Code::AddressNotAvailable => (Arbiter, No, Later, "The claim has failed. No socket was opened."),
            Code::StateNotWritten => (
                Arbiter,
                WithoutRe,
                Later,
                "The claim has failed; nothing was decided, and the old server goes on serving.",
            ),
            Code::Exhausted => (
                Arbiter,
                WithoutRe,
                Later,
                "The claim has failed; nothing was decided, and the old server goes on serving.",
            ),
            Code::Stopping => (
                Arbiter,
                No,
                Never,
                "The claim has failed: the supervisor of this generation was asked to stop.",
            ),
            Code::Withdrawn => (Arbiter, No, Never, "The claim has ended, as the server wished."),
            Code::SupervisorLost => (
                Library,
                No,
                Later,
                "The claim was not made or is lost. This server holds nothing by it and does not go on.",
            ),
            Code::ArbiterNotResponding => (
                Library,
                No,
                Later,
                "An arbiter lives and does not answer. Nothing was decided; whoever serves goes on.",
            ),
            Code::Internal => {
                (Either, WithoutRe, Later, "With `re`: the request has failed. Without: as `out_of_order`.")
            }
            Code::Other(_) => return Code::Internal.facts(),
        };
        Facts { sender, fatal, retry, afterwards }
    }
}
