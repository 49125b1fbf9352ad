//! What is waiting to be sent.
//!
//! Rules: a line with descriptors begins a segment, since they travel with its first byte;
//! lines without are appended to the segment before them, so that many small lines cost
//! one sendmsg(2). Descriptors are closed as soon as the first byte of their line went.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};

/// A segment this long is not appended to, so that a slow reader's queue is given back
/// to the allocator piece by piece.
const SEGMENT_BYTES_MAX: usize = 65_536;

#[derive(Debug, Default)]
pub(super) struct SendQueue {
    segments: VecDeque<Segment>,
    bytes: usize,
}

#[derive(Debug)]
struct Segment {
    bytes: Vec<u8>,
    sent: usize,
    /// Attached to the first byte; empty as soon as that is sent.
    fds: Vec<Arc<OwnedFd>>,
}

impl SendQueue {
    pub(super) fn push(&mut self, line: Vec<u8>, fds: Vec<Arc<OwnedFd>>) {
        self.bytes += line.len();
        match self.segments.back_mut() {
            Some(last) if fds.is_empty() && last.bytes.len() < SEGMENT_BYTES_MAX => last.bytes.extend(line),
            Some(_) | None => self.segments.push_back(Segment { bytes: line, sent: 0, fds }),
        }
    }

    /// Bytes that are queued and not yet sent.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn flush(&mut self, socket: BorrowedFd<'_>) -> io::Result<()> {
        while let Some(first) = self.segments.front_mut() {
            match first.send(socket) {
                Ok(sent) => self.bytes -= sent,
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(()),
                Err(error) => {
                    *self = SendQueue::default();
                    return Err(error.into());
                }
            }
            if first.sent == first.bytes.len() {
                self.segments.pop_front();
            }
        }
        Ok(())
    }
}

impl Segment {
    fn send(&mut self, socket: BorrowedFd<'_>) -> nix::Result<usize> {
        let iov = [IoSlice::new(&self.bytes[self.sent..])];
        let numbers: Vec<RawFd> = self.fds.iter().map(|fd| fd.as_raw_fd()).collect();
        let rights = [ControlMessage::ScmRights(&numbers)];
        let control = if numbers.is_empty() { &[][..] } else { &rights[..] };
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        let sent = sendmsg::<UnixAddr>(socket.as_raw_fd(), &iov, control, flags, None)?;
        self.sent += sent;
        self.fds.clear();
        Ok(sent)
    }
}
