//! The kernel's tables of sockets, `/proc/net/{tcp,tcp6,udp,udp6,unix}`, and sock_diag(7) for those of TCP in
//! this network namespace: where that is forbidden, the tables are read.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::sock_diag::tcp_sockets;

/// The state of a listening TCP socket (`TCP_LISTEN`).
pub(super) const TCP_LISTEN: u8 = 10;

/// The states of a TCP connection that its process has not closed (`TCP_ESTABLISHED`, `TCP_CLOSE_WAIT`).
pub(super) const OPEN: [u8; 2] = [1, 8];

/// The states of a TCP socket that a process may have: all but those of connections that are made or closed without it
/// (`TCP_TIME_WAIT`, `TCP_NEW_SYN_RECV`).
const HELD: [u8; 10] = [1, 2, 3, 4, 5, 7, 8, 9, TCP_LISTEN, 11];

/// The state of a connected Unix socket (`SS_CONNECTED`).
const UNIX_CONNECTED: &str = "03";

/// The state of a Unix socket that is not a connection: bound or listening (`SS_UNCONNECTED`).
const UNIX_UNCONNECTED: &str = "01";

/// The flag of a listening Unix socket (`__SO_ACCEPTCON`).
const UNIX_LISTENING: &str = "00010000";

/// A bound IP socket.
pub(super) struct InetSocket {
    pub(super) at: SocketAddr,
    /// Its inode number; never 0 here: that is a connection without a process.
    pub(super) inode: u64,
    state: InetState,
}

/// What an IP socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InetState {
    Listening,
    /// A connection that its process has not closed.
    Open,
    /// A connection that is being made or was closed, or a datagram socket.
    Other,
}

/// The socket of `table` (such as `tcp6`) with this local port that fits, a listening one if there is one.
pub(super) fn find_inet(table: &str, port: u16, fits: impl Fn(&InetSocket) -> bool) -> Option<InetSocket> {
    let mut connection = None;
    for socket in with_local_port(table, port).into_iter().filter(fits) {
        if socket.state == InetState::Listening {
            return Some(socket);
        }
        connection.get_or_insert(socket);
    }
    connection
}

fn with_local_port(table: &str, port: u16) -> Vec<InetSocket> {
    let is_of_table = |socket: &InetSocket| socket.at.is_ipv6() == (table == "tcp6");
    let asked = table.starts_with("tcp").then(|| tcp_sockets(&HELD, port).ok()).flatten();
    match asked {
        Some(sockets) => sockets.into_iter().filter(is_of_table).collect(),
        None => {
            let rows = lines(&format!("/proc/net/{table}")).filter_map(|row| InetSocket::parse(&row));
            rows.filter(|socket| socket.inode != 0 && socket.at.port() == port).collect()
        }
    }
}

impl InetSocket {
    /// `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …`
    fn parse(line: &str) -> Option<InetSocket> {
        let fields: Vec<&str> = line.split_ascii_whitespace().take(10).collect();
        let [_, local, _, state, _, _, _, _, _, inode] = fields[..] else {
            return None;
        };
        let (ip, port) = local.split_once(':')?;
        let at = SocketAddr::new(ip_address(ip)?, u16::from_str_radix(port, 16).ok()?);
        Some(InetSocket::new(at, inode.parse().ok()?, u8::from_str_radix(state, 16).ok()?))
    }

    pub(super) fn new(at: SocketAddr, inode: u64, state: u8) -> InetSocket {
        let state = match state {
            TCP_LISTEN => InetState::Listening,
            _ if OPEN.contains(&state) => InetState::Open,
            _ => InetState::Other,
        };
        InetSocket { at, inode, state }
    }
}

/// The TCP sockets that listen in the network namespace of a process.
pub(super) fn listening_inet(pid: u32) -> Vec<InetSocket> {
    let asked = shares_network(pid).then(|| tcp_sockets(&[TCP_LISTEN], 0).ok()).flatten();
    asked.unwrap_or_else(|| {
        // They come first.
        let listening = |table| inet_rows(pid, table).take_while(|one| one.state == InetState::Listening);
        ["tcp", "tcp6"].into_iter().flat_map(listening).collect()
    })
}

/// Whether a process is known to be in the network namespace of this one.
fn shares_network(pid: u32) -> bool {
    let namespace =
        |of: &str| fs::metadata(format!("/proc/{of}/ns/net")).ok().map(|one| (one.dev(), one.ino()));
    namespace("self").is_some_and(|own| namespace(&pid.to_string()) == Some(own))
}

/// The UDP sockets that are bound in the network namespace of a process, and not connected.
pub(super) fn bound_datagram(pid: u32) -> impl Iterator<Item = InetSocket> {
    let rows = ["udp", "udp6"].into_iter().flat_map(move |table| inet_rows(pid, table));
    rows.filter(|socket| socket.state == InetState::Other)
}

fn inet_rows(pid: u32, table: &str) -> impl Iterator<Item = InetSocket> + use<> {
    lines(&format!("/proc/{pid}/net/{table}")).filter_map(|row| InetSocket::parse(&row))
}

/// The inode numbers of the open connections to a TCP port of this machine.
pub(super) fn inet_connections(port: u16) -> impl Iterator<Item = u64> {
    open_inet(port).into_iter().map(|socket| socket.inode)
}

/// The local port of every open TCP connection of this machine, and its inode number.
pub(super) fn all_inet_connections() -> impl Iterator<Item = (u16, u64)> {
    open_inet(0).into_iter().map(|socket| (socket.at.port(), socket.inode))
}

/// The open TCP connections of this network namespace that have this local port, or all if it is 0.
fn open_inet(port: u16) -> Vec<InetSocket> {
    tcp_sockets(&OPEN, port).unwrap_or_else(|_| {
        let rows = ["tcp", "tcp6"].into_iter().flat_map(|table| lines(&format!("/proc/net/{table}")));
        let sockets = rows.filter_map(|row| InetSocket::parse(&row));
        let is_meant = |one: &InetSocket| one.inode != 0 && (port == 0 || one.at.port() == port);
        sockets.filter(|one| one.state == InetState::Open && is_meant(one)).collect()
    })
}

/// The inode numbers of the connections that were accepted at a path.
pub(super) fn unix_connections(path: &Path) -> impl Iterator<Item = u64> {
    lines("/proc/net/unix").filter_map(move |row| {
        let socket = UnixRow::parse(&row, path)?;
        (socket.state == UNIX_CONNECTED).then_some(socket.inode)
    })
}

/// The path of every connection of this machine that was accepted at one, and its inode number.
pub(super) fn all_unix_connections() -> impl Iterator<Item = (PathBuf, u64)> {
    lines("/proc/net/unix").filter_map(|row| {
        let (socket, path) = UnixRow::with_path(&row)?;
        (socket.state == UNIX_CONNECTED).then(|| (path.to_owned(), socket.inode))
    })
}

/// One or four 32-bit words in the machine's byte order.
fn ip_address(text: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(text.get(at * 8..at * 8 + 8)?, 16).ok()?.to_ne_bytes());
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let bytes = [word(0)?, word(1)?, word(2)?, word(3)?].concat();
            Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into())
        }
        _ => None,
    }
}

/// A Unix socket that is bound to a path and is not an accepted connection.
pub(super) struct UnixSocket {
    pub(super) inode: u64,
}

impl UnixSocket {
    /// The socket that is bound to this path, a listening one if there is one.
    pub(super) fn bound_at(path: &Path) -> Option<UnixSocket> {
        let mut bound = None;
        for line in lines("/proc/net/unix") {
            let Some(row) = UnixRow::parse(&line, path).filter(|row| row.state == UNIX_UNCONNECTED) else {
                continue;
            };
            if row.flags == UNIX_LISTENING {
                return Some(UnixSocket { inode: row.inode });
            }
            bound = Some(UnixSocket { inode: row.inode });
        }
        bound
    }
}

/// A row of the table of Unix sockets.
#[derive(Debug, PartialEq)]
struct UnixRow<'a> {
    flags: &'a str,
    state: &'a str,
    inode: u64,
}

impl UnixRow<'_> {
    /// `Num: RefCount Protocol Flags Type St Inode Path`, if it has this path: a connection has that of the
    /// listener by which it was accepted.
    fn parse<'a>(line: &'a str, path: &Path) -> Option<UnixRow<'a>> {
        UnixRow::with_path(line).filter(|(_, of)| *of == path).map(|(row, _)| row)
    }

    /// A row that has a path, and that.
    fn with_path(line: &str) -> Option<(UnixRow<'_>, &Path)> {
        let (fixed, _) = line.split_once(" /")?;
        let path = Path::new(line.get(fixed.len() + 1..)?);
        let fields: Vec<&str> = fixed.split_ascii_whitespace().collect();
        let [_, _, _, flags, _, state, inode] = fields[..] else {
            return None;
        };
        Some((UnixRow { flags, state, inode: inode.parse().ok()? }, path))
    }
}

/// The lines behind the heading; none if there is no such table. Paths of others need not be UTF-8.
fn lines(table: &str) -> impl Iterator<Item = String> + use<> {
    let split = File::open(table).map(|file| BufReader::new(file).split(b'\n'));
    let lines = split.into_iter().flatten().map_while(Result::ok);
    lines.skip(1).map(|line| String::from_utf8_lossy(&line).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn a_row_of_an_ip_table_says_where_the_socket_is_bound_and_whether_it_listens() {
        let rows = [
            (
                "0: 0100007F:1F90 00000000:0000 0A 0:0 00:0 0 0 0 4242 1",
                "127.0.0.1:8080",
                InetState::Listening,
            ),
            (
                "1: 00000000000000000000000001000000:01BB 0:0 01 0:0 00:0 0 0 0 4242 1",
                "[::1]:443",
                InetState::Open,
            ),
            (
                "2: 0000000000000000FFFF00000100007F:0050 0:0 0A 0:0 00:0 0 0 0 4242 1",
                "[::ffff:127.0.0.1]:80",
                InetState::Listening,
            ),
        ];
        for (row, at, state) in rows {
            let socket = InetSocket::parse(row).expect("a whole row");
            assert_eq!((socket.at.to_string().as_str(), socket.inode, socket.state), (at, 4242, state));
        }
        assert!(InetSocket::parse("0: 0100007F:1F90 00000000:0000 0A").is_none());
    }

    #[test]
    fn a_row_of_the_unix_table_is_found_by_its_path() {
        let path = Path::new("/run/my app.sock");
        let found = |row| UnixRow::parse(row, path).map(|row| (row.inode, row.flags, row.state));
        let row = "0000000000000000: 00000002 00000000 00010000 0001 01 4242 /run/my app.sock";
        assert_eq!(found(row), Some((4242, UNIX_LISTENING, UNIX_UNCONNECTED)));
        let row = "0000000000000000: 00000002 00000000 00000000 0001 01 4242 /run//my app.sock";
        assert_eq!(found(row), Some((4242, "00000000", UNIX_UNCONNECTED)));
        let row = "0000000000000000: 00000003 00000000 00000000 0001 03 4242 /run/my app.sock";
        assert_eq!(found(row), Some((4242, "00000000", UNIX_CONNECTED)));
        let row = "0000000000000000: 00000002 00000000 00010000 0001 01 4242 @/run/my app.sock";
        assert_eq!(found(row), None);
    }
}
