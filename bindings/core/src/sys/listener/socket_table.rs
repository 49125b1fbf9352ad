//! The kernel's tables of sockets, `/proc/net/{tcp,tcp6,udp,udp6,unix}`.
//!
//! Why not sock_diag(7): these need no netlink socket, and the TCP tables begin with the
//! listening sockets, so that reading one stops before ten thousand closed connections.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// The state of a listening TCP socket, in hexadecimal (`TCP_LISTEN`).
const TCP_LISTEN: &str = "0A";

/// The state of a Unix socket that is not a connection: bound or listening (`SS_UNCONNECTED`).
const UNIX_UNCONNECTED: &str = "01";

/// The flag of a listening Unix socket (`__SO_ACCEPTCON`).
const UNIX_LISTENING: &str = "00010000";

/// A bound IP socket.
pub(super) struct InetSocket {
    pub(super) at: SocketAddr,
    /// Its inode number; never 0 here: that is a connection without a process.
    pub(super) inode: u64,
    is_listening: bool,
}

/// The socket of `table` (such as `tcp6`) that fits, a listening one if there is one.
pub(super) fn find_inet(table: &str, fits: impl Fn(&InetSocket) -> bool) -> Option<InetSocket> {
    let mut connection = None;
    for line in lines(&format!("/proc/net/{table}")) {
        let Some(socket) = InetSocket::parse(&line).filter(|socket| socket.inode != 0 && fits(socket)) else {
            continue;
        };
        if socket.is_listening {
            return Some(socket);
        }
        connection.get_or_insert(socket);
    }
    connection
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
        Some(InetSocket { at, inode: inode.parse().ok()?, is_listening: state == TCP_LISTEN })
    }
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
            match UnixSocket::parse(&line, path) {
                Some((socket, UNIX_LISTENING)) => return Some(socket),
                Some((socket, _)) => bound = Some(socket),
                None => {}
            }
        }
        bound
    }

    /// `Num: RefCount Protocol Flags Type St Inode Path`, if it is bound to `path`; and its flags.
    fn parse<'a>(line: &'a str, path: &Path) -> Option<(UnixSocket, &'a str)> {
        let (fixed, _) = line.split_once(" /")?;
        if Path::new(line.get(fixed.len() + 1..)?) != path {
            return None;
        }
        let fields: Vec<&str> = fixed.split_ascii_whitespace().collect();
        let [_, _, _, flags, _, UNIX_UNCONNECTED, inode] = fields[..] else {
            return None;
        };
        Some((UnixSocket { inode: inode.parse().ok()? }, flags))
    }
}

/// The lines behind the heading; none if there is no such table. Paths of others need not be UTF-8.
fn lines(table: &str) -> impl Iterator<Item = String> {
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
            ("0: 0100007F:1F90 00000000:0000 0A 0:0 00:0 0 0 0 4242 1", "127.0.0.1:8080", true),
            ("1: 00000000000000000000000001000000:01BB 0:0 01 0:0 00:0 0 0 0 4242 1", "[::1]:443", false),
            (
                "2: 0000000000000000FFFF00000100007F:0050 0:0 0A 0:0 00:0 0 0 0 4242 1",
                "[::ffff:127.0.0.1]:80",
                true,
            ),
        ];
        for (row, at, is_listening) in rows {
            let socket = InetSocket::parse(row).expect("a whole row");
            assert_eq!(
                (socket.at.to_string().as_str(), socket.inode, socket.is_listening),
                (at, 4242, is_listening)
            );
        }
        assert!(InetSocket::parse("0: 0100007F:1F90 00000000:0000 0A").is_none());
    }

    #[test]
    fn a_row_of_the_unix_table_is_found_by_its_path_unless_it_is_a_connection() {
        let path = Path::new("/run/my app.sock");
        let found = |row| UnixSocket::parse(row, path).map(|(socket, flags)| (socket.inode, flags));
        let row = "0000000000000000: 00000002 00000000 00010000 0001 01 4242 /run/my app.sock";
        assert_eq!(found(row), Some((4242, UNIX_LISTENING)));
        let row = "0000000000000000: 00000002 00000000 00000000 0001 01 4242 /run//my app.sock";
        assert_eq!(found(row), Some((4242, "00000000")));
        let row = "0000000000000000: 00000003 00000000 00000000 0001 03 4242 /run/my app.sock";
        assert_eq!(found(row), None);
        let row = "0000000000000000: 00000002 00000000 00010000 0001 01 4242 @/run/my app.sock";
        assert_eq!(found(row), None);
    }
}
