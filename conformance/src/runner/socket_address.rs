//! Sockets of addresses: opened as an arbiter opens them, and connected to as users do.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};

use serverswap_protocol::{Address, Endpoint};

/// Port 0 is no port of an address; this one stands for it while the text is parsed.
const STAND_IN: &str = ":1";

/// Opens the listener of an address; port 0 is a free one. The address that it has then.
pub(super) fn open(text: &str) -> io::Result<(OwnedFd, String)> {
    let free = text.strip_suffix(":0").map(|host| format!("{host}{STAND_IN}"));
    let address: Address = free.as_deref().unwrap_or(text).parse().map_err(io::Error::other)?;
    let port = |endpoint: &Endpoint| if free.is_some() { 0 } else { endpoint.port() };
    match &address {
        Address::Tcp(endpoint) => {
            let listener = TcpListener::bind(socket_address(endpoint, port(endpoint)))?;
            listener.set_nonblocking(true)?;
            let bound = named(endpoint, listener.local_addr()?.port());
            Ok((listener.into(), Address::Tcp(bound).to_string()))
        }
        Address::Udp(endpoint) => {
            let socket = UdpSocket::bind(socket_address(endpoint, port(endpoint)))?;
            socket.set_nonblocking(true)?;
            let bound = named(endpoint, socket.local_addr()?.port());
            Ok((socket.into(), Address::Udp(bound).to_string()))
        }
        Address::Unix(path) => {
            let listener = UnixListener::bind(path)?;
            listener.set_nonblocking(true)?;
            Ok((listener.into(), address.to_string()))
        }
        Address::Name(_) => Err(io::Error::other("a name has no socket")),
    }
}

/// Connects to an address. The socket is non-blocking afterwards.
pub(super) fn connect(text: &str) -> io::Result<OwnedFd> {
    let address: Address = text.parse().map_err(io::Error::other)?;
    match &address {
        Address::Tcp(endpoint) => {
            let stream = TcpStream::connect(reachable(endpoint))?;
            stream.set_nonblocking(true)?;
            Ok(stream.into())
        }
        Address::Udp(endpoint) => {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.connect(reachable(endpoint))?;
            socket.set_nonblocking(true)?;
            Ok(socket.into())
        }
        Address::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_nonblocking(true)?;
            Ok(stream.into())
        }
        Address::Name(_) => Err(io::Error::other("a name has no socket")),
    }
}

fn socket_address(endpoint: &Endpoint, port: u16) -> SocketAddr {
    match endpoint {
        Endpoint::Any { .. } => SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
        Endpoint::Ip(address) => SocketAddr::new(address.ip(), port),
    }
}

fn named(endpoint: &Endpoint, port: u16) -> Endpoint {
    match endpoint {
        Endpoint::Any { .. } => Endpoint::Any { port },
        Endpoint::Ip(address) => Endpoint::Ip(SocketAddr::new(address.ip(), port)),
    }
}

fn reachable(endpoint: &Endpoint) -> SocketAddr {
    match endpoint {
        Endpoint::Any { port } => SocketAddr::from((Ipv4Addr::LOCALHOST, *port)),
        Endpoint::Ip(address) if address.ip().is_unspecified() && address.is_ipv4() => {
            SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()))
        }
        Endpoint::Ip(address) if address.ip().is_unspecified() => {
            SocketAddr::from((Ipv6Addr::LOCALHOST, address.port()))
        }
        Endpoint::Ip(address) => *address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_stands_in_the_address() {
        let (_, address) = open("127.0.0.1:0").expect("a free port");
        assert!(address.starts_with("127.0.0.1:") && !address.ends_with(":0"), "{address}");
        let (_, address) = open(":0").expect("a free port");
        assert!(address.starts_with(':'), "{address}");
        let (_, address) = open("udp:127.0.0.1:0").expect("a free port");
        assert!(address.starts_with("udp:127.0.0.1:"), "{address}");
    }
}
