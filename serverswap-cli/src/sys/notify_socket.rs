//! The socket on which a server says that it is ready (sd_notify(3)), with the sender of each message by the kernel's
//! word.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, UnixAddr, bind, getsockname, setsockopt, sockopt};
use serverswap::sys::recvmsg::receive_message;

/// Longest message, in bytes (systemd's `NOTIFY_BUFFER_MAX`).
const MESSAGE_BYTES_MAX: usize = 4_096;

/// The receiving end.
#[derive(Debug)]
pub(crate) struct NotifySocket(UnixDatagram);

/// A message.
#[derive(Debug)]
pub(crate) struct Datagram {
    /// The process that sent it, or that a privileged one sent it for; 0 if it is not visible from here.
    pub(crate) sender: u32,
    /// What it says; empty if it was too long.
    pub(crate) message: Vec<u8>,
    /// What came with it. Dropping them is what sd_notify_barrier(3) waits for.
    pub(crate) descriptors: Vec<OwnedFd>,
}

impl NotifySocket {
    /// Binds it at a path where nothing is.
    ///
    /// # Errors
    /// As of bind(2).
    pub(crate) fn bind(path: &Path) -> io::Result<NotifySocket> {
        NotifySocket::of(UnixDatagram::bind(path)?)
    }

    /// Binds it at a name of the kernel's choice; returns that as the value of `NOTIFY_SOCKET`.
    ///
    /// # Errors
    /// As of bind(2).
    pub(crate) fn bind_anywhere() -> io::Result<(NotifySocket, OsString)> {
        let socket = UnixDatagram::unbound()?;
        bind(socket.as_raw_fd(), &UnixAddr::new_unnamed())?;
        let bound = getsockname::<UnixAddr>(socket.as_raw_fd())?;
        let mut name = OsString::from("@");
        name.push(OsStr::from_bytes(bound.as_abstract().unwrap_or_default()));
        Ok((NotifySocket::of(socket)?, name))
    }

    fn of(socket: UnixDatagram) -> io::Result<NotifySocket> {
        socket.set_nonblocking(true)?;
        setsockopt(&socket, sockopt::PassCred, &true)?;
        Ok(NotifySocket(socket))
    }

    /// The next message, without waiting.
    pub(crate) fn receive(&self) -> Option<Datagram> {
        let mut buffer = vec![0; MESSAGE_BYTES_MAX];
        loop {
            match receive_message(self.0.as_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(received) => {
                    buffer.truncate(if received.is_cut { 0 } else { received.length });
                    let sender = received.sender.unwrap_or_default();
                    return Some(Datagram { sender, message: buffer, descriptors: received.descriptors });
                }
                Err(Errno::EINTR) => {}
                Err(_) => return None,
            }
        }
    }
}

impl AsFd for NotifySocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for NotifySocket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_its_sender_and_its_descriptors_are_closed_with_it() {
        use nix::sys::socket::{ControlMessage, sendmsg};
        use std::io::{IoSlice, Read};

        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("notify");
        let socket = NotifySocket::bind(&path).expect("a free path");
        assert!(socket.receive().is_none(), "nobody has said anything");
        let client = UnixDatagram::unbound().expect("a socket");
        client.connect(&path).expect("it is there");
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let numbers = [writer.as_raw_fd()];
        let rights = [ControlMessage::ScmRights(&numbers)];
        sendmsg::<()>(client.as_raw_fd(), &[IoSlice::new(b"BARRIER=1")], &rights, MsgFlags::empty(), None)
            .expect("sent");
        drop(writer);
        let datagram = socket.receive().expect("one waits");
        assert_eq!(
            (datagram.sender, datagram.message.as_slice(), datagram.descriptors.len()),
            (std::process::id(), b"BARRIER=1".as_slice(), 1)
        );
        drop(datagram);
        assert_eq!(reader.read(&mut [0]).expect("the pipe has ended"), 0);
    }

    #[test]
    fn a_message_that_is_too_long_says_nothing() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("notify");
        let socket = NotifySocket::bind(&path).expect("a free path");
        let client = UnixDatagram::unbound().expect("a socket");
        client.send_to(&[b'a'; MESSAGE_BYTES_MAX + 1], &path).expect("sent");
        assert_eq!(socket.receive().expect("one waits").message, b"");
    }
}
