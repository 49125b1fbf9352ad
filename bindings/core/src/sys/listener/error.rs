//! Why an address could not be opened, and who has it.

use std::path::PathBuf;

use serverswap_protocol::Address;
use serverswap_protocol::message::Code;

/// Why an address could not be opened. The texts name the address.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("`{address}` is held by {}, which serverswap does not manage{}", holder(.owner), belongs(.owner))]
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
    /// The `SERVERSWAP_DIR` in its environment: it belongs to the serverswap of that directory.
    pub serverswap_dir: Option<PathBuf>,
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

fn holder(owner: &Option<SocketOwner>) -> String {
    match owner {
        Some(SocketOwner { pid, program: Some(program), .. }) => format!("pid {pid} (`{program}`)"),
        Some(SocketOwner { pid, program: None, .. }) => format!("pid {pid}"),
        None => "a process that cannot be seen from here".to_owned(),
    }
}

fn belongs(owner: &Option<SocketOwner>) -> String {
    let directory = owner.as_ref().and_then(|owner| owner.serverswap_dir.as_ref());
    directory
        .map(|path| format!(" and which belongs to SERVERSWAP_DIR={}", path.display()))
        .unwrap_or_default()
}
