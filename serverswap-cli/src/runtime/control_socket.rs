//! The arbiter's socket: bound under another name, renamed, accepted from.

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use serverswap::sys::points;
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::abstract_socket::AbstractSocket;
use super::arbiter::ArbiterInput;
use super::task::Task;
use crate::state::Directory;

/// How long after a connection that could not be accepted, for want of a descriptor, accepting is
/// tried again: without a pause it would fail at once, again and again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The bound socket; it is accepted from for as long as this lives.
pub(super) struct ControlSocket {
    path: PathBuf,
    /// Device and inode of the name, which the socket itself does not know.
    inode: (u64, u64),
    _accepting: Task,
    _for_other_users: Option<AbstractSocket>,
}

impl ControlSocket {
    /// Binds the socket, for these users too; [`ArbiterInput::Connected`] is sent for every client.
    ///
    /// # Errors
    /// The directory is not writable.
    pub(super) fn bind(
        directory: &Directory,
        users: &BTreeSet<u32>,
        inbox: mpsc::Sender<ArbiterInput>,
    ) -> io::Result<Self> {
        let unfinished = directory.unfinished_socket();
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(&unfinished)?;
        // Who has connected is looked at then.
        let mode = if users.is_empty() { 0o600 } else { 0o666 };
        fs::set_permissions(&unfinished, fs::Permissions::from_mode(mode))?;
        if !users.is_empty() {
            directory.open_for(users)?;
        }
        let inode = inode(&unfinished)?;
        points::at("before the socket is renamed");
        fs::rename(&unfinished, directory.socket())?;
        points::at("after the socket is renamed");
        let for_other_users =
            directory.abstract_socket().map(|name| AbstractSocket::bind(name, inbox.clone()));
        let accepting = Task::spawn(accept(listener, inbox));
        Ok(ControlSocket {
            path: directory.socket(),
            inode,
            _accepting: accepting,
            _for_other_users: for_other_users,
        })
    }

    /// Whether clients that connect to the path come here.
    pub(super) fn is_in_place(&self) -> bool {
        inode(&self.path).is_ok_and(|found| found == self.inode)
    }
}

impl Drop for ControlSocket {
    /// While this process has the lock that is at its path nobody else can have bound this one; if
    /// the directory was deleted, another arbiter's socket may be there.
    fn drop(&mut self) {
        if self.is_in_place() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

pub(super) async fn accept(listener: UnixListener, inbox: mpsc::Sender<ArbiterInput>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if inbox.send(ArbiterInput::Connected(stream)).await.is_err() {
                    return;
                }
            }
            Err(error) if is_about_one_client(&error) => {}
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

fn inode(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

fn is_about_one_client(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted)
}
