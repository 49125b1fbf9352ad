//! Why an address could not be opened, and who has it.

use std::fmt;
use std::path::PathBuf;

use serverswap_protocol::message::Code;
use serverswap_protocol::{Address, Generation};

/// Why an address could not be opened. The texts name the address.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("`{address}` is held by {}, {}", holder(.owner.as_ref()), belongs(.owner.as_ref()))]
    InUse {
        /// What was to be opened.
        address: Address,
        /// Who has it, as far as it can be known from here.
        owner: Option<SocketOwner>,
    },
    /// A file of the user's is where the Unix socket would be.
    #[error("`{0}` is a file that is not a socket, and serverswap does not remove it")]
    OtherFile(Address),
    /// A privileged port, a folder that is not writable.
    #[error("`{address}` may not be opened by this user: {}", source.desc())]
    NotPermitted {
        /// What was to be opened.
        address: Address,
        /// EACCES, EPERM or EROFS.
        source: nix::Error,
    },
    /// An IP address that this machine has not, a folder that does not exist.
    #[error("`{address}` cannot be opened on this machine: {}", source.desc())]
    NotAvailable {
        /// What was to be opened.
        address: Address,
        /// EADDRNOTAVAIL, EAFNOSUPPORT, ENOENT or ENOTDIR.
        source: nix::Error,
    },
    /// Out of descriptors or memory.
    #[error("`{address}` could not be opened: {}", source.desc())]
    Exhausted {
        /// What was to be opened.
        address: Address,
        /// EMFILE, ENFILE, ENOBUFS, ENOMEM or ENOSPC.
        source: nix::Error,
    },
    /// The address is a name, and no socket belongs to it.
    #[error("`{0}` is a name without a socket and cannot be inherited")]
    NoSocket(Address),
    /// Anything else.
    #[error("`{address}` could not be opened: {}", source.desc())]
    Io {
        /// What was to be opened.
        address: Address,
        /// What the kernel said.
        source: nix::Error,
    },
}

/// A process that has a socket of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketOwner {
    /// Its process id.
    pub pid: u32,
    /// Its program, such as `node`.
    pub program: Option<String>,
    /// How it was started by serverswap, as its environment shows; `None` if it was not.
    pub started_by: Option<StartedBy>,
}

/// What serverswap puts into the environment of a server, which its children inherit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedBy {
    /// `SERVERSWAP_DIR`: the runtime directory.
    pub directory: PathBuf,
    /// `SERVERSWAP_GENERATION`.
    pub generation: Generation,
}

impl OpenError {
    /// The protocol's code for it.
    pub fn code(&self) -> Code {
        match self {
            OpenError::InUse { .. } | OpenError::OtherFile(_) => Code::AddressInUse,
            OpenError::NotPermitted { .. } => Code::AddressNotPermitted,
            OpenError::NotAvailable { .. } => Code::AddressNotAvailable,
            OpenError::Exhausted { .. } => Code::Exhausted,
            OpenError::NoSocket(_) => Code::NotInheritable,
            OpenError::Io { .. } => Code::Internal,
        }
    }
}

fn holder(owner: Option<&SocketOwner>) -> String {
    owner.map_or_else(|| "a process that cannot be seen from here".to_owned(), ToString::to_string)
}

fn belongs(owner: Option<&SocketOwner>) -> String {
    match owner.and_then(|owner| owner.started_by.as_ref()) {
        Some(StartedBy { directory, .. }) => {
            let directory = directory.display();
            format!(
                "which serverswap started in another runtime directory: `--dir {directory}` is the option for it"
            )
        }
        None => "which serverswap does not manage".to_owned(),
    }
}

/// `pid 9 (`nginx`)`.
impl fmt::Display for SocketOwner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.program {
            Some(program) => write!(formatter, "pid {} (`{program}`)", self.pid),
            None => write!(formatter, "pid {}", self.pid),
        }
    }
}
