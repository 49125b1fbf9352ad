//! One sendmsg(2) and one recvmsg(2).

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};

/// Bytes taken at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Most descriptors of one message: `SCM_MAX_FD`, unix(7).
const FDS_MAX: usize = 253;

/// What one recvmsg(2) returned.
pub(super) enum Chunk {
    Data(Vec<u8>, Vec<OwnedFd>),
    Nothing,
    End,
    Reset,
}

/// Sends what the socket takes now, the descriptors with the first byte. How much that was.
pub(super) fn send(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<usize, Errno> {
    let mut space = vec![MaybeUninit::uninit(); SendAncillaryMessage::ScmRights(fds).size()];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(fds));
    }
    sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)
}

pub(super) fn receive(socket: BorrowedFd<'_>) -> io::Result<Chunk> {
    let mut bytes = vec![0; CHUNK_BYTES];
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS_MAX))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let received = match recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, flags) {
        Ok(received) => received,
        Err(Errno::AGAIN | Errno::INTR) => return Ok(Chunk::Nothing),
        Err(Errno::CONNRESET | Errno::PIPE) => return Ok(Chunk::Reset),
        Err(error) => return Err(error.into()),
    };
    let mut fds = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            fds.extend(rights);
        }
    }
    if received.bytes == 0 {
        return Ok(Chunk::End);
    }
    bytes.truncate(received.bytes);
    Ok(Chunk::Data(bytes, fds))
}
