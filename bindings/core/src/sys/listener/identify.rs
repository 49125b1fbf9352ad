//! Whether a socket is the listener of an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, UnixAddr};
use nix::sys::socket::{getpeername, getsockname, getsockopt, socket, sockopt};
use serverswap_protocol::{Address, Endpoint};

/// Whether `fd` is a socket that listens at exactly this address (UDP: is bound there and
/// not connected). `false` for anything that is no socket, and for a name. A Unix socket that was bound
/// by a relative path does not tell the directory, so any that fits will do.
pub fn is_listener_of(fd: impl AsFd, address: &Address) -> bool {
    match (address_of(&fd), address) {
        (Some(Address::Unix(bound)), Address::Unix(path)) => path.ends_with(bound),
        (found, address) => found.as_ref() == Some(address),
    }
}

/// The TCP address at which this stream socket is bound, or would be if it were bound there: `[::]` is every
/// interface only if the socket takes IPv4 as well.
pub fn endpoint_of(fd: &impl AsFd, at: SocketAddr) -> Endpoint {
    match at {
        at if is_every_interface(fd, at.ip()) => Endpoint::Any { port: at.port() },
        SocketAddr::V6(at) => Endpoint::Ip(SocketAddrV6::new(*at.ip(), at.port(), 0, at.scope_id()).into()),
        at => Endpoint::Ip(at),
    }
}

/// Where an IP socket is bound; `None` for any other, and for one that is not bound.
pub fn inet_address_of(fd: &impl AsFd) -> Option<Endpoint> {
    inet_name(fd).filter(|bound| bound.port() != 0).map(|bound| endpoint_of(fd, bound))
}

/// The address whose listener `fd` is; `None` for anything else.
pub fn address_of(fd: &impl AsFd) -> Option<Address> {
    if is_listening(fd) {
        inet_address_of(fd).map(Address::Tcp).or_else(|| bound_at(fd).map(Address::Unix))
    } else if is_unconnected_datagram(fd) {
        inet_address_of(fd).map(Address::Udp)
    } else {
        None
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

/// The name of an IP socket (getsockname(2)); `None` for any other. One that is not bound has port 0.
pub fn inet_name(fd: &impl AsFd) -> Option<SocketAddr> {
    let name = getsockname::<SockaddrStorage>(fd.as_fd().as_raw_fd()).ok()?;
    let v4 = name.as_sockaddr_in().map(|name| SocketAddr::V4((*name).into()));
    v4.or_else(|| name.as_sockaddr_in6().map(|name| SocketAddr::V6((*name).into())))
}

fn bound_at(fd: &impl AsFd) -> Option<PathBuf> {
    let name = getsockname::<UnixAddr>(fd.as_fd().as_raw_fd()).ok()?;
    name.path().map(Path::to_owned)
}
