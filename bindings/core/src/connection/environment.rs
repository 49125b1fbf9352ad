//! The environment variables that a supervisor sets for its server.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use serverswap_protocol::Generation;
use serverswap_protocol::generation::GenerationError;

use crate::session::ConnectTimeouts;

/// The socket of the arbiter. Unset or empty: there is no supervisor.
pub const SOCKET_VARIABLE: &str = "SERVERSWAP_SOCKET";

pub use crate::sys::process::GENERATION_VARIABLE;

/// The program that a client with a claim starts where there is no arbiter. Unset or empty: none is started.
pub const ARBITER_VARIABLE: &str = "SERVERSWAP_ARBITER";

/// The second socket of an arbiter of root, in the abstract namespace: for a server that has become another user.
/// Unset or empty: there is none.
pub const ABSTRACT_SOCKET_VARIABLE: &str = "SERVERSWAP_ABSTRACT_SOCKET";

/// Where the arbiter is, and who this server is to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Where the arbiter is, if there is one.
    pub supervision: Supervision,
    /// How long claims wait for an arbiter that is not there, or does not answer.
    pub timeouts: ConnectTimeouts,
}

/// Whether there is a supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Supervision {
    /// There is none: every claim is granted at once, and nothing else happens.
    Alone,
    /// There was one when this server was started, and its successors bind the same path.
    Supervised {
        /// The absolute path of the arbiter's socket.
        socket: PathBuf,
        /// The generation that this server belongs to.
        generation: Generation,
        /// The name, in the abstract namespace, of the socket for a server that may not use the path any more.
        abstract_socket: Option<OsString>,
        /// The absolute path of the program that becomes the arbiter where there is none.
        arbiter: Option<PathBuf>,
    },
}

/// Why a [`crate::Connection`] could not be set up. Nothing is held and nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// A relative path means something else in every working directory.
    #[error("`{SOCKET_VARIABLE}` must be an absolute path, not `{}`", .0.display())]
    RelativeSocket(PathBuf),
    /// Both variables are set by the supervisor, or neither is.
    #[error("`{SOCKET_VARIABLE}` is set and `{GENERATION_VARIABLE}` is not")]
    GenerationMissing,
    /// Not what a supervisor sets.
    #[error("`{GENERATION_VARIABLE}`: {0}")]
    Generation(#[from] GenerationError),
    /// Out of descriptors.
    #[error("could not set up the connection to the supervisor: {0}")]
    Io(#[from] io::Error),
}

impl ConnectError {
    /// For programs, the same in every language.
    pub fn code(&self) -> &'static str {
        match self {
            ConnectError::RelativeSocket(_)
            | ConnectError::GenerationMissing
            | ConnectError::Generation(_) => "invalid_environment",
            ConnectError::Io(_) => "exhausted",
        }
    }
}

impl Environment {
    /// Reads the variables of this process.
    ///
    /// # Errors
    /// A value that no supervisor sets.
    pub fn from_env() -> Result<Self, ConnectError> {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        Environment::new(
            set(SOCKET_VARIABLE),
            set(GENERATION_VARIABLE),
            set(ABSTRACT_SOCKET_VARIABLE),
            set(ARBITER_VARIABLE),
        )
    }

    /// The environment of a server that was started without a supervisor.
    pub fn alone() -> Self {
        Environment { supervision: Supervision::Alone, timeouts: ConnectTimeouts::default() }
    }

    fn new(
        socket: Option<OsString>,
        generation: Option<OsString>,
        abstract_socket: Option<OsString>,
        arbiter: Option<OsString>,
    ) -> Result<Self, ConnectError> {
        let Some(socket) = socket.map(PathBuf::from) else {
            return Ok(Environment::alone());
        };
        if !socket.is_absolute() {
            return Err(ConnectError::RelativeSocket(socket));
        }
        let generation = generation.ok_or(ConnectError::GenerationMissing)?;
        let generation = generation.to_string_lossy().parse()?;
        // A relative path would be another program in every working directory.
        let arbiter = arbiter.map(PathBuf::from).filter(|path| path.is_absolute());
        let supervision = Supervision::Supervised { socket, generation, abstract_socket, arbiter };
        Ok(Environment { supervision, timeouts: ConnectTimeouts::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(socket: Option<&str>, generation: Option<&str>) -> Result<Environment, String> {
        Environment::new(socket.map(OsString::from), generation.map(OsString::from), None, None)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_socket_there_is_no_supervisor() {
        assert_eq!(environment(None, Some("7-9")), Ok(Environment::alone()));
    }

    #[test]
    fn what_no_supervisor_sets_is_named() {
        let cases = [
            (Some("run/s"), Some("7-9"), "`SERVERSWAP_SOCKET` must be an absolute path, not `run/s`"),
            (Some("/run/s"), None, "`SERVERSWAP_SOCKET` is set and `SERVERSWAP_GENERATION` is not"),
            (
                Some("/run/s"),
                Some("seven"),
                "`SERVERSWAP_GENERATION`: `seven` is not a generation; expected `START-PID`, two decimal numbers",
            ),
        ];
        for (socket, generation, expected) in cases {
            assert_eq!(environment(socket, generation), Err(expected.to_owned()));
        }
    }
}
