//! The kernel's tables of sockets, `/proc/net/{tcp,tcp6,udp,udp6,unix}`, and sock_diag(7) for those of TCP in
//! this network namespace: where that is forbidden, the tables are read.

use std::fmt::Display;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::sock_diag::tcp_sockets;
use crate::sys::process::shares_network;

/// The process whose network namespace is this one.
const OWN: &str = "self";

const TCP: [&str; 2] = ["tcp", "tcp6"];
const UDP: [&str; 2] = ["udp", "udp6"];

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
    /// Its inode number; 0 if no process has it.
    pub(super) inode: u64,
    /// As in `net/tcp_states.h`, also of a datagram socket.
    pub(super) state: u8,
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
        Some(InetSocket { at, inode: inode.parse().ok()?, state: u8::from_str_radix(state, 16).ok()? })
    }

    pub(super) fn is_listening(&self) -> bool {
        self.state == TCP_LISTEN
    }
}

/// The TCP sockets of this network namespace that processes have and that have this local port.
pub(super) fn tcp_at(port: u16) -> Vec<InetSocket> {
    tcp(&HELD, port)
}

/// The same of UDP.
pub(super) fn udp_at(port: u16) -> Vec<InetSocket> {
    inet_rows(OWN, UDP).filter(|socket| socket.inode != 0 && socket.at.port() == port).collect()
}

/// The TCP sockets of this network namespace in one of these states, with this local port unless it is 0.
fn tcp(states: &[u8], port: u16) -> Vec<InetSocket> {
    tcp_sockets(states, port).unwrap_or_else(|_| {
        let is_meant = |one: &InetSocket| states.contains(&one.state) && (port == 0 || one.at.port() == port);
        inet_rows(OWN, TCP).filter(|one| one.inode != 0 && is_meant(one)).collect()
    })
}

/// The TCP sockets that listen in the network namespace of a process.
pub(super) fn listening_inet(pid: u32) -> Vec<InetSocket> {
    let asked = shares_network(pid).then(|| tcp_sockets(&[TCP_LISTEN], 0).ok()).flatten();
    // They come first in each table.
    let in_table = |table| inet_rows(pid, [table]).take_while(InetSocket::is_listening);
    asked.unwrap_or_else(|| TCP.into_iter().flat_map(in_table).collect())
}

/// The UDP sockets that are bound in the network namespace of a process, and not connected.
pub(super) fn bound_datagram(pid: u32) -> impl Iterator<Item = InetSocket> {
    inet_rows(pid, UDP).filter(|socket| !OPEN.contains(&socket.state))
}

/// Those of the tables that a process sees.
fn inet_rows<const TABLES: usize>(
    process: impl Display,
    tables: [&str; TABLES],
) -> impl Iterator<Item = InetSocket> {
    let tables = tables.map(|table| format!("/proc/{process}/net/{table}"));
    tables.into_iter().flat_map(|table| lines(&table)).filter_map(|row| InetSocket::parse(&row))
}

/// The inode numbers of the open connections to a TCP port of this machine.
pub(super) fn inet_connections(port: u16) -> impl Iterator<Item = u64> {
    tcp(&OPEN, port).into_iter().map(|socket| socket.inode)
}

/// The local port of every open TCP connection of this machine, and its inode number.
pub(super) fn all_inet_connections() -> impl Iterator<Item = (u16, u64)> {
    tcp(&OPEN, 0).into_iter().map(|socket| (socket.at.port(), socket.inode))
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
    use std::net::TcpListener;

    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn a_row_of_an_ip_table_says_where_the_socket_is_bound_and_whether_it_listens() {
        let rows = [
            ("0: 0100007F:1F90 00000000:0000 0A 0:0 00:0 0 0 0 4242 1", "127.0.0.1:8080", TCP_LISTEN),
            ("1: 00000000000000000000000001000000:01BB 0:0 01 0:0 00:0 0 0 0 4242 1", "[::1]:443", OPEN[0]),
            (
                "2: 0000000000000000FFFF00000100007F:0050 0:0 0A 0:0 00:0 0 0 0 4242 1",
                "[::ffff:127.0.0.1]:80",
                TCP_LISTEN,
            ),
        ];
        for (row, at, state) in rows {
            let socket = InetSocket::parse(row).expect("a whole row");
            assert_eq!((socket.at.to_string().as_str(), socket.inode, socket.state), (at, 4242, state));
        }
        assert!(InetSocket::parse("0: 0100007F:1F90 00000000:0000 0A").is_none());
    }

    #[test]
    fn where_sock_diag_is_forbidden_the_tables_say_the_same() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let shown = |sockets: &[InetSocket]| -> Vec<(SocketAddr, u64, u8)> {
            let here = sockets.iter().filter(|socket| socket.at.port() == port);
            here.map(|socket| (socket.at, socket.inode, socket.state)).collect()
        };
        let asked = tcp_sockets(&[TCP_LISTEN], port).expect("it is there");
        assert_eq!((shown(&asked), asked.len()), (shown(&inet_rows(OWN, TCP).collect::<Vec<_>>()), 1));
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
