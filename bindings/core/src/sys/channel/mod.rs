//! One connection: typed messages with descriptors over a non-blocking Unix stream socket.
//!
//! Deliberately without waiting: [`Channel::flush`] and [`Channel::fill`] do what is possible
//! now and return. The caller polls [`AsFd`] for reading, and for writing while
//! [`Channel::wants_write`]. The socket's own blocking mode is neither needed nor changed.
//! Rules: a line's first byte and all its descriptors go in one sendmsg(2); whoever receives
//! always has room for the most that the kernel passes at once; after a fatal error nothing
//! more is received, and every descriptor that arrived is closed.

mod connect;
mod error;
mod line_observer;
mod receive;
mod send;

use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;

use serverswap_protocol::line::{Decoded, LineReader, decode, encode};
use serverswap_protocol::message::Message;

use crate::sys::points::Lines;
pub use connect::{connect, connect_to_abstract};
pub use error::ReceiveError;
pub use line_observer::LineObserver;
use receive::ReceiveOutcome;
use send::SendQueue;

/// A connection on which `In` is received and `Out` is sent.
#[derive(Debug)]
pub struct Channel<In, Out, Socket = OwnedFd> {
    socket: Socket,
    queue: SendQueue,
    reader: LineReader<OwnedFd>,
    inbound: Inbound,
    observer: Option<Box<dyn LineObserver>>,
    points: Lines,
    direction: PhantomData<fn(Out) -> In>,
}

/// How far the receiving direction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inbound {
    Open,
    /// The kernel had to drop descriptors, and that was not reported yet.
    Truncated,
    /// The peer closed; whole lines may be buffered.
    Ended,
    /// Nothing more will be received.
    Closed,
}

/// What one [`Channel::fill`] brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// Something: call [`Channel::next`] until it has no more, then fill again.
    Data,
    /// Nothing now: wait until the socket is readable.
    WouldBlock,
    /// The peer closed the connection or is gone; what came before is still to be had
    /// from [`Channel::next`].
    End,
}

impl<In: Message, Out: Message, Socket: AsFd> Channel<In, Out, Socket> {
    /// Takes over a connected Unix stream socket.
    pub fn new(socket: Socket) -> Self {
        Channel {
            socket,
            queue: SendQueue::default(),
            reader: LineReader::default(),
            inbound: Inbound::Open,
            observer: None,
            points: Lines::sending::<Out>(),
            direction: PhantomData,
        }
    }

    /// From now on `observer` sees every line.
    pub fn observed(self, observer: Option<Box<dyn LineObserver>>) -> Self {
        Channel { observer, ..self }
    }

    /// Queues a message with the descriptors that its `fds` names, in that order. They stay
    /// open until [`Self::flush`] has sent them.
    pub fn send(&mut self, message: &Out, fds: Vec<Arc<OwnedFd>>) {
        debug_assert_eq!(message.fds().len(), fds.len(), "`fds` names each descriptor");
        let line = encode(message);
        if let Some(observer) = &mut self.observer {
            observer.sent(&line, fds.len());
        }
        self.points.queued(&line);
        self.queue.push(line, fds);
    }

    /// Sends until nothing is queued or the socket is full.
    ///
    /// # Errors
    /// EPIPE when the peer is gone, and any other error of sendmsg(2), such as ETOOMANYREFS when
    /// this user has more descriptors under way than its open file limit. The queue is
    /// then empty, since nothing can be sent any more; what the peer sent is still received.
    pub fn flush(&mut self) -> io::Result<()> {
        self.points.before_sending();
        let sent = self.queue.flush(self.socket.as_fd());
        self.points.after_sending(self.queue.bytes());
        sent
    }

    /// Whether something is queued: poll for writing, then [`Self::flush`].
    pub fn wants_write(&self) -> bool {
        self.queue.bytes() > 0
    }

    /// How many bytes are queued and not yet sent: for a bound on slow readers.
    pub fn queued_bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// Receives once, at most 16 KiB.
    ///
    /// # Errors
    /// Errors of recvmsg(2). A peer that is gone is [`Fill::End`].
    pub fn fill(&mut self) -> io::Result<Fill> {
        if self.inbound != Inbound::Open {
            return Ok(Fill::End);
        }
        match receive::receive(self.socket.as_fd())? {
            ReceiveOutcome::Data { bytes, fds } => {
                if let Some(observer) = &mut self.observer {
                    observer.received(&bytes, fds.len());
                }
                self.reader.push(&bytes, fds);
                return Ok(Fill::Data);
            }
            ReceiveOutcome::WouldBlock => return Ok(Fill::WouldBlock),
            ReceiveOutcome::Truncated => self.inbound = Inbound::Truncated,
            ReceiveOutcome::End => self.inbound = Inbound::Ended,
        }
        Ok(Fill::End)
    }

    /// The next message that has arrived whole, or `None`.
    ///
    /// # Errors
    /// A line or a message that cannot be. If it is fatal, nothing more is received: this
    /// returns `None` and [`Self::fill`] returns [`Fill::End`] from then on. A stream that
    /// ends in the middle of a line is such an error, reported once.
    #[expect(clippy::should_implement_trait, reason = "an error does not end it, so it is no iterator")]
    pub fn next(&mut self) -> Result<Option<Decoded<In, OwnedFd>>, ReceiveError> {
        self.points.handled();
        let next = self.next_decoded();
        if next.as_ref().is_err_and(ReceiveError::is_fatal) {
            self.inbound = Inbound::Closed;
            self.reader = LineReader::default();
        }
        next
    }

    fn next_decoded(&mut self) -> Result<Option<Decoded<In, OwnedFd>>, ReceiveError> {
        if self.inbound == Inbound::Truncated {
            return Err(ReceiveError::Truncated);
        }
        if let Some(line) = self.reader.next_line()? {
            self.points.received(&line.object);
            return Ok(Some(decode(line)?));
        }
        if self.inbound == Inbound::Ended {
            self.reader.finish()?;
        }
        Ok(None)
    }
}

impl<In, Out, Socket: AsFd> AsFd for Channel<In, Out, Socket> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl<In, Out, Socket: AsFd> AsRawFd for Channel<In, Out, Socket> {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_fd().as_raw_fd()
    }
}
