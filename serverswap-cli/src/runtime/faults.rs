//! What the state's errors are to the operator.

use std::io;
use std::path::Path;

use serverswap::protocol::message::Code;

use crate::state::{Directory, DirectoryError};
use crate::ui::Fault;

/// A directory that cannot be used.
pub(super) fn directory(error: DirectoryError) -> Fault {
    match error {
        DirectoryError::SymbolicLink { path } => Fault::DirectorySymlink { directory: path },
        DirectoryError::NotADirectory { path } => Fault::DirectoryNotDirectory { directory: path },
        DirectoryError::OwnedByAnother { path, owner, ours } => {
            Fault::DirectoryOwner { directory: path, owner, uid: ours }
        }
        DirectoryError::OpenToOthers { path, mode } => Fault::DirectoryMode { directory: path, mode },
        DirectoryError::TooLong { path, length, limit } => {
            Fault::DirectoryTooLong { directory: path, length, limit }
        }
        DirectoryError::Io { path, source } => {
            Fault::DirectoryUnusable { directory: path, errno: errno(&source) }
        }
    }
}

/// Neither the lock nor the socket could be had.
pub(super) fn unreachable(at: &Directory, error: &io::Error) -> Fault {
    if is_missing(at.path()) {
        Fault::DirectoryDeleted { directory: at.path().to_owned() }
    } else {
        Fault::Lock { path: at.lock(), errno: errno(error) }
    }
}

/// The arbiter will not have us.
pub(super) fn refused(at: &Directory, code: Code, message: String) -> Fault {
    let directory = at.path().to_owned();
    if code == Code::OtherPidNamespace {
        Fault::OtherPidNamespace { directory }
    } else {
        Fault::ArbiterRefused { directory, code, message }
    }
}

/// We are the arbiter, and do not let even ourselves in: nothing but a descriptor is missing for that.
pub(super) fn cannot_accept() -> Fault {
    Fault::System { what: "accept4", errno: libc::EMFILE }
}

/// Something else that the kernel refused.
pub(super) fn system(what: &'static str, error: &io::Error) -> Fault {
    Fault::System { what, errno: errno(error) }
}

fn is_missing(path: &Path) -> bool {
    !path.exists()
}

fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}
