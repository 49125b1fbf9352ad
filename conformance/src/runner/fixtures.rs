//! What a case has besides connections: listeners, other descriptors, and users' connections.

use std::collections::BTreeMap;
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use super::{Failure, socket_address};
use crate::scenario::DescriptorKind;

/// Descriptors and users by name.
#[derive(Debug, Default)]
pub(crate) struct Fixtures {
    descriptors: BTreeMap<String, OwnedFd>,
    addresses: BTreeMap<String, String>,
    /// The other ends of descriptors, so that they do not end.
    others: Vec<OwnedFd>,
    users: BTreeMap<String, User>,
}

/// A user's connection.
#[derive(Debug)]
pub(crate) struct User {
    socket: OwnedFd,
    /// What came back so far.
    pub received: Vec<u8>,
    /// Whether nothing more comes.
    pub ended: bool,
}

impl Fixtures {
    /// Opens a listener; its address.
    pub fn listen(&mut self, name: &str, at: &str) -> io::Result<String> {
        let (listener, address) = socket_address::open(at)?;
        self.descriptors.insert(name.to_owned(), listener);
        self.addresses.insert(name.to_owned(), address.clone());
        Ok(address)
    }

    pub fn open(&mut self, name: &str, kind: DescriptorKind) -> io::Result<()> {
        let descriptor: OwnedFd = match kind {
            DescriptorKind::Pipe => {
                let (reader, writer) = io::pipe()?;
                self.others.push(writer.into());
                reader.into()
            }
            DescriptorKind::File => tempfile::tempfile()?.into(),
            DescriptorKind::Udp => UdpSocket::bind("127.0.0.1:0")?.into(),
            DescriptorKind::Stream => {
                let (one, other) = UnixStream::pair()?;
                self.others.push(other.into());
                one.into()
            }
            DescriptorKind::Listener => TcpListener::bind("127.0.0.1:0")?.into(),
        };
        self.descriptors.insert(name.to_owned(), descriptor);
        Ok(())
    }

    /// Gives a descriptor a name.
    pub fn add(&mut self, name: &str, descriptor: OwnedFd) {
        self.descriptors.insert(name.to_owned(), descriptor);
    }

    pub fn descriptor(&self, name: &str) -> Result<BorrowedFd<'_>, Failure> {
        self.descriptors.get(name).map(AsFd::as_fd).ok_or_else(|| Failure::unknown("descriptor", name))
    }

    pub fn address(&self, name: &str) -> Result<&str, Failure> {
        self.addresses.get(name).map(String::as_str).ok_or_else(|| Failure::unknown("listener", name))
    }

    /// Connects as a user does and sends.
    pub fn connect(&mut self, name: &str, address: &str, send: &[u8]) -> io::Result<()> {
        let socket = socket_address::connect(address)?;
        if !send.is_empty() {
            rustix::net::send(&socket, send, rustix::net::SendFlags::NOSIGNAL)?;
        }
        self.users.insert(name.to_owned(), User { socket, received: Vec::new(), ended: false });
        Ok(())
    }

    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.get(name)
    }

    /// Closes a user's connection.
    pub fn leave(&mut self, name: &str) {
        self.users.remove(name);
    }

    /// The sockets of users on which something may come.
    pub fn waiting(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.users.values().filter(|user| !user.ended).map(|user| user.socket.as_fd())
    }

    /// Takes in what came back.
    pub fn read(&mut self) {
        for user in self.users.values_mut().filter(|user| !user.ended) {
            user.read();
        }
    }
}

impl User {
    fn read(&mut self) {
        let mut chunk = [0; 16 * 1024];
        loop {
            match rustix::io::read(&self.socket, &mut chunk) {
                Ok(length) if length > 0 => self.received.extend_from_slice(&chunk[..length]),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return,
                Ok(_) | Err(_) => {
                    self.ended = true;
                    return;
                }
            }
        }
    }
}
