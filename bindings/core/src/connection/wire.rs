//! The socket to the arbiter and the watch on its directory: what a session's actions do.
//!
//! Deliberately without any decision: a failure becomes a [`SessionInput`], and the session decides
//! what follows.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serverswap_protocol::message::FromClient;

use super::poll::{Interest, Poll};
use super::transport::{self, Attempt, ClientChannel, SharedListener};
use crate::session::SessionInput;
use crate::sys::watch::{Change, DirectoryWatch};

/// Everything that a connection has open.
#[derive(Debug)]
pub(super) struct Wire {
    poll: Poll,
    socket: ArbiterSocket,
    channel: Option<ClientChannel>,
    /// What `poll` waits for on the channel.
    interest: Interest,
    /// Made when an arbiter is missed for the first time, then kept, paused while linked.
    watch: Option<DirectoryWatch>,
}

/// Where an arbiter is connected to.
#[derive(Debug, Default)]
pub(super) struct ArbiterSocket {
    pub path: PathBuf,
    /// Of an arbiter of root, for a server that has become another user.
    pub abstract_name: Option<OsString>,
}

impl Wire {
    pub fn new(socket: ArbiterSocket) -> io::Result<Self> {
        Ok(Wire { poll: Poll::new()?, socket, channel: None, interest: Interest::Read, watch: None })
    }

    /// Watches the directory of the socket; `Some` if it cannot be.
    pub fn watch(&mut self) -> Option<SessionInput<SharedListener>> {
        self.try_watch().err().map(|_| SessionInput::WatchLost)
    }

    fn try_watch(&mut self) -> io::Result<()> {
        let directory = self.socket.path.parent().unwrap_or(Path::new("/"));
        match &mut self.watch {
            Some(watch) => watch.restart(directory),
            None => {
                let watch = DirectoryWatch::new(directory)?;
                self.poll.add(&watch)?;
                self.watch = Some(watch);
                Ok(())
            }
        }
    }

    /// Stops watching, and keeps what is needed to begin again.
    pub fn unwatch(&mut self) {
        if let Some(watch) = &mut self.watch {
            watch.pause();
        }
    }

    /// One attempt to connect.
    pub fn connect(&mut self) -> SessionInput<SharedListener> {
        self.close();
        let path = &self.socket.path;
        let attempt = match (transport::connect(path), &self.socket.abstract_name) {
            (Err(error), Some(name)) if error.kind() == io::ErrorKind::PermissionDenied => {
                transport::connect_to_root(name)
                    .map_err(|error| transport::not_connected_to_root(path, &error))
            }
            (attempt, _) => attempt.map_err(|error| transport::not_connected(path, &error)),
        };
        match attempt {
            Ok(Attempt::Connected(channel, pid)) => match self.poll.add(&channel) {
                Ok(()) => {
                    self.interest = Interest::Read;
                    self.channel = Some(channel);
                    SessionInput::Connected { pid }
                }
                Err(error) => transport::not_connected(&self.socket.path, &error),
            },
            Ok(Attempt::Failed(input)) | Err(input) => input,
        }
    }

    pub fn send(&mut self, line: &FromClient, listeners: Vec<SharedListener>) {
        if let Some(channel) = &mut self.channel {
            channel.send(line, listeners);
        }
    }

    /// As [`transport::flush`].
    pub fn flush(&mut self) -> Option<SessionInput<SharedListener>> {
        let channel = self.channel.as_mut()?;
        if let Some(ended) = transport::flush(channel) {
            return Some(ended);
        }
        let interest = if channel.wants_write() { Interest::ReadAndWrite } else { Interest::Read };
        if interest != self.interest {
            self.interest = interest;
            return self.poll.change(channel.as_fd(), interest).err().map(|_| SessionInput::Ended);
        }
        None
    }

    /// Whether nothing waits to be sent.
    pub fn is_flushed(&self) -> bool {
        self.channel.as_ref().is_none_or(|channel| !channel.wants_write())
    }

    /// Closes the socket, after what was queued for it as far as that goes.
    pub fn close(&mut self) {
        if let Some(mut channel) = self.channel.take() {
            // The last lines to a peer that may be gone; that it is, is nothing new.
            let _ = channel.flush();
            let _ = self.poll.remove(&channel);
        }
    }

    /// As [`transport::receive`].
    pub fn receive(&mut self) -> Option<SessionInput<SharedListener>> {
        transport::receive(self.channel.as_mut()?)
    }

    /// What happened in the directory.
    pub fn changes(&mut self) -> Option<SessionInput<SharedListener>> {
        let watch = self.watch.as_mut()?;
        let name = self.socket.path.file_name();
        let mut input = None;
        for change in watch.drain().unwrap_or_else(|_| vec![Change::DirectoryGone]) {
            match change {
                Change::Appeared(appeared) if Some(appeared.as_os_str()) == name => {
                    input = Some(SessionInput::Changed)
                }
                Change::Disappeared(gone) if Some(gone.as_os_str()) == name => {
                    input = Some(SessionInput::Removed)
                }
                Change::Overflow => input = Some(SessionInput::Changed),
                Change::DirectoryGone => {
                    self.unwatch();
                    return Some(SessionInput::WatchLost);
                }
                Change::Appeared(_) | Change::Closed(_) | Change::Disappeared(_) => {}
            }
        }
        input
    }

    /// Sets the time at which [`Self::as_fd`] becomes readable without anything arriving.
    pub fn arm(&mut self, deadline: Option<Duration>) -> io::Result<()> {
        self.poll.arm(deadline)
    }

    /// Takes note of a deadline that has passed.
    pub fn clear_deadline(&mut self) -> io::Result<()> {
        self.poll.clear()
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll.as_fd()
    }
}
