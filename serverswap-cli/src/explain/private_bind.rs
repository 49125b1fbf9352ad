//! The binds of a trial: a server believes that it is bound where it wanted, and is bound to a port of the loopback that
//! nobody knows.
//!
//! Its own socket is bound, through a duplicate: options, registrations and the mode of the socket stay. A Unix socket is
//! bound where the server wants it if nothing is there; else the path stays what it is, even if the server removes it first.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::errno::Errno;
use nix::sys::socket::{SockType, SockaddrStorage, UnixAddr, bind, getsockname, getsockopt, sockopt};
use serverswap::protocol::{Address, Endpoint};
use serverswap::sys::listener::{endpoint_of, inet_name};

use crate::intercept::call::{self, Looked, Name};
use crate::sys::seccomp::{self, Notification};

/// A socket that a server has bound.
#[derive(Debug)]
pub(super) struct Bound {
    /// Where the server wanted it.
    pub(super) wanted: Address,
    /// Where it is.
    pub(super) at: Place,
    /// A duplicate of the server's own.
    pub(super) socket: OwnedFd,
}

/// A socket at which nothing is asked.
#[derive(Debug)]
pub(super) struct Unasked {
    pub(super) what: What,
    /// A duplicate of the server's own.
    pub(super) socket: OwnedFd,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// A UDP socket that has its port for itself.
    Datagram(Address),
    /// One that shares its port.
    SharedDatagram(Address),
    /// A stream socket at a port that the kernel chooses.
    RandomPort,
}

/// What a call has bound.
#[derive(Debug)]
pub(super) enum Answered {
    Bound(Bound),
    Unasked(Unasked),
}

/// Where a socket can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Bound {
    /// The path that it has made, if it is a Unix socket.
    pub(super) fn own_path(&self) -> Option<&Path> {
        let Place::Unix(path) = &self.at else { return None };
        let name = getsockname::<UnixAddr>(self.socket.as_raw_fd()).ok()?;
        name.path().is_some().then_some(path)
    }

    /// Whether it is one of several at the same port (SO_REUSEPORT), or may be.
    pub(super) fn shares_port(&self) -> bool {
        call::shares_port(&self.socket)
    }

    /// Whether connections are let in.
    pub(super) fn is_listening(&self) -> bool {
        is_listening(&self.socket)
    }
}

impl Unasked {
    /// Whether connections are let in.
    pub(super) fn is_listening(&self) -> bool {
        is_listening(&self.socket)
    }
}

fn is_listening(socket: &OwnedFd) -> bool {
    getsockopt(socket, sockopt::AcceptConn) == Ok(true)
}

fn is_of(kind: SockType, socket: &OwnedFd) -> bool {
    getsockopt(socket, sockopt::SockType) == Ok(kind)
}

/// Answers a call; `Some` if it binds something by that. `folder` is for Unix sockets, and `own` are the paths that the
/// server has made.
///
/// What cannot be read is refused: done by the kernel, it could share the port of a server that serves.
pub(super) fn answer(
    notify: &OwnedFd,
    notification: Notification,
    folder: &Path,
    own: &[Bound],
) -> Option<Answered> {
    let id = notification.id();
    let call = call::look(&notification);
    // What was read is the caller's if it still waits.
    if !seccomp::is_waiting(notify, id) {
        return None;
    }
    let (result, bound) = match call {
        Ok(Some(Looked::Bind(socket, Name::Inet(at)))) if at.port() == 0 => {
            seccomp::continue_call(notify, id);
            let random = is_of(SockType::Stream, &socket);
            return random.then_some(Answered::Unasked(Unasked { what: What::RandomPort, socket }));
        }
        Ok(Some(Looked::Bind(socket, Name::Inet(at)))) => {
            let wanted = endpoint_of(&socket, at);
            let bound = bind_privately(&socket, at.port());
            (bound.map(drop), bound.ok().and_then(|at| of_inet(wanted, at, socket)))
        }
        Ok(Some(Looked::Bind(socket, Name::Unix(path)))) if is_socket(&path) => {
            let at = folder.join(format!("bound-{}", own.len()));
            let bound = UnixAddr::new(&at).and_then(|name| bind(socket.as_raw_fd(), &name));
            let wanted = Address::Unix(path);
            (bound, of_unix(Bound { wanted, at: Place::Unix(at), socket }))
        }
        Ok(Some(Looked::Bind(socket, Name::Unix(path)))) => {
            seccomp::continue_call(notify, id);
            let (wanted, at) = (Address::Unix(path.clone()), Place::Unix(path));
            return of_unix(Bound { wanted, at, socket });
        }
        // Another server may serve there.
        Ok(Some(Looked::Unlink(path)))
            if is_socket(&path) && !own.iter().any(|bound| bound.own_path() == Some(&path)) =>
        {
            (Ok(()), None)
        }
        Ok(Some(Looked::Unlink(_)) | None) => {
            seccomp::continue_call(notify, id);
            return None;
        }
        Err(_) => (Err(Errno::EACCES), None),
    };
    seccomp::answer(notify, id, result);
    bound.filter(|_| result.is_ok())
}

fn of_inet(wanted: Endpoint, at: SocketAddr, socket: OwnedFd) -> Option<Answered> {
    if is_of(SockType::Stream, &socket) {
        return Some(Answered::Bound(Bound { wanted: Address::Tcp(wanted), at: Place::Tcp(at), socket }));
    }
    let wanted = Address::Udp(wanted);
    let is_shared = call::shares_datagrams(&socket);
    let what = if is_shared { What::SharedDatagram(wanted) } else { What::Datagram(wanted) };
    is_of(SockType::Datagram, &socket).then_some(Answered::Unasked(Unasked { what, socket }))
}

fn of_unix(bound: Bound) -> Option<Answered> {
    is_of(SockType::Stream, &bound.socket).then_some(Answered::Bound(bound))
}

fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

/// The port stays, if it is free there: some servers compare it (Node's cluster). The first choice is 127.0.0.1, whose name
/// every machine knows without asking anybody. A socket that shares its port would take connections to it there from others
/// that share it.
fn bind_privately(socket: &OwnedFd, port: u16) -> Result<SocketAddr, Errno> {
    let is_v6 = inet_name(socket).is_some_and(|name| name.is_ipv6());
    let is_v6_only = is_v6 && getsockopt(socket, sockopt::Ipv6V6Only) == Ok(true);
    let ip = |ip: Ipv4Addr| match (is_v6, is_v6_only) {
        (_, true) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        (true, false) => IpAddr::V6(ip.to_ipv6_mapped()),
        (false, false) => IpAddr::V4(ip),
    };
    let at = |ip: IpAddr, port| bind(socket.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(ip, port)));
    let own = ip(own_loopback());
    let is_shared =
        call::shares_port(socket) || is_of(SockType::Datagram, socket) && call::shares_datagrams(socket);
    let known = if is_shared { Err(Errno::EADDRINUSE) } else { at(ip(Ipv4Addr::LOCALHOST), port) };
    // IPv6 has one loopback address.
    let others = |_| if is_shared && is_v6_only { Err(Errno::EADDRINUSE) } else { at(own, port) };
    known.or_else(others).or_else(|_| at(own, 0))?;
    let at = inet_name(socket).ok_or(Errno::EAFNOSUPPORT)?;
    Ok(SocketAddr::new(at.ip().to_canonical(), at.port()))
}

/// One of 127.0.0.0/8 that was not given out before.
fn own_loopback() -> Ipv4Addr {
    static GIVEN_OUT: AtomicU32 = AtomicU32::new(0);
    let number = GIVEN_OUT.fetch_add(1, Ordering::Relaxed);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 1 + high % 254, low, (1 + number % 254) as u8)
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

    use super::*;

    #[test]
    fn a_socket_is_bound_where_nobody_else_is_with_its_port_if_that_is_free() {
        let taken = std::net::TcpListener::bind("0.0.0.0:0").expect("a free port");
        let taken = taken.local_addr().expect("bound").port();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let made = || socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).expect("a socket");
            let one = made();
            let first = bind_privately(&one, taken).expect("a free port");
            assert!(first.ip().is_loopback() && first.port() != 0, "{first}");
            let other = made();
            let second = bind_privately(&other, first.port()).expect("a free port");
            assert!(second.ip() != first.ip() && second.port() == first.port(), "{first} and {second}");
        }
    }
}
