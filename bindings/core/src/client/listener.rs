//! An inherited listener, and the connections that it accepts.
//!
//! Rule: the socket is non-blocking and stays so. The mode belongs to the socket itself, which
//! the server of another generation may be accepting on at this moment.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Once};
use std::time::Instant;

use nix::sys::eventfd::EventFd;
use serverswap_protocol::Address;

use super::error::ClientError;
use super::{Client, Release, not_a_listener};
use crate::drain::Drain;
use crate::sys::wait::wait_readable;

/// The listener of an address that was granted by inheritance. Dropped, it only closes its
/// descriptor: [`Self::release`] releases the address.
#[derive(Debug)]
pub struct Listener {
    client: Client,
    address: Address,
    socket: Socket,
    /// Readable when the address is taken down or released, for good.
    stop: Arc<EventFd>,
    handled: Once,
}

/// A socket of the kind of its address.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
    Udp(UdpSocket),
}

impl Socket {
    pub fn new(address: &Address, descriptor: OwnedFd) -> io::Result<Self> {
        match address {
            Address::Tcp(_) => Ok(Socket::Tcp(descriptor.into())),
            Address::Unix(_) => Ok(Socket::Unix(descriptor.into())),
            Address::Udp(_) => Ok(Socket::Udp(descriptor.into())),
            Address::Name(_) => Err(not_a_listener(address)),
        }
    }

    pub fn tcp(self, address: &Address) -> io::Result<TcpListener> {
        match self {
            Socket::Tcp(listener) => Ok(listener),
            Socket::Unix(_) | Socket::Udp(_) => Err(not_a_listener(address)),
        }
    }

    pub fn unix(self, address: &Address) -> io::Result<UnixListener> {
        match self {
            Socket::Unix(listener) => Ok(listener),
            Socket::Tcp(_) | Socket::Udp(_) => Err(not_a_listener(address)),
        }
    }

    pub fn udp(self, address: &Address) -> io::Result<UdpSocket> {
        match self {
            Socket::Udp(socket) => Ok(socket),
            Socket::Tcp(_) | Socket::Unix(_) => Err(not_a_listener(address)),
        }
    }

    fn accept(&self, address: &Address) -> io::Result<Stream> {
        match self {
            Socket::Tcp(listener) => listener.accept().map(|(stream, _)| Stream::Tcp(stream)),
            Socket::Unix(listener) => listener.accept().map(|(stream, _)| Stream::Unix(stream)),
            Socket::Udp(_) => Err(not_a_listener(address)),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Tcp(listener) => listener.as_fd(),
            Socket::Unix(listener) => listener.as_fd(),
            Socket::Udp(socket) => socket.as_fd(),
        }
    }
}

impl Listener {
    pub(super) fn new(client: Client, address: Address, socket: Socket, stop: Arc<EventFd>) -> Self {
        Listener { client, address, socket, stop, handled: Once::new() }
    }

    /// The address.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The accept loop runs, or will in a moment: the old server is asked to release the address.
    /// Registers for takedown before: a still newer server may serve at once, and a server that
    /// does not handle takedown is ended.
    ///
    /// # Errors
    /// The address is not held any more.
    pub fn serving(&self) -> Result<(), ClientError> {
        self.handles_takedown()?;
        self.client.serving(&self.address)
    }

    /// Waits for a connection, or for the takedown of the address: then `None`, also in
    /// every other thread that accepts. Connections that were not accepted are left to the
    /// new server.
    ///
    /// # Errors
    /// An error of accept(2), such as that this process has no descriptor left: the
    /// connection then waits, and the call may be repeated. A UDP socket accepts nothing.
    pub fn accept(&self) -> Result<Option<Stream>, ClientError> {
        self.handles_takedown()?;
        loop {
            let shared = &self.client.shared;
            let readable = wait_readable(&[self.stop.as_fd(), shared.readable(), self.socket.as_fd()], None)?;
            if readable[1] {
                shared.process()?;
            }
            if readable[0] {
                return Ok(None);
            }
            if readable[2]
                && let Some(stream) = self.accept_now()?
            {
                return Ok(Some(stream));
            }
        }
    }

    fn handles_takedown(&self) -> Result<(), ClientError> {
        let mut handled = Ok(());
        self.handled.call_once(|| handled = self.client.on_takedown(&self.address));
        handled
    }

    /// `None` if another thread or process was faster, or the peer has gone again.
    fn accept_now(&self) -> io::Result<Option<Stream>> {
        let passing =
            [io::ErrorKind::WouldBlock, io::ErrorKind::ConnectionAborted, io::ErrorKind::Interrupted];
        match self.socket.accept(&self.address) {
            Ok(stream) => Ok(Some(stream)),
            Err(error) if passing.contains(&error.kind()) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Closes the listener, releases the address, and waits until the connections that `open` counts
    /// are finished; how many are left when the time is over. Meanwhile the arbiter is sent how many
    /// are open, and is connected to again if another process becomes it.
    ///
    /// # Errors
    /// The address is not held any more.
    pub fn finish(self, open: &Drain) -> Result<usize, ClientError> {
        drop(self.socket);
        let notice = self.client.shared.release(&self.address)?;
        let deadline = open.deadline(notice.map(|notice| (notice.arrived, notice.drain)));
        self.client.shared.finish(&self.address, open, deadline)
    }

    /// Closes the listener and releases the address. Returns until when open connections may be
    /// finished; `None` if the address was not taken but is given up.
    ///
    /// # Errors
    /// The address is not held any more.
    pub fn release(self) -> Result<Option<Instant>, ClientError> {
        drop(self.socket);
        Ok(self.client.shared.release(&self.address)?.map(|notice| notice.drain_deadline()))
    }

    /// The listener as one of std; the address stays held, and [`Client::takedown`] returns
    /// when it is taken. It is non-blocking and must stay so, because the mode is shared with
    /// the servers of other generations: poll it before `accept`.
    ///
    /// # Errors
    /// The address is not a TCP one.
    pub fn tcp(self) -> io::Result<TcpListener> {
        self.socket.tcp(&self.address)
    }

    /// As [`Self::tcp`], for a Unix socket. Its path belongs to the arbiter: do not remove it.
    ///
    /// # Errors
    /// The address is not a Unix one.
    pub fn unix(self) -> io::Result<UnixListener> {
        self.socket.unix(&self.address)
    }

    /// As [`Self::tcp`], for a UDP socket.
    ///
    /// # Errors
    /// The address is not a UDP one.
    pub fn udp(self) -> io::Result<UdpSocket> {
        self.socket.udp(&self.address)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// An accepted connection, in blocking mode.
#[derive(Debug)]
pub enum Stream {
    /// Of a TCP listener.
    Tcp(TcpStream),
    /// Of a Unix listener.
    Unix(UnixStream),
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.flush(),
            Stream::Unix(stream) => stream.flush(),
        }
    }
}
