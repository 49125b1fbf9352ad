//! The socket on which a server says that it is ready (sd_notify(3)), with the sender of each message by the kernel's
//! word.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, UnixCredentials, recvmsg, setsockopt, sockopt};

/// Longest message, in bytes (systemd's `NOTIFY_BUFFER_MAX`).
const MESSAGE_BYTES_MAX: usize = 4_096;

/// Most descriptors of one message (the kernel's `SCM_MAX_FD`).
const DESCRIPTORS_MAX: usize = 253;

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
        let socket = UnixDatagram::bind(path)?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, sockopt::PassCred, &true)?;
        Ok(NotifySocket(socket))
    }

    /// The next message, without waiting.
    pub(crate) fn receive(&self) -> Option<Datagram> {
        let mut buffer = vec![0; MESSAGE_BYTES_MAX];
        loop {
            match self.try_receive(&mut buffer) {
                Err(Errno::EINTR) => {}
                received => return received.ok(),
            }
        }
    }

    fn try_receive(&self, buffer: &mut [u8]) -> nix::Result<Datagram> {
        let mut space = cmsg_space!(UnixCredentials, [RawFd; DESCRIPTORS_MAX]);
        let (mut sender, mut descriptors) = (0, Vec::new());
        let (bytes, flags) = {
            let mut parts = [IoSliceMut::new(buffer)];
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
            let message = recvmsg::<()>(self.0.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
            for control in message.cmsgs()? {
                if let ControlMessageOwned::ScmCredentials(credentials) = control {
                    sender = u32::try_from(credentials.pid()).unwrap_or_default();
                } else if let ControlMessageOwned::ScmRights(numbers) = control {
                    // SAFETY: the kernel has just made these for this process, and nobody else knows them.
                    let owned = |number| unsafe { OwnedFd::from_raw_fd(number) };
                    descriptors.extend(numbers.into_iter().map(owned));
                }
            }
            (message.bytes, message.flags)
        };
        let is_whole = !flags.contains(MsgFlags::MSG_TRUNC);
        let message = if is_whole { buffer[..bytes].to_vec() } else { Vec::new() };
        Ok(Datagram { sender, message, descriptors })
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
