//! What the state's errors are to the operator.

use std::io;
use std::path::Path;

use serverswap::protocol::message::Code;

use crate::state::{Directory, DirectoryError};
use crate::ui::SetupError;

/// A directory that cannot be used.
pub(crate) fn directory(error: DirectoryError) -> SetupError {
    match error {
        DirectoryError::SymbolicLink { path } => SetupError::DirectorySymlink { directory: path },
        DirectoryError::NotADirectory { path } => SetupError::DirectoryNotDirectory { directory: path },
        DirectoryError::OwnedByAnother { path, owner, ours } => {
            SetupError::DirectoryOwner { directory: path, owner, uid: ours }
        }
        DirectoryError::OpenToOthers { path, mode } => SetupError::DirectoryMode { directory: path, mode },
        DirectoryError::TooLong { path, length, limit } => {
            SetupError::DirectoryTooLong { directory: path, length, limit }
        }
        DirectoryError::Io { path, source } => {
            SetupError::DirectoryUnusable { directory: path, errno: errno(&source) }
        }
    }
}

/// Neither the lock nor the socket could be had.
pub(crate) fn unreachable(at: &Directory, error: &io::Error) -> SetupError {
    if is_missing(at.path()) {
        SetupError::DirectoryDeleted { directory: at.path().to_owned() }
    } else {
        SetupError::Lock { path: at.lock(), errno: errno(error) }
    }
}

/// The arbiter refused the connection.
pub(crate) fn refused(at: &Directory, code: Code, message: String) -> SetupError {
    let directory = at.path().to_owned();
    if code == Code::OtherPidNamespace {
        SetupError::OtherPidNamespace { directory }
    } else {
        SetupError::ArbiterRefused { directory, code, message }
    }
}

/// This process is the arbiter and cannot accept even its own connection: it is out of descriptors.
pub(crate) fn cannot_accept() -> SetupError {
    SetupError::System { what: "accept4", errno: libc::EMFILE }
}

/// Something else that the kernel refused.
pub(crate) fn system(what: &'static str, error: &io::Error) -> SetupError {
    SetupError::System { what, errno: errno(error) }
}

fn is_missing(path: &Path) -> bool {
    !path.exists()
}

fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}
