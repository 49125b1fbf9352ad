//! Whether a socket is the listener of an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, UnixAddr};
use nix::sys::socket::{getpeername, getsockname, getsockopt, socket, sockopt};
use serverswap_protocol::{Address, Endpoint};

/// Whether `fd` is a socket that listens at exactly this address (UDP: is bound there and
/// not connected). `false` for anything that is no socket, and for a name.
pub fn matches(fd: impl AsFd, address: &Address) -> bool {
    match address {
        Address::Tcp(endpoint) => is_listening(&fd) && is_bound_to(&fd, *endpoint),
        Address::Udp(endpoint) => is_unconnected_datagram(&fd) && is_bound_to(&fd, *endpoint),
        Address::Unix(path) => is_listening(&fd) && is_bound_at(&fd, path),
        Address::Name(_) => false,
    }
}

fn is_listening(fd: &impl AsFd) -> bool {
    getsockopt(fd, sockopt::SockType) == Ok(SockType::Stream)
        && getsockopt(fd, sockopt::AcceptConn) == Ok(true)
}

fn is_unconnected_datagram(fd: &impl AsFd) -> bool {
    let peer = getpeername::<SockaddrStorage>(fd.as_fd().as_raw_fd());
    getsockopt(fd, sockopt::SockType) == Ok(SockType::Datagram) && peer.err() == Some(Errno::ENOTCONN)
}

fn is_bound_to(fd: &impl AsFd, endpoint: Endpoint) -> bool {
    let Some(bound) = inet_name(fd) else {
        return false;
    };
    match endpoint {
        Endpoint::Ip(at @ SocketAddr::V4(_)) => bound == at,
        Endpoint::Ip(at @ SocketAddr::V6(_)) => {
            bound == at && !(at.ip().is_unspecified() && is_dual_stack(fd))
        }
        Endpoint::Any { port } => bound.port() == port && is_every_interface(fd, bound.ip()),
    }
}

/// `[::]` with IPv4, or `0.0.0.0` where there is no IPv6: what `open` makes of `:port`.
fn is_every_interface(fd: &impl AsFd, ip: IpAddr) -> bool {
    match ip {
        IpAddr::V6(ip) => ip == Ipv6Addr::UNSPECIFIED && is_dual_stack(fd),
        IpAddr::V4(ip) => ip == Ipv4Addr::UNSPECIFIED && !has_ipv6(),
    }
}

fn is_dual_stack(fd: &impl AsFd) -> bool {
    getsockopt(fd, sockopt::Ipv6V6Only) == Ok(false)
}

fn has_ipv6() -> bool {
    let made = socket(AddressFamily::Inet6, SockType::Stream, SockFlag::SOCK_CLOEXEC, None);
    made.err() != Some(Errno::EAFNOSUPPORT)
}

fn inet_name(fd: &impl AsFd) -> Option<SocketAddr> {
    let name = getsockname::<SockaddrStorage>(fd.as_fd().as_raw_fd()).ok()?;
    let v4 = name.as_sockaddr_in().map(|name| SocketAddr::V4((*name).into()));
    v4.or_else(|| name.as_sockaddr_in6().map(|name| SocketAddr::V6((*name).into())))
}

fn is_bound_at(fd: &impl AsFd, path: &Path) -> bool {
    getsockname::<UnixAddr>(fd.as_fd().as_raw_fd()).is_ok_and(|name| name.path() == Some(path))
}
