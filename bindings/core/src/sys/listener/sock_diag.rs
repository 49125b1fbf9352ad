//! The TCP sockets of this network namespace by sock_diag(7).
//!
//! `/proc/net/tcp` costs milliseconds however few sockets there are: the kernel walks its whole table of
//! connections, and prints. This costs a twentieth of it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};

use super::socket_table::InetSocket;

/// `SOCK_DIAG_BY_FAMILY` of `linux/sock_diag.h`.
const SOCK_DIAG_BY_FAMILY: u16 = 20;

/// `struct nlmsghdr`: length, type, flags, sequence, port.
const HEADER: usize = 16;

/// `struct inet_diag_req_v2`: family, protocol, extensions, states, and the socket that is looked for.
const REQUEST: usize = 56;

/// `struct inet_diag_msg`, and where its fields begin.
const ANSWER: usize = 72;
const LOCAL_PORT: usize = 4;
const LOCAL_ADDRESS: usize = 8;
const INODE: usize = 68;

/// The kernel fills no more than this at once.
const BUFFER: usize = 32 << 10;

/// The sockets in one of these states (of `net/tcp_states.h`), with this local port unless it is 0, of IPv4 and
/// IPv6. Connections without a process are left out.
///
/// # Errors
/// The kernel has no sock_diag(7) for TCP, or a filter of system calls forbids netlink sockets.
pub(super) fn tcp_sockets(states: &[u8], port: u16) -> io::Result<Vec<InetSocket>> {
    let netlink = socket(
        AddressFamily::Netlink,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkSockDiag,
    )?;
    let mut found = Vec::new();
    let mut buffer = vec![0; BUFFER];
    for family in [libc::AF_INET, libc::AF_INET6] {
        send(netlink.as_raw_fd(), &request(family, states, port), MsgFlags::empty())?;
        let mut has_more = true;
        while has_more {
            let length = recv(netlink.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
            has_more = read_answers(&buffer[..length], &mut found)?;
        }
    }
    Ok(found)
}

fn request(family: i32, states: &[u8], port: u16) -> [u8; HEADER + REQUEST] {
    let mut request = [0; HEADER + REQUEST];
    let mut put = |at: usize, bytes: &[u8]| request[at..at + bytes.len()].copy_from_slice(bytes);
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
    put(0, &((HEADER + REQUEST) as u32).to_ne_bytes());
    put(4, &SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    put(6, &flags.to_ne_bytes());
    put(HEADER, &[family as u8, libc::IPPROTO_TCP as u8]);
    put(HEADER + 4, &states.iter().fold(0, |bits, state| bits | 1_u32 << state).to_ne_bytes());
    put(HEADER + 8, &port.to_be_bytes());
    request
}

/// Whether there are more to come.
fn read_answers(mut messages: &[u8], found: &mut Vec<InetSocket>) -> io::Result<bool> {
    while let Some(header) = messages.first_chunk::<HEADER>() {
        let [a, b, c, d, kind @ ..] = *header;
        let length = u32::from_ne_bytes([a, b, c, d]) as usize;
        let message = messages.get(HEADER..length).ok_or(io::ErrorKind::InvalidData)?;
        match i32::from(u16::from_ne_bytes([kind[0], kind[1]])) {
            libc::NLMSG_DONE => return Ok(false),
            libc::NLMSG_ERROR => {
                let code = message.first_chunk().ok_or(io::ErrorKind::InvalidData)?;
                return Err(io::Error::from_raw_os_error(-i32::from_ne_bytes(*code)));
            }
            _ => found.extend(message.first_chunk().map(answer).filter(|socket| socket.inode != 0)),
        }
        messages = messages.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(true)
}

fn answer(message: &[u8; ANSWER]) -> InetSocket {
    let at = |from: usize| -> [u8; 4] { std::array::from_fn(|byte| message[from + byte]) };
    let ip: IpAddr = match i32::from(message[0]) {
        libc::AF_INET => Ipv4Addr::from(at(LOCAL_ADDRESS)).into(),
        _ => Ipv6Addr::from(std::array::from_fn(|byte| message[LOCAL_ADDRESS + byte])).into(),
    };
    let port = u16::from_be_bytes([message[LOCAL_PORT], message[LOCAL_PORT + 1]]);
    let inode = u32::from_ne_bytes(at(INODE)).into();
    InetSocket { at: SocketAddr::new(ip, port), inode, state: message[1] }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::fs::MetadataExt;

    use super::super::socket_table::{OPEN, TCP_LISTEN};
    use super::*;

    fn inodes(states: &[u8], port: u16) -> Vec<u64> {
        tcp_sockets(states, port).expect("it is there").into_iter().map(|socket| socket.inode).collect()
    }

    fn inode_of(socket: &impl AsRawFd) -> u64 {
        fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd())).expect("it is open").ino()
    }

    #[test]
    fn sockets_are_found_by_state_and_port_with_their_address_and_inode() {
        for ip in ["127.0.0.1", "::1"] {
            let Ok(listener) = TcpListener::bind((ip, 0)) else {
                assert_eq!(ip, "::1", "a machine may have no IPv6");
                continue;
            };
            let at = listener.local_addr().expect("bound");
            assert!(inodes(&OPEN, at.port()).is_empty());
            let client = TcpStream::connect(at).expect("it listens");
            let (accepted, _) = listener.accept().expect("one waits");
            assert_eq!(inodes(&[TCP_LISTEN], at.port()), [inode_of(&listener)]);
            assert_eq!(inodes(&OPEN, at.port()), [inode_of(&accepted)]);
            let all = tcp_sockets(&OPEN, 0).expect("it is there");
            let own = all.iter().find(|socket| socket.inode == inode_of(&client)).expect("it is open");
            assert_eq!(own.at, client.local_addr().expect("connected"));
        }
    }

    #[test]
    fn an_error_of_the_kernel_is_one_and_so_is_a_message_that_is_cut_off() {
        let message = |kind: i32, length: u32| {
            let mut bytes = length.to_ne_bytes().to_vec();
            bytes.extend((kind as u16).to_ne_bytes());
            bytes.extend([0; 10]);
            bytes.extend((-libc::ENOENT).to_ne_bytes());
            bytes
        };
        let read = |bytes: &[u8]| read_answers(bytes, &mut Vec::new()).map_err(|error| error.raw_os_error());
        assert_eq!(read(&message(libc::NLMSG_ERROR, 20)), Err(Some(libc::ENOENT)));
        assert_eq!(read(&message(libc::NLMSG_ERROR, 90)), Err(None));
        assert_eq!(read(&message(libc::NLMSG_DONE, 20)), Ok(false));
        assert_eq!(read(&[]), Ok(true));
    }
}
