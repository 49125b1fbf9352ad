//! What every driver of a session does with its socket, whichever event loop it waits in: connect,
//! send, receive. A failure becomes a [`SessionInput`], and the session decides what follows.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use nix::unistd::geteuid;
use serverswap_protocol::Address;
use serverswap_protocol::line::{Decoded, LineError};
use serverswap_protocol::message::{Code, FromArbiter, FromClient, LISTENER};

use crate::session::SessionInput;
use crate::sys::channel::{self, Channel, Fill, ReceiveError};
use crate::sys::listener::is_listener_of;
use crate::sys::peer;

/// A listener as a session holds it.
pub type SharedListener = Arc<OwnedFd>;

/// A client's end of the socket.
pub type ClientChannel = Channel<FromArbiter, FromClient>;

/// Most bytes that wait for an arbiter which does not read, before it is given up.
const QUEUE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What an attempt to connect has come to.
#[derive(Debug)]
pub enum Attempt {
    /// Connected, to this process.
    Connected(ClientChannel, u32),
    /// Not connected, for the session to take in.
    Failed(SessionInput<SharedListener>),
}

/// One attempt to connect, without waiting.
///
/// # Errors
/// An error of connect(2); [`not_connected`] makes an input of it.
pub fn connect(path: &Path) -> io::Result<Attempt> {
    let socket = channel::connect(path)?;
    let peer = peer::credentials(&socket)?;
    if peer.uid != 0 && peer.uid != geteuid().as_raw() {
        let message = format!(
            "`{}` belongs to process {} of the user with id {}, which is neither this user nor root",
            path.display(),
            peer.pid,
            peer.uid
        );
        return Ok(Attempt::Failed(SessionInput::Broken { code: Code::NotPermitted, message }));
    }
    Ok(Attempt::Connected(Channel::new(socket), peer.pid))
}

/// As [`connect`], to the second socket of an arbiter of root. Everybody can take such a name, so
/// nobody else is believed.
///
/// # Errors
/// As [`connect`].
pub fn connect_to_root(abstract_name: &OsStr) -> io::Result<Attempt> {
    let socket = channel::connect_to_abstract(abstract_name)?;
    let peer = peer::credentials(&socket)?;
    if peer.uid != 0 {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("process {} of the user with id {} has the name of its other socket", peer.pid, peer.uid),
        ));
    }
    Ok(Attempt::Connected(Channel::new(socket), peer.pid))
}

/// What the session is to know of an attempt by [`connect`] that has failed.
pub fn not_connected(path: &Path, error: &io::Error) -> SessionInput<SharedListener> {
    if is_busy(error) {
        SessionInput::Busy
    } else {
        SessionInput::NotConnected { reason: reason(path, error) }
    }
}

/// The same of [`connect_to_root`].
pub fn not_connected_to_root(path: &Path, error: &io::Error) -> SessionInput<SharedListener> {
    if is_busy(error) { SessionInput::Busy } else { SessionInput::OutOfSight { reason: reason(path, error) } }
}

fn is_busy(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

fn reason(path: &Path, error: &io::Error) -> String {
    format!("`{}`: {error}", path.display())
}

/// Sends what the socket takes. `Some` if the link has ended by that; one that the peer has closed
/// ends when it is read to the end.
pub fn flush(channel: &mut ClientChannel) -> Option<SessionInput<SharedListener>> {
    match channel.flush() {
        Ok(()) if channel.queued_bytes() > QUEUE_BYTES_MAX => Some(SessionInput::Ended),
        Ok(()) => None,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => None,
        Err(_) => Some(SessionInput::Ended),
    }
}

/// The next thing that arrived on the socket, read to the end before it is reported to have ended.
pub fn receive(channel: &mut ClientChannel) -> Option<SessionInput<SharedListener>> {
    loop {
        if let Some(input) = next(channel) {
            return Some(input);
        }
        match channel.fill() {
            Ok(Fill::Data) => {}
            Ok(Fill::WouldBlock) => return None,
            Ok(Fill::End) => return Some(next(channel).unwrap_or(SessionInput::Ended)),
            Err(_) => return Some(SessionInput::Ended),
        }
    }
}

/// A line with what came with it. What is granted has to be a listener of the address (SS-FD-10).
fn received(message: FromArbiter, fds: Vec<(String, OwnedFd)>) -> SessionInput<SharedListener> {
    let is_right = |address: &Address| {
        fds.iter().filter(|(name, _)| name == LISTENER).all(|(_, fd)| is_listener_of(fd, address))
    };
    match &message {
        FromArbiter::Granted(granted) if !is_right(&granted.address) => {
            let message = format!("what came with `granted` is no listener of `{}`", granted.address);
            return SessionInput::Broken { code: Code::InvalidMessage, message };
        }
        FromArbiter::Granted(_)
        | FromArbiter::Greeting(_)
        | FromArbiter::Welcome(_)
        | FromArbiter::Takedown(_)
        | FromArbiter::Progress(_)
        | FromArbiter::Event(_)
        | FromArbiter::Verdict(_)
        | FromArbiter::Ping(_)
        | FromArbiter::Pong(_)
        | FromArbiter::Error(_) => {}
    }
    let fds = fds.into_iter().map(|(name, fd)| (name, Arc::new(fd))).collect();
    SessionInput::Received { message, fds }
}

/// The next line that has arrived whole, as the session wants it.
fn next(channel: &mut ClientChannel) -> Option<SessionInput<SharedListener>> {
    loop {
        return match channel.next() {
            Ok(Some(Decoded::Message { message, fds })) => Some(received(message, fds)),
            Ok(Some(Decoded::Unknown { id, kind })) => Some(SessionInput::Unknown { id, kind }),
            Ok(Some(Decoded::Ignored)) => continue,
            Ok(None) => None,
            // The arbiter was killed while it wrote: an end like any other.
            Err(ReceiveError::Line(LineError::Unfinished)) => Some(SessionInput::Ended),
            Err(error) if error.is_fatal() => {
                Some(SessionInput::Broken { code: error.code(), message: error.to_string() })
            }
            Err(error) => {
                Some(SessionInput::Invalid { re: error.re(), code: error.code(), message: error.to_string() })
            }
        };
    }
}
