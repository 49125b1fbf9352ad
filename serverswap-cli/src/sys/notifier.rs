//! Sends messages to a service manager (sd_notify(3)), with descriptors where they have some.

use std::ffi::OsStr;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};

use crate::cli::environment;

/// How long a service manager is waited for that does not read, or has not done what it was asked for.
const PATIENCE: Duration = Duration::from_secs(1);

/// The sending end.
#[derive(Debug)]
pub(crate) struct Notifier {
    to: UnixAddr,
    socket: UnixDatagram,
}

impl Notifier {
    /// To what `NOTIFY_SOCKET` names, if this process is given it.
    pub(crate) fn of_this_process() -> Option<Notifier> {
        std::env::var_os(environment::NOTIFY_SOCKET).and_then(|name| Notifier::new(&name))
    }

    /// To a path, or to a name in the abstract namespace; `None` for anything else.
    pub(crate) fn new(name: &OsStr) -> Option<Notifier> {
        let to = match name.as_bytes() {
            [b'@', name @ ..] => UnixAddr::new_abstract(name).ok()?,
            [b'/', ..] => UnixAddr::new(name).ok()?,
            _ => return None,
        };
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_write_timeout(Some(PATIENCE)).ok()?;
        Some(Notifier { to, socket })
    }

    /// Without waiting. Whoever does not listen misses it.
    pub(crate) fn tell(&self, message: &str) {
        let _ = self.send(message, &[], MsgFlags::MSG_DONTWAIT);
    }

    /// Waits for room, for a bounded time.
    ///
    /// # Errors
    /// Nobody is there, or does not read.
    pub(crate) fn hand(&self, message: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.send(message, descriptors, MsgFlags::empty())
    }

    /// Waits until everything that was sent before was dealt with, for a bounded time.
    ///
    /// # Errors
    /// It was not.
    pub(crate) fn barrier(&self) -> io::Result<()> {
        let (reader, writer) = io::pipe()?;
        self.pass_barrier(writer.into())?;
        let mut ends = [PollFd::new(reader.as_fd(), PollFlags::empty())];
        let patience = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::ZERO);
        match poll(&mut ends, patience)? {
            0 => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(()),
        }
    }

    /// Passes on somebody else's.
    ///
    /// # Errors
    /// As [`Self::hand`].
    pub(crate) fn pass_barrier(&self, end: OwnedFd) -> io::Result<()> {
        self.hand("BARRIER=1", &[end.as_fd()])
    }

    fn send(&self, message: &str, descriptors: &[BorrowedFd<'_>], flags: MsgFlags) -> io::Result<()> {
        let numbers: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        let rights = [ControlMessage::ScmRights(&numbers)];
        let rights = if numbers.is_empty() { &[] } else { rights.as_slice() };
        let flags = flags | MsgFlags::MSG_NOSIGNAL;
        sendmsg(self.socket.as_raw_fd(), &[IoSlice::new(message.as_bytes())], rights, flags, Some(&self.to))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::sys::notify_socket::NotifySocket;

    #[test]
    fn a_descriptor_arrives_with_its_message_and_a_barrier_ends_when_it_was_dealt_with() {
        let (manager, name) = NotifySocket::bind_anywhere().expect("a socket");
        let notifier = Notifier::new(&name).expect("an address");
        let file = std::fs::File::open("/dev/null").expect("it is there");
        notifier.hand("FDSTORE=1\nFDNAME=null", &[file.as_fd()]).expect("there is room");
        let datagram = manager.receive().expect("it was sent");
        assert_eq!(
            (datagram.message.as_slice(), datagram.descriptors.len()),
            (&b"FDSTORE=1\nFDNAME=null"[..], 1)
        );
        thread::scope(|scope| {
            let waits = scope.spawn(|| notifier.barrier());
            let barrier = loop {
                match manager.receive() {
                    Some(barrier) => break barrier,
                    None => thread::yield_now(),
                }
            };
            assert!(!waits.is_finished());
            drop(barrier);
            waits.join().expect("no panic").expect("it was dealt with");
        });
    }

    #[test]
    fn what_is_no_unix_socket_is_not_told() {
        assert!(Notifier::new(OsStr::new("vsock:2:9")).is_none());
        assert!(Notifier::new(OsStr::new("")).is_none());
    }
}
