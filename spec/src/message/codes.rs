//! The error codes, and for each: which side sends it, whether it is fatal, whether to retry, and
//! what is true afterwards. Chapter 17 of `spec/README.md` and the `errors` of `v1/meta.json` are
//! generated from this.

use serde::{Deserialize, Serialize};

/// The error codes of version 1. An unknown code is treated as `internal`.
///
/// The table with sender, fatality, retry and what is true afterwards is in `spec/README.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("x-open" = true)))]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The line is not one JSON object of the protocol's form.
    MalformedLine,
    /// The line is longer than the limit.
    LineTooLong,
    /// A known message with a missing or impossible field.
    InvalidMessage,
    /// A `type` that this side does not know, in a message that wants a reply.
    UnknownType,
    /// More or fewer descriptors arrived than `fds` names, or they were truncated.
    DescriptorMismatch,
    /// Another message than `hello` came first.
    NotNegotiated,
    /// The `version` of the `hello` was not offered.
    VersionUnsupported,
    /// A message that is not legal in this state or for this role.
    OutOfOrder,
    /// An `id` that is not greater than the one before.
    IdReused,
    /// The peer runs as another user.
    NotPermitted,
    /// The peer runs in another pid namespace.
    OtherPidNamespace,
    /// Too many connections are open.
    TooManyConnections,
    /// The text is not an address.
    InvalidAddress,
    /// An address without a socket cannot be inherited.
    NotInheritable,
    /// This server claims or holds the address already.
    AlreadyClaimed,
    /// A newer generation claims or holds the address.
    Superseded,
    /// A program that serverswap does not manage holds the address.
    AddressInUse,
    /// Another address that a server of this directory has keeps the kernel from binding this one.
    AddressOverlaps,
    /// In `event`: a server said `serving` for an address that it bound itself, and does not listen there.
    NotListening,
    /// The address may not be opened: a privileged port, an unwritable folder.
    AddressNotPermitted,
    /// The address cannot be opened on this machine.
    AddressNotAvailable,
    /// The arbiter could not write down what it was about to decide.
    StateNotWritten,
    /// The arbiter is out of descriptors or memory.
    Exhausted,
    /// The server was asked to stop.
    Stopping,
    /// The claim was withdrawn by the server itself.
    Withdrawn,
    /// Made by client libraries: no arbiter could be found in time.
    SupervisorLost,
    /// Made by client libraries: the arbiter lives and does not greet.
    ArbiterNotResponding,
    /// A fault of the sender.
    Internal,
    /// A code from the future.
    #[serde(untagged)]
    Other(String),
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// What follows from an error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeInfo {
    /// Which side sends it.
    pub sender: Sender,
    /// Whether the connection ends.
    pub fatal: Fatal,
    /// Whether the same request can succeed when it is made again.
    pub retry: Retry,
    /// What is true afterwards, for people.
    pub afterwards: &'static str,
}

/// Which side sends an error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Only the arbiter.
    Arbiter,
    /// The arbiter or a client.
    Either,
    /// Never sent: a client library reports it to its program.
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
const NOTHING_DECIDED: &str = "The connection is closed. Nothing was decided; a server that serves goes on.";

impl Code {
    /// Every code of version 1, in the order of the table.
    pub const ALL: [Code; 28] = [
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
        Code::AddressOverlaps,
        Code::NotListening,
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

    /// As a program is told it: a code from the future is `internal` (SS-LINE-14).
    #[must_use]
    pub fn or_internal(self) -> Code {
        if matches!(self, Code::Other(_)) { Code::Internal } else { self }
    }

    /// What follows from this code; an unknown one is treated as `internal`.
    pub fn info(&self) -> CodeInfo {
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
            Code::NotNegotiated => (Arbiter, Yes, Never, NOTHING_DECIDED),
            Code::VersionUnsupported => (Either, Yes, Never, NOTHING_DECIDED),
            Code::OutOfOrder | Code::IdReused => (Either, Yes, Reconnect, CLOSED),
            Code::NotPermitted | Code::OtherPidNamespace => (Arbiter, Yes, Never, NOTHING_DECIDED),
            Code::TooManyConnections => (Arbiter, Yes, Later, NOTHING_DECIDED),
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
            Code::AddressOverlaps => (
                Arbiter,
                No,
                Later,
                "The claim has failed. The other address is served as before; `message` names it and its server.",
            ),
            Code::NotListening => (
                Arbiter,
                No,
                Later,
                "Only in `event`. The server was granted the address and counts as serving once it listens there.",
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
                "An arbiter lives and does not answer. Nothing was decided; a server that serves goes on.",
            ),
            Code::Internal => {
                (Either, WithoutRe, Later, "With `re`: the request has failed. Without: as `out_of_order`.")
            }
            Code::Other(_) => return Code::Internal.info(),
        };
        CodeInfo { sender, fatal, retry, afterwards }
    }
}
