//! What goes into the arbiter's core.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serverswap::protocol::message::{Code, FromClient};
use serverswap::protocol::{Address, Generation};
use serverswap::sys::process::Process;

use super::{ClientHello, TerminationSignal};

/// One connection to the arbiter, numbered by the driver and never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConnectionId(pub u64);

/// Whether a process was alive when its message was read: its pidfd was polled then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Liveness {
    /// It runs, or has stopped.
    Alive,
    /// It has ended.
    Dead,
}

/// What happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ArbiterEvent {
    /// A client has sent `hello` and all of its `holding` lines.
    Hello(ClientHello),
    /// A negotiated client has sent something else.
    Received {
        /// On which connection.
        link: ConnectionId,
        /// The message.
        message: FromClient,
        /// Whether the client was alive when it was read.
        liveness: Liveness,
    },
    /// A connection ended.
    Disconnected {
        /// Which.
        link: ConnectionId,
    },
    /// A process has ended and everything that it had sent was read.
    Gone {
        /// Which.
        process: Process,
        /// What else lives of its generation, if it was the last server of it
        /// ([`Arbiter::last_of_generation`](super::Arbiter::last_of_generation)).
        remains: BTreeSet<Process>,
    },
    /// The answer to [`ArbiterAction::Open`](super::ArbiterAction::Open); on success with a descriptor.
    Opened {
        /// Which address.
        address: Address,
        /// The code and text of the failure.
        result: Result<(), (Code, String)>,
    },
    /// The other answer to [`ArbiterAction::Open`](super::ArbiterAction::Open): a process that was started in this
    /// directory has it open, and has not passed its listener on.
    HeldByAbsent {
        /// Which address.
        address: Address,
        /// The generation in the environment of that process.
        generation: Generation,
        /// Which process has it, for people: `pid 9 (`nginx`)`.
        holder: String,
    },
    /// The answer to [`ArbiterAction::Fetch`](super::ArbiterAction::Fetch); with a descriptor if one was found.
    Fetched {
        /// From whom.
        process: Process,
        /// Which address.
        address: Address,
        /// What was found.
        found: Fetched,
    },
    /// The answer to [`ArbiterAction::Poll`](super::ArbiterAction::Poll).
    Polled {
        /// Whose pidfd.
        process: Process,
        /// Which address.
        address: Address,
        /// What it said.
        liveness: Liveness,
    },
    /// The answer to [`ArbiterAction::Look`](super::ArbiterAction::Look); with a descriptor for each address that it names.
    Looked {
        /// Of which generation.
        generation: Generation,
        /// Those that wait for connections, or of which it cannot be told.
        listening: Vec<(Process, Address)>,
    },
    /// The first answer to [`ArbiterAction::Signal`](super::ArbiterAction::Signal): the signal is about to be sent.
    Signalled {
        /// Which process.
        process: Process,
        /// Which signal.
        signal: TerminationSignal,
        /// How many connections its group has open, if that could be found out.
        connections: Option<u64>,
    },
    /// The last answer to it, and the answer to
    /// [`ArbiterAction::SignalGeneration`](super::ArbiterAction::SignalGeneration): the signal was sent.
    SignalSent {
        /// To whose processes.
        generation: Generation,
        /// Which signal.
        signal: TerminationSignal,
    },
    /// A deadline may have passed.
    Tick,
}

/// What became of the search for a listener among another process's descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fetched {
    /// The driver has a duplicate of it.
    Found,
    /// It is not there: the process has not read its grant.
    Absent,
    /// The kernel refuses to look.
    Refused,
}
