//! What a driver reports to its session.

use serverswap_protocol::Address;
use serverswap_protocol::message::{Code, FromArbiter};

use super::event::Refusal;

/// What happened on the link. `L` is the listener's handle.
#[derive(Debug)]
pub enum SessionInput<L> {
    /// The socket was connected to.
    Connected {
        /// The process that listens on it, as the kernel says.
        pid: u32,
    },
    /// Nobody listens on the socket.
    NotConnected {
        /// Why, for people.
        reason: String,
    },
    /// The same, and the directory cannot be entered (any more): what is bound elsewhere changes nothing in it, so
    /// that to watch it is no use.
    OutOfSight {
        /// Why, for people.
        reason: String,
    },
    /// Somebody listens, and the queue of connections is full.
    Busy,
    /// Something was put into the watched directory that makes another attempt worth it: for a
    /// server, something of the socket's name.
    Changed,
    /// The socket's name was removed from the watched directory, perhaps with it.
    Removed,
    /// The directory is not watched any more, or cannot be.
    WatchLost,
    /// A line of this version arrived.
    Received {
        /// The line.
        message: FromArbiter,
        /// `(name, listener)` in the order of its `fds`.
        fds: Vec<(String, L)>,
    },
    /// A line from the future arrived that wants a reply.
    Unknown {
        /// Its `id`.
        id: u64,
        /// Its `type`.
        kind: String,
    },
    /// A known message with an impossible content arrived.
    Invalid {
        /// Its `id`, which the error answers; without one the link cannot go on.
        re: Option<u64>,
        /// What is wrong, for programs.
        code: Code,
        /// What is wrong, for people.
        message: String,
    },
    /// What arrived breaks the framing, or the peer is not to be talked to: the link
    /// cannot go on.
    Broken {
        /// What is wrong, for programs.
        code: Code,
        /// What is wrong, for people.
        message: String,
    },
    /// The link has ended, and everything that had arrived was handed in before.
    Ended,
    /// The answer to [`super::SessionAction::Open`].
    Opened {
        /// The address.
        address: Address,
        /// Its listener.
        listener: Result<L, Refusal>,
    },
}
