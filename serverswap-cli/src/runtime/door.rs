//! The arbiter's socket: bound under another name, renamed, accepted from.

use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::{fs, io, mem};

use serverswap::sys::points;

use super::poller::{Poller, Token};
use crate::state::Directory;

/// The bound socket, and whether it is being accepted from.
pub(super) struct Door {
    socket: UnixListener,
    path: PathBuf,
    /// Device and inode of the name, which the socket itself does not know.
    inode: (u64, u64),
    accepting: Accepting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accepting {
    Yes,
    /// Out of descriptors: accepting would fail at once, again and again.
    NotNow,
}

impl Door {
    /// Binds the socket; nobody is told of those who come in before [`Self::attend`].
    ///
    /// # Errors
    /// The directory is not writable.
    pub(super) fn open(directory: &Directory) -> io::Result<Self> {
        let unfinished = directory.unfinished_socket();
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let socket = UnixListener::bind(&unfinished)?;
        socket.set_nonblocking(true)?;
        fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o600))?;
        let inode = inode(&unfinished)?;
        points::at("before the socket is renamed");
        fs::rename(&unfinished, directory.socket())?;
        points::at("after the socket is renamed");
        Ok(Door { socket, path: directory.socket(), inode, accepting: Accepting::Yes })
    }

    /// Whether clients that connect to the path come here.
    pub(super) fn is_in_place(&self) -> bool {
        inode(&self.path).is_ok_and(|found| found == self.inode)
    }

    pub(super) fn attend(&self, poller: &Poller) -> io::Result<()> {
        poller.add(&self.socket, Token::Door)
    }

    /// Nobody can come in here any more.
    pub(super) fn close(self, poller: &Poller) {
        poller.remove(&self.socket, Token::Door);
    }

    /// The next one who waits at the door.
    pub(super) fn accept(&mut self, poller: &Poller) -> Option<OwnedFd> {
        loop {
            match self.socket.accept() {
                Ok((client, _)) => return Some(client.into()),
                Err(error) if is_about_one_client(&error) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(_) => {
                    poller.remove(&self.socket, Token::Door);
                    self.accepting = Accepting::NotNow;
                    return None;
                }
            }
        }
    }

    /// Whether accepting is to be tried again later.
    pub(super) fn is_shut(&self) -> bool {
        self.accepting == Accepting::NotNow
    }

    pub(super) fn reopen(&mut self, poller: &Poller) {
        if mem::replace(&mut self.accepting, Accepting::Yes) == Accepting::NotNow
            && poller.add(&self.socket, Token::Door).is_err()
        {
            self.accepting = Accepting::NotNow;
        }
    }
}

impl Drop for Door {
    /// While this process has the lock that is at its path nobody else can have bound this one; if
    /// the directory was deleted, another arbiter's door may be there.
    fn drop(&mut self) {
        if self.is_in_place() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn inode(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

fn is_about_one_client(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted)
}
