//! Makes the socket of an address, bound and listening.
#![allow(unsafe_code)]

use std::fs::Permissions;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::{fs, io};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, UnixAddr};
use nix::sys::socket::{bind, setsockopt, socket, sockopt};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, fchownat};
use serverswap_protocol::message::UnixSockets;
use serverswap_protocol::{Address, Endpoint};

use super::error::OpenError;
use super::owner::owner_of;
use super::socket_table::UnixSocket;
use super::unix_path::remove_stale;

/// Connections that wait to be accepted; the kernel lowers it to `net.core.somaxconn`.
pub const BACKLOG: u32 = 4096;

/// Opens the socket of an address that nobody holds: close-on-exec, non-blocking,
/// `SO_REUSEADDR`, listening (UDP: bound). `:8080` is one dual-stack socket, or an IPv4 one
/// on a machine without IPv6. A Unix socket has mode 0666 less the umask; a path that a dead
/// process left behind is removed first.
///
/// # Errors
/// See [`OpenError`]. Nothing is left behind.
pub fn open(address: &Address) -> Result<OwnedFd, OpenError> {
    open_with(address, UnixSockets::default())
}

/// As [`open`], with the rights of a Unix socket, which it has before anybody can connect to it.
///
/// # Errors
/// As [`open`].
pub fn open_with(address: &Address, unix_sockets: UnixSockets) -> Result<OwnedFd, OpenError> {
    try_open(address, unix_sockets).map_err(|error| match error {
        OpenError::InUse { address, .. } => OpenError::InUse { owner: owner_of(&address), address },
        error @ (OpenError::OtherFile(_)
        | OpenError::NotPermitted { .. }
        | OpenError::NotAvailable { .. }
        | OpenError::Exhausted { .. }
        | OpenError::NoSocket(_)
        | OpenError::Io { .. }) => error,
    })
}

/// As [`open_with`], but an address that is in use has no owner in the error: to find it
/// ([`owner_of`]) can take a second on a machine with many processes.
///
/// # Errors
/// As [`open`].
pub fn try_open(address: &Address, unix_sockets: UnixSockets) -> Result<OwnedFd, OpenError> {
    let opened = match address {
        Address::Tcp(endpoint) => open_inet(*endpoint, SockType::Stream),
        Address::Udp(endpoint) => open_inet(*endpoint, SockType::Datagram),
        Address::Unix(path) => open_unix(path, unix_sockets),
        Address::Name(_) => return Err(OpenError::NoSocket(address.clone())),
    };
    opened.map_err(|source| explain(address.clone(), source))
}

/// Whether somebody's socket is in the way of one that a server would bind for itself. Nothing listens and nothing
/// is removed meanwhile.
pub fn is_in_use(address: &Address) -> bool {
    match address {
        Address::Tcp(endpoint) => bound_inet(*endpoint, SockType::Stream).err() == Some(Errno::EADDRINUSE),
        Address::Udp(endpoint) => bound_inet(*endpoint, SockType::Datagram).err() == Some(Errno::EADDRINUSE),
        Address::Unix(path) => UnixSocket::bound_at(path).is_some(),
        Address::Name(_) => false,
    }
}

fn open_inet(endpoint: Endpoint, kind: SockType) -> nix::Result<OwnedFd> {
    let socket = bound_inet(endpoint, kind)?;
    if kind == SockType::Stream {
        listen(&socket, BACKLOG)?;
    }
    Ok(socket)
}

fn bound_inet(endpoint: Endpoint, kind: SockType) -> nix::Result<OwnedFd> {
    let bound = bind_inet(endpoint.socket_address(), endpoint, kind);
    match (endpoint, bound) {
        (Endpoint::Any { port }, Err(Errno::EAFNOSUPPORT)) => {
            bind_inet(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)), endpoint, kind)
        }
        (Endpoint::Any { .. } | Endpoint::Ip(_), bound) => bound,
    }
}

fn bind_inet(at: SocketAddr, endpoint: Endpoint, kind: SockType) -> nix::Result<OwnedFd> {
    let family = if at.is_ipv6() { AddressFamily::Inet6 } else { AddressFamily::Inet };
    let socket = new_socket(family, kind)?;
    if at.is_ipv6() {
        // Said in any case: the default is a setting of the machine (net.ipv6.bindv6only).
        setsockopt(&socket, sockopt::Ipv6V6Only, &matches!(endpoint, Endpoint::Ip(_)))?;
    }
    if kind == SockType::Stream {
        // Not on UDP: there it would let two sockets have one port.
        setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    }
    bind(socket.as_raw_fd(), &SockaddrStorage::from(at))?;
    Ok(socket)
}

fn open_unix(path: &Path, rights: UnixSockets) -> nix::Result<OwnedFd> {
    remove_stale(path).map_err(errno)?;
    let socket = new_socket(AddressFamily::Unix, SockType::Stream)?;
    // bind(2) gives the path the mode of the socket, less the umask.
    fchmod(&socket, Mode::from_bits_truncate(rights.mode.unwrap_or(0o666)))?;
    bind(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    // Until it listens, connect(2) is refused.
    if let Err(error) = set_rights(path, rights).and_then(|()| listen(&socket, BACKLOG)) {
        let _ = fs::remove_file(path); // ours: bind has just made it
        return Err(error);
    }
    Ok(socket)
}

/// The group first: the kernel may clear mode bits when it changes.
fn set_rights(path: &Path, rights: UnixSockets) -> nix::Result<()> {
    if let Some(gid) = rights.gid {
        fchownat(AT_FDCWD, path, None, Some(Gid::from_raw(gid)), AtFlags::AT_SYMLINK_NOFOLLOW)?;
    }
    if let Some(mode) = rights.mode {
        // fchmodat(2) follows a symbolic link before Linux 6.6; this descriptor cannot be exchanged.
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = nix::fcntl::open(path, flags, Mode::empty())?;
        let link = format!("/proc/self/fd/{}", file.as_raw_fd());
        fs::set_permissions(link, Permissions::from_mode(mode)).map_err(errno)?;
    }
    Ok(())
}

fn new_socket(family: AddressFamily, kind: SockType) -> nix::Result<OwnedFd> {
    socket(family, kind, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)
}

/// Makes it a listener, or changes the backlog of one; the kernel lowers it to `net.core.somaxconn`. Why not nix's: it
/// refuses a backlog above the C library's `SOMAXCONN`, which is 128 on musl.
///
/// # Errors
/// EADDRINUSE, EINVAL and the like.
pub fn listen(socket: &impl AsFd, backlog: u32) -> nix::Result<()> {
    // SAFETY: listen takes two integers, and the descriptor is open for as long as it is borrowed.
    Errno::result(unsafe { libc::listen(socket.as_fd().as_raw_fd(), backlog.cast_signed()) }).map(drop)
}

fn is_other_file(address: &Address) -> bool {
    match address {
        Address::Unix(path) => fs::symlink_metadata(path).is_ok_and(|file| !file.file_type().is_socket()),
        Address::Tcp(_) | Address::Udp(_) | Address::Name(_) => false,
    }
}

fn errno(error: io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel's errors are a list without end")]
fn explain(address: Address, source: Errno) -> OpenError {
    match source {
        Errno::EADDRINUSE if is_other_file(&address) => OpenError::OtherFile(address),
        Errno::EADDRINUSE => OpenError::InUse { owner: None, address },
        Errno::EACCES | Errno::EPERM | Errno::EROFS => OpenError::NotPermitted { address, source },
        Errno::EADDRNOTAVAIL | Errno::EAFNOSUPPORT | Errno::ENOENT | Errno::ENOTDIR => {
            OpenError::NotAvailable { address, source }
        }
        Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM | Errno::ENOSPC => {
            OpenError::Exhausted { address, source }
        }
        source => OpenError::Io { address, source },
    }
}
