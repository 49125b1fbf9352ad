//! A line and at most one descriptor, from a fake server to the suite.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};

/// Longer than any line of a fake server.
const LINE_BYTES_MAX: usize = 4096;

/// What a fake server reports with a connection that it has made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Connected {
    /// Its process id.
    pub(super) pid: u32,
    /// The generation that it found in its environment.
    pub(super) generation: Option<String>,
    /// The path that it found in its environment.
    pub(super) socket: Option<String>,
}

/// What a fake server reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum News {
    /// A connection that it has made.
    Connected(Connected),
    /// A server that does not speak, which it has started.
    Started { pid: u32 },
}

/// Sends a line with a descriptor. It is short enough to go at once.
pub(super) fn send(control: impl AsFd, news: &News, connection: Option<&OwnedFd>) -> io::Result<()> {
    let line = serde_json::to_vec(news)?;
    let fds: Vec<_> = connection.iter().map(|fd| fd.as_fd()).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(&fds));
    }
    sendmsg(control, &[IoSlice::new(&line)], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// What came from a fake server.
pub(super) enum Handover {
    News(News, Option<OwnedFd>),
    Nothing,
    /// It is gone.
    End,
}

/// Takes what is there. A fake server waits for an answer before it sends the next line, so one read is
/// one line.
pub(super) fn receive(control: impl AsFd) -> io::Result<Handover> {
    let mut bytes = [0; LINE_BYTES_MAX];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let received = match recvmsg(control, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, flags) {
        Ok(received) => received,
        Err(Errno::AGAIN | Errno::INTR) => return Ok(Handover::Nothing),
        Err(Errno::CONNRESET | Errno::PIPE) => return Ok(Handover::End),
        Err(error) => return Err(error.into()),
    };
    let mut connection = None;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(mut fds) = message {
            connection = fds.next();
        }
    }
    if received.bytes == 0 {
        return Ok(Handover::End);
    }
    Ok(Handover::News(serde_json::from_slice(&bytes[..received.bytes])?, connection))
}
