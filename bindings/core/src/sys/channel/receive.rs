//! What has arrived on a connection.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::MsgFlags;

use crate::sys::recvmsg::receive_message;

/// Most bytes taken at once.
const BYTES_MAX: usize = 16_384;

pub(super) enum ReceiveOutcome {
    Data {
        bytes: Vec<u8>,
        fds: Vec<OwnedFd>,
    },
    WouldBlock,
    /// More descriptors came than this process could take; those that came are closed.
    Truncated,
    End,
}

/// Receives what is there now, every descriptor close-on-exec.
pub(super) fn receive(socket: BorrowedFd<'_>) -> io::Result<ReceiveOutcome> {
    let mut bytes = vec![0; BYTES_MAX];
    let message = loop {
        match receive_message(socket, &mut bytes, MsgFlags::MSG_DONTWAIT) {
            Ok(message) => break message,
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return Ok(ReceiveOutcome::WouldBlock),
            Err(Errno::ECONNRESET | Errno::EPIPE) => return Ok(ReceiveOutcome::End),
            Err(error) => return Err(error.into()),
        }
    };
    if message.lacks_descriptors {
        return Ok(ReceiveOutcome::Truncated);
    }
    if message.length == 0 {
        return Ok(ReceiveOutcome::End);
    }
    bytes.truncate(message.length);
    Ok(ReceiveOutcome::Data { bytes, fds: message.descriptors })
}
