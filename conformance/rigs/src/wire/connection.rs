//! The blocking connection.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serverswap_protocol::limits::FDS_PER_LINE_MAX;
use serverswap_protocol::line::{DecodeError, Decoded, LineError, LineReader, decode, encode};
use serverswap_protocol::message::{FromArbiter, FromClient};

/// How long an answer may take. Reaching it is a failure.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes taken from the socket at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// A connection to an arbiter.
#[derive(Debug)]
pub struct Wire {
    socket: UnixStream,
    reader: LineReader<OwnedFd>,
    next_id: u64,
}

/// One message from the arbiter.
#[derive(Debug)]
pub struct Received {
    /// The message.
    pub message: FromArbiter,
    /// Its descriptors with their names.
    pub fds: Vec<(String, OwnedFd)>,
}

/// Why a connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The socket failed, or no answer came in time.
    #[error("the connection to the arbiter failed")]
    Io(#[from] io::Error),
    /// The arbiter sent something that is no line of the protocol.
    #[error("the arbiter sent a bad line")]
    Line(#[from] LineError),
    /// The arbiter sent a known message with an impossible content.
    #[error("the arbiter sent a bad message")]
    Message(#[from] DecodeError),
    /// Descriptors were lost on the way.
    #[error("descriptors were lost on the way: too few are free here")]
    Truncated,
    /// The arbiter closed the connection.
    #[error("the arbiter closed the connection")]
    Ended,
}

impl Wire {
    /// Connects to an arbiter's socket.
    ///
    /// # Errors
    /// If nobody listens there.
    pub fn connect(path: &Path) -> Result<Wire, WireError> {
        let socket = UnixStream::connect(path)?;
        socket.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(Wire { socket, reader: LineReader::default(), next_id: 1 })
    }

    /// A number that was not used on this connection before.
    pub fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// Sends one message; its descriptors go with its first byte.
    ///
    /// # Errors
    /// If the arbiter is gone.
    pub fn send(&mut self, message: &FromClient, fds: &[BorrowedFd<'_>]) -> Result<(), WireError> {
        self.send_bytes(&encode(message), fds)
    }

    /// Sends any bytes at all; the descriptors go with the first one.
    ///
    /// # Errors
    /// If the arbiter is gone.
    pub fn send_bytes(&mut self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<(), WireError> {
        let mut space = vec![MaybeUninit::uninit(); SendAncillaryMessage::ScmRights(fds).size()];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(fds));
        }
        let sent = sendmsg(&self.socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL);
        let sent = sent.map_err(io::Error::from)?;
        io::Write::write_all(&mut self.socket, &bytes[sent..])?;
        Ok(())
    }

    /// The next message; a `type` from the future is passed over.
    ///
    /// # Errors
    /// [`WireError::Ended`] at an orderly end.
    pub fn receive(&mut self) -> Result<Received, WireError> {
        loop {
            if let Some(line) = self.reader.next_line()? {
                match decode(line)? {
                    Decoded::Message { message, fds } => return Ok(Received { message, fds }),
                    Decoded::Unknown { .. } | Decoded::Ignored => continue,
                }
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<(), WireError> {
        let mut bytes = vec![0; CHUNK_BYTES];
        let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2 * FDS_PER_LINE_MAX - 3))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let received = recvmsg(&self.socket, &mut slices, &mut ancillary, RecvFlags::CMSG_CLOEXEC);
        let received = received.map_err(io::Error::from)?;
        let fds: Vec<OwnedFd> = ancillary
            .drain()
            .filter_map(
                |message| if let RecvAncillaryMessage::ScmRights(fds) = message { Some(fds) } else { None },
            )
            .flatten()
            .collect();
        if received.flags.contains(ReturnFlags::CTRUNC) {
            return Err(WireError::Truncated);
        }
        if received.bytes == 0 {
            self.reader.finish()?;
            return Err(WireError::Ended);
        }
        self.reader.push(&bytes[..received.bytes], fds);
        Ok(())
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
