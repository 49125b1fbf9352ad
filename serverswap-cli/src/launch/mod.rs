//! Starts a server that is given its sockets as descriptors, by a convention that it knows.
//!
//! Our own program is started first, with the environment and the number of the server's process. It waits on a
//! socket pair ([`Launched`]) until the supervisor has been granted the sockets and passes them on, puts them where
//! the environment and the arguments say ([`conventions`]), and executes the command: its pid is the server's.
//!
//! Deliberately no decision about readiness here: that is the [stand-in](crate::stand_in)'s.

mod child;
mod conventions;
mod launched;
mod sockets;

pub(crate) use child::{is_requested, run};
pub(crate) use launched::{Launched, start};
pub(crate) use sockets::{PassedSocket, PassedSockets, PassedSocketsError};

/// The first argument of the program that is to become a server.
const ENTRY: &str = "--launch";

/// The first descriptor that is passed on (`SD_LISTEN_FDS_START`, sd_listen_fds(3)).
const FIRST_DESCRIPTOR: usize = 3;

/// Most sockets of one server: a message on a Unix socket takes 253 descriptors (unix(7)).
const SOCKETS_MAX: usize = 128;
