//! An inherited listener, as one of tokio.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use serverswap_protocol::Address;
use tokio::net::{TcpListener, UdpSocket, UnixListener};

use super::Client;
use crate::client::{ClientError, Socket};

/// The listener of an address that was granted by inheritance. Dropped, it only closes its
/// descriptor: [`Client::released`] or [`crate::Takedown::released`] releases the address.
#[derive(Debug)]
pub struct Listener {
    client: Client,
    address: Address,
    socket: Socket,
}

impl Listener {
    pub(super) fn new(client: Client, address: Address, socket: Socket) -> Self {
        Listener { client, address, socket }
    }

    /// The address.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The accept loop runs, or will in a moment: the old server is asked to release the address.
    /// Call [`Client::on_takedown`] before: a still newer server may serve at once, and a server that
    /// does not handle takedown is ended.
    ///
    /// # Errors
    /// The address is not held any more.
    pub fn serving(&self) -> Result<(), ClientError> {
        self.client.serving(&self.address)
    }

    /// The listener as one of tokio; [`Client::takedown`] returns when its address is taken.
    ///
    /// # Errors
    /// The address is not a TCP one.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O enabled; so do the next two.
    pub fn tcp(self) -> io::Result<TcpListener> {
        TcpListener::from_std(self.socket.tcp(&self.address)?)
    }

    /// As [`Self::tcp`], for a Unix socket. Its path belongs to the arbiter: do not remove it.
    ///
    /// # Errors
    /// The address is not a Unix one.
    pub fn unix(self) -> io::Result<UnixListener> {
        UnixListener::from_std(self.socket.unix(&self.address)?)
    }

    /// As [`Self::tcp`], for a UDP socket.
    ///
    /// # Errors
    /// The address is not a UDP one.
    pub fn udp(self) -> io::Result<UdpSocket> {
        UdpSocket::from_std(self.socket.udp(&self.address)?)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
