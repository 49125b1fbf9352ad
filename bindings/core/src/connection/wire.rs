//! The socket to the arbiter and the watch on its directory: what a session's actions do.
//!
//! Deliberately without any decision: a failure becomes an [`Input`], and the session
//! knows what follows.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::unistd::geteuid;
use serverswap_protocol::line::{Decoded, LineError};
use serverswap_protocol::message::{Code, FromArbiter, FromClient};

use super::poll::{Interest, Poll};
use crate::session::Input;
use crate::sys::channel::{Channel, Fill, ReceiveError, connect};
use crate::sys::peer;
use crate::sys::watch::{Change, DirectoryWatch};

/// A listener as the session holds it.
pub(super) type Listener = Arc<OwnedFd>;

/// Most bytes that wait for an arbiter which does not read, before it is given up.
const QUEUE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Everything that a connection has open.
#[derive(Debug)]
pub(super) struct Wire {
    poll: Poll,
    /// The path of the arbiter's socket.
    socket: PathBuf,
    channel: Option<Channel<FromArbiter, FromClient>>,
    /// What `poll` was last told about the channel.
    interest: Interest,
    /// Made when an arbiter is missed for the first time, then kept, paused while linked.
    watch: Option<DirectoryWatch>,
}

impl Wire {
    pub fn new(socket: PathBuf) -> io::Result<Self> {
        Ok(Wire { poll: Poll::new()?, socket, channel: None, interest: Interest::Read, watch: None })
    }

    /// Watches the directory of the socket; `Some` if it cannot be.
    pub fn watch(&mut self) -> Option<Input<Listener>> {
        self.try_watch().err().map(|_| Input::WatchLost)
    }

    fn try_watch(&mut self) -> io::Result<()> {
        let directory = self.socket.parent().unwrap_or(Path::new("/"));
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
    pub fn connect(&mut self) -> Input<Listener> {
        self.close();
        match self.new_channel() {
            Ok(connected) => connected,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Input::Busy,
            Err(error) => Input::NotConnected { reason: format!("`{}`: {error}", self.socket.display()) },
        }
    }

    fn new_channel(&mut self) -> io::Result<Input<Listener>> {
        let socket = connect(&self.socket)?;
        let peer = peer::credentials(&socket)?;
        if peer.uid != 0 && peer.uid != geteuid().as_raw() {
            let message = format!(
                "`{}` belongs to process {} of the user with id {}, which is neither this user nor root",
                self.socket.display(),
                peer.pid,
                peer.uid
            );
            return Ok(Input::Broken { code: Code::NotPermitted, message });
        }
        self.poll.add(&socket)?;
        self.interest = Interest::Read;
        self.channel = Some(Channel::new(socket));
        Ok(Input::Connected { pid: peer.pid })
    }

    pub fn send(&mut self, line: &FromClient, listeners: Vec<Listener>) {
        if let Some(channel) = &mut self.channel {
            channel.send(line, listeners);
        }
    }

    /// Sends what the socket takes. `Some` if the link has ended by that; one that the peer
    /// has closed ends when it is read to the end.
    pub fn flush(&mut self) -> Option<Input<Listener>> {
        let channel = self.channel.as_mut()?;
        match channel.flush() {
            Ok(()) if channel.queued_bytes() > QUEUE_BYTES_MAX => return Some(Input::Ended),
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(_) => return Some(Input::Ended),
        }
        let interest = if channel.wants_write() { Interest::ReadAndWrite } else { Interest::Read };
        if interest != self.interest {
            self.interest = interest;
            return self.poll.change(channel.as_fd(), interest).err().map(|_| Input::Ended);
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
            // Last words to a peer that may be gone; that it is, is nothing new.
            let _ = channel.flush();
            let _ = self.poll.remove(&channel);
        }
    }

    /// The next thing that arrived on the socket, read to the end before it is told to have
    /// ended.
    pub fn receive(&mut self) -> Option<Input<Listener>> {
        let channel = self.channel.as_mut()?;
        loop {
            if let Some(input) = next(channel) {
                return Some(input);
            }
            match channel.fill() {
                Ok(Fill::Data) => {}
                Ok(Fill::WouldBlock) => return None,
                Ok(Fill::End) => return Some(next(channel).unwrap_or(Input::Ended)),
                Err(_) => return Some(Input::Ended),
            }
        }
    }

    /// What happened in the directory.
    pub fn changes(&mut self) -> Option<Input<Listener>> {
        let watch = self.watch.as_mut()?;
        let name = self.socket.file_name();
        let mut told = None;
        for change in watch.drain().unwrap_or_else(|_| vec![Change::DirectoryGone]) {
            match change {
                Change::Appeared(appeared) if Some(appeared.as_os_str()) == name => {
                    told = Some(Input::Changed)
                }
                Change::Disappeared(gone) if Some(gone.as_os_str()) == name => told = Some(Input::Removed),
                Change::Overflow => told = Some(Input::Changed),
                Change::DirectoryGone => {
                    self.unwatch();
                    return Some(Input::WatchLost);
                }
                Change::Appeared(_) | Change::Closed(_) | Change::Disappeared(_) => {}
            }
        }
        told
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

/// The next line that has arrived whole, as the session wants it.
fn next(channel: &mut Channel<FromArbiter, FromClient>) -> Option<Input<Listener>> {
    loop {
        return match channel.next() {
            Ok(Some(Decoded::Message { message, fds })) => {
                let fds = fds.into_iter().map(|(name, fd)| (name, Arc::new(fd))).collect();
                Some(Input::Received { message, fds })
            }
            Ok(Some(Decoded::Unknown { id, kind })) => Some(Input::Unknown { id, kind }),
            Ok(Some(Decoded::Ignored)) => continue,
            Ok(None) => None,
            // The arbiter was killed while it wrote: an end like any other.
            Err(ReceiveError::Line(LineError::Unfinished)) => Some(Input::Ended),
            Err(error) if error.is_fatal() => {
                Some(Input::Broken { code: error.code(), message: error.to_string() })
            }
            Err(error) => {
                Some(Input::Invalid { re: error.re(), code: error.code(), message: error.to_string() })
            }
        };
    }
}
