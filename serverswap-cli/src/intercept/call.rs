//! Reads what a call that waits wants: which socket is to be bound where, or is to listen.
//!
//! Nothing is for us but stream sockets with an address that has a name, and UDP sockets that want their port for themselves:
//! random ports, abstract Unix sockets, netlink and the like are done by the kernel as without us. So are UDP sockets that share
//! their port (`SO_REUSEADDR`, `SO_REUSEPORT`): two versions have it at the same time anyway, and one that connects each of them to
//! another peer must not find them to be one. So are calls in another network, mount or root, and those of another generation: of
//! a supervisor that was started inside the server, and of its server.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use nix::sys::socket::{SockType, getsockopt, sockopt};
use serverswap::protocol::{Address, Generation};
use serverswap::sys::listener::{endpoint_of, inet_address_of};
use serverswap::sys::process::{GENERATION_VARIABLE, environment, shares_network};

use super::core::Sharing;
use crate::sys::caller::Caller;
use crate::sys::seccomp::{Notification, Operation, operation, wrapped};

/// A call that is for us.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) caller: Caller,
    /// The caller's descriptor.
    pub(super) number: RawFd,
    /// A duplicate of it.
    pub(super) socket: OwnedFd,
    pub(super) sharing: Sharing,
    pub(super) wanted: Wanted,
}

/// What it wants.
#[derive(Debug)]
pub(super) enum Wanted {
    Bind(Address),
    /// `address` is known of an IP socket only.
    Listen {
        address: Option<Address>,
        backlog: u32,
    },
}

/// `None`: the kernel is to do it.
///
/// # Errors
/// The process cannot be looked into.
pub(super) fn read(notification: &Notification, generation: Generation) -> io::Result<Option<Call>> {
    unless_the_callers(try_read(notification, generation))
}

/// What a look at a server is about.
#[derive(Debug)]
pub(crate) enum Looked {
    /// A socket, of whatever kind, is to be bound to a name.
    Bind(OwnedFd, Name),
    /// A path is to be removed.
    Unlink(PathBuf),
}

/// A call of any generation; `None` for one that is about neither.
///
/// # Errors
/// The process cannot be looked into.
pub(crate) fn look(notification: &Notification) -> io::Result<Option<Looked>> {
    unless_the_callers(try_look(notification))
}

fn unless_the_callers<T>(read: io::Result<Option<T>>) -> io::Result<Option<T>> {
    match read {
        Err(error) if is_the_callers(&error) => Ok(None),
        read => read,
    }
}

/// A supervisor that was started inside the server, or a server of that one.
fn is_of_another(thread: u32, generation: Generation) -> bool {
    let shown = environment(thread, GENERATION_VARIABLE);
    let shown: Option<Generation> = shown.and_then(|shown| shown.to_str()?.parse().ok());
    shown.is_some_and(|shown| shown != generation)
}

/// Whether the kernel will find the same fault with the call, or the caller is gone.
fn is_the_callers(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EBADF | libc::EFAULT | libc::ESRCH | libc::ENOENT))
}

fn try_read(notification: &Notification, generation: Generation) -> io::Result<Option<Call>> {
    if is_of_another(notification.thread(), generation) {
        return Ok(None);
    }
    let Some((caller, operation, [number, second, third])) = arguments(notification)? else {
        return Ok(None);
    };
    // The kernel takes an int.
    let number = number as u32 as RawFd;
    match operation {
        Operation::Listen => listen(caller, number, second as u32),
        Operation::Bind | Operation::Wrapped => bind(caller, number, second, third as u32),
        Operation::Unlink | Operation::UnlinkAt => Ok(None),
    }
}

fn try_look(notification: &Notification) -> io::Result<Option<Looked>> {
    let Some((caller, operation, [first, second, third])) = arguments(notification)? else {
        return Ok(None);
    };
    let unlinked = |at, path| Ok(absolute(&caller, at, caller.read_path(path)?)?.map(Looked::Unlink));
    match operation {
        Operation::Bind | Operation::Wrapped => {
            let Some(name) = read_name(&caller, second, third as u32)? else { return Ok(None) };
            let name = match name {
                Name::Unix(path) => absolute(&caller, libc::AT_FDCWD, path)?.map(Name::Unix),
                Name::Inet(at) => Some(Name::Inet(at)),
            };
            let socket = caller.duplicate(first as u32 as RawFd)?;
            Ok(name.map(|name| Looked::Bind(socket, name)))
        }
        Operation::Unlink => unlinked(libc::AT_FDCWD, first),
        Operation::UnlinkAt => unlinked(first as u32 as RawFd, second),
        Operation::Listen => Ok(None),
    }
}

/// Who makes the call, which one, and its arguments.
fn arguments(notification: &Notification) -> io::Result<Option<(Caller, Operation, [u64; 3])>> {
    let (arch, nr) = notification.call();
    let [first, second, third, ..] = notification.arguments();
    let Some(operation) = operation(arch, nr, first) else { return Ok(None) };
    let caller = Caller::of(notification.thread())?;
    Ok(match operation {
        Operation::Bind | Operation::Listen | Operation::Unlink | Operation::UnlinkAt => {
            Some((caller, operation, [first, second, third]))
        }
        Operation::Wrapped => match wrapped(first) {
            Some(operation) => {
                let arguments = wrapped_arguments(&caller, second)?;
                Some((caller, operation, arguments))
            }
            None => None,
        },
    })
}

/// What bind(2) is given; `None` if it is no name of ours.
fn read_name(caller: &Caller, at: u64, length: u32) -> io::Result<Option<Name>> {
    let mut bytes = [0; size_of::<libc::sockaddr_storage>()];
    let Some(bytes) = bytes.get_mut(..length as usize) else { return Ok(None) };
    caller.read_memory(at, bytes)?;
    Ok(Name::parse(bytes))
}

fn wrapped_arguments(caller: &Caller, at: u64) -> io::Result<[u64; 3]> {
    let mut bytes = [0; 12];
    caller.read_memory(at, &mut bytes)?;
    let argument = |index: usize| {
        let bytes = bytes[index * 4..][..4].try_into().expect("four bytes of twelve");
        u64::from(u32::from_ne_bytes(bytes))
    };
    Ok([argument(0), argument(1), argument(2)])
}

fn bind(caller: Caller, number: RawFd, name: u64, length: u32) -> io::Result<Option<Call>> {
    let Some(name) = read_name(&caller, name, length)? else { return Ok(None) };
    let socket = caller.duplicate(number)?;
    let address = match (name, Kind::of(&socket)) {
        (Name::Inet(at), Some(kind)) if at.port() != 0 && shares_network(caller.thread()) => {
            let endpoint = endpoint_of(&socket, at);
            match kind {
                Kind::Stream => Address::Tcp(endpoint),
                Kind::Datagram => Address::Udp(endpoint),
            }
        }
        (Name::Unix(path), Some(Kind::Stream)) => match absolute(&caller, libc::AT_FDCWD, path)? {
            Some(path) => Address::Unix(path),
            None => return Ok(None),
        },
        (Name::Inet(_) | Name::Unix(_), Some(Kind::Stream | Kind::Datagram) | None) => return Ok(None),
    };
    // What has no text of its own cannot be claimed: a link-local scope, a path that is not UTF-8 or has `..`.
    if address.to_string().parse() != Ok(address.clone()) {
        return Ok(None);
    }
    Ok(Some(Call { sharing: sharing(&socket), caller, number, socket, wanted: Wanted::Bind(address) }))
}

fn listen(caller: Caller, number: RawFd, backlog: u32) -> io::Result<Option<Call>> {
    let socket = caller.duplicate(number)?;
    if Kind::of(&socket) != Some(Kind::Stream) {
        return Ok(None);
    }
    let address = inet_address_of(&socket).map(Address::Tcp);
    Ok(Some(Call {
        sharing: sharing(&socket),
        caller,
        number,
        socket,
        wanted: Wanted::Listen { address, backlog },
    }))
}

/// A socket that is for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Stream,
    /// One that has its port for itself.
    Datagram,
}

impl Kind {
    fn of(socket: &OwnedFd) -> Option<Kind> {
        match getsockopt(socket, sockopt::SockType) {
            Ok(SockType::Stream) => Some(Kind::Stream),
            Ok(SockType::Datagram) => (!shares_datagrams(socket)).then_some(Kind::Datagram),
            _ => None,
        }
    }
}

fn sharing(socket: &OwnedFd) -> Sharing {
    if shares_port(socket) { Sharing::ReusePort } else { Sharing::Alone }
}

/// Whether its port may be that of others, too (SO_REUSEPORT).
pub(crate) fn shares_port(socket: &OwnedFd) -> bool {
    getsockopt(socket, sockopt::ReusePort) == Ok(true)
}

/// The same of a datagram socket: with SO_REUSEADDR, too.
pub(crate) fn shares_datagrams(socket: &OwnedFd) -> bool {
    shares_port(socket) || getsockopt(socket, sockopt::ReuseAddr) == Ok(true)
}

/// In `sockaddr`, what has a port or a path; port 0 is any that is free.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Inet(SocketAddr),
    Unix(PathBuf),
}

impl Name {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (family, rest) = bytes.split_first_chunk()?;
        match i32::from(u16::from_ne_bytes(*family)) {
            libc::AF_INET => {
                let (port, rest) = rest.split_first_chunk()?;
                let address: [u8; 4] = *rest.first_chunk()?;
                Some(Name::inet(Ipv4Addr::from(address).into(), u16::from_be_bytes(*port), 0))
            }
            libc::AF_INET6 => {
                let (port, rest) = rest.split_first_chunk()?;
                let (_flow, rest) = rest.split_first_chunk::<4>()?;
                let (address, rest) = rest.split_first_chunk::<16>()?;
                // The kernel takes the shorter structure of the first IPv6 programs, too.
                let scope = rest.first_chunk().copied().map_or(0, u32::from_ne_bytes);
                Some(Name::inet(Ipv6Addr::from(*address).into(), u16::from_be_bytes(*port), scope))
            }
            libc::AF_UNIX => {
                let path = rest.split(|byte| *byte == 0).next()?;
                (!path.is_empty()).then(|| Name::Unix(PathBuf::from(OsStr::from_bytes(path))))
            }
            _ => None,
        }
    }

    fn inet(ip: IpAddr, port: u16, scope: u32) -> Self {
        Name::Inet(match ip {
            IpAddr::V4(_) => SocketAddr::new(ip, port),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, scope).into(),
        })
    }
}

/// The path, which is relative to this directory of the caller, as we see it; `None` if the caller has another root or
/// other mounts than we have.
fn absolute(caller: &Caller, at: RawFd, path: PathBuf) -> io::Result<Option<PathBuf>> {
    let of = |who: &str, what: &str| fs::read_link(format!("/proc/{who}/{what}"));
    let thread = caller.thread().to_string();
    for what in ["root", "ns/mnt"] {
        if of(&thread, what)? != of("self", what)? {
            return Ok(None);
        }
    }
    if path.is_absolute() {
        return Ok(Some(path));
    }
    let directory = if at == libc::AT_FDCWD { "cwd".to_owned() } else { format!("fd/{at}") };
    let path = of(&thread, &directory)?.join(path);
    Ok(Some(path.components().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inet6(port: u16, scope: u32) -> Vec<u8> {
        let mut bytes = (libc::AF_INET6 as u16).to_ne_bytes().to_vec();
        bytes.extend(port.to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(Ipv6Addr::LOCALHOST.octets());
        bytes.extend(scope.to_ne_bytes());
        bytes
    }

    #[test]
    fn a_name_is_read_as_the_kernel_reads_it() {
        let mut inet = (libc::AF_INET as u16).to_ne_bytes().to_vec();
        inet.extend([0x1f, 0x90, 127, 0, 0, 1]);
        let expected = "127.0.0.1:8080".parse().expect("an address");
        assert_eq!(Name::parse(&inet), Some(Name::Inet(expected)));
        let expected = "[::1]:8080".parse().expect("an address");
        assert_eq!(Name::parse(&inet6(8080, 0)), Some(Name::Inet(expected)));
        assert_eq!(Name::parse(&inet6(8080, 0)[..24]), Name::parse(&inet6(8080, 0)));
        let mut unix = (libc::AF_UNIX as u16).to_ne_bytes().to_vec();
        unix.extend(b"/run/app.sock\0rest");
        assert_eq!(Name::parse(&unix), Some(Name::Unix(PathBuf::from("/run/app.sock"))));
    }

    #[test]
    fn names_without_a_path_are_not_for_us() {
        let abstract_name = [&(libc::AF_UNIX as u16).to_ne_bytes()[..], b"\0name"].concat();
        assert_eq!(Name::parse(&abstract_name), None);
        assert_eq!(Name::parse(&abstract_name[..2]), None);
        let netlink = [&(libc::AF_NETLINK as u16).to_ne_bytes()[..], &[0; 10]].concat();
        assert_eq!(Name::parse(&netlink), None);
        assert_eq!(Name::parse(&[1]), None);
    }
}
