//! The path of a Unix socket that outlived its listener.

use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::{fs, io};

use nix::errno::Errno;

use super::socket_table::UnixSocket;
use crate::sys::channel::connect;

/// Removes the path if it is a socket at which nobody listens; whether it did. Anything else
/// at that path, a living socket or a file, is left as it is: then bind(2) says EADDRINUSE.
///
/// Nobody listens means that connect(2) is refused and that no bound socket of this
/// machine has that path: one that is about to listen refuses as well.
///
/// # Errors
/// What lstat(2) or unlink(2) says. A path that does not exist is no error.
pub fn remove_stale(path: &Path) -> io::Result<bool> {
    let file = match fs::symlink_metadata(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if !file.file_type().is_socket() || !is_refused(path) || UnixSocket::bound_at(path).is_some() {
        return Ok(false);
    }
    fs::remove_file(path)?;
    Ok(true)
}

fn is_refused(path: &Path) -> bool {
    let refused = Some(Errno::ECONNREFUSED as i32);
    connect(path).is_err_and(|error| error.raw_os_error() == refused)
}
