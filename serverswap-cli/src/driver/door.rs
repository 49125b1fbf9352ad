//! The arbiter's socket: bound under another name, renamed, accepted from.

use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::{fs, io, mem};

use serverswap::sys::points;

use super::poller::{Poller, Token};
use crate::state::Directory;

/// The bound socket, and whether it is being accepted from.
pub(super) struct Door {
    socket: UnixListener,
    path: PathBuf,
    accepting: Accepting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accepting {
    Yes,
    /// Out of descriptors: accepting would fail at once, again and again.
    NotNow,
}

impl Door {
    pub(super) fn open(directory: &Directory, poller: &Poller) -> io::Result<Self> {
        let unfinished = directory.unfinished_socket();
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let socket = UnixListener::bind(&unfinished)?;
        socket.set_nonblocking(true)?;
        fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o600))?;
        poller.add(&socket, Token::Door)?;
        points::at("before the socket is renamed");
        fs::rename(&unfinished, directory.socket())?;
        points::at("after the socket is renamed");
        Ok(Door { socket, path: directory.socket(), accepting: Accepting::Yes })
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
    /// While this process has the lock nobody else can have bound the path.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn is_about_one_client(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted)
}
