//! Whether processes listen at an address.

use std::collections::BTreeSet;

use serverswap_protocol::Address;

use super::connections::sockets_of;
use super::owner::is_in_the_way;
use super::socket_table::{UnixSocket, bound_datagram, listening_inet};

/// Whether one of the processes listens at this address or at one that overlaps it (UDP: has a socket bound
/// there that is not connected). Where none of them may be looked into, whether anybody does. A name needs no socket.
pub fn listens(pids: impl IntoIterator<Item = u32>, address: &Address) -> bool {
    let mut pids = pids.into_iter().peekable();
    let Some(first) = pids.peek().copied() else {
        return false;
    };
    let sockets: BTreeSet<u64> = match address {
        Address::Tcp(endpoint) => {
            let here = listening_inet(first).into_iter().filter(|socket| is_in_the_way(socket, *endpoint));
            here.map(|socket| socket.inode).collect()
        }
        Address::Udp(endpoint) => {
            let here = bound_datagram(first).filter(|socket| is_in_the_way(socket, *endpoint));
            here.map(|socket| socket.inode).collect()
        }
        Address::Unix(path) => UnixSocket::bound_at(path).map(|socket| socket.inode).into_iter().collect(),
        Address::Name(_) => return true,
    };
    let mut may_look = false;
    for own in pids.filter_map(|pid| sockets_of(pid).ok()) {
        may_look = true;
        if !own.is_disjoint(&sockets) {
            return true;
        }
    }
    !may_look && !sockets.is_empty()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::unix::net::UnixListener;
    use std::process::{Command, Stdio};

    use super::*;

    fn own(text: &str) -> bool {
        listens([std::process::id()], &text.parse().expect("an address"))
    }

    #[test]
    fn a_process_listens_at_the_address_of_its_listener_and_at_what_overlaps_it() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        assert!(own(&format!("127.0.0.1:{port}")) && own(&format!(":{port}")));
        assert!(!own(&format!("127.0.0.2:{port}")) && !own(&format!("udp::{port}")));
        let _connection = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        drop(listener);
        assert!(!own(&format!(":{port}")), "a connection is no listener");
    }

    #[test]
    fn so_it_is_with_udp_and_unix_sockets() {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a free port");
        let port = socket.local_addr().expect("bound").port();
        assert!(own(&format!("udp:127.0.0.1:{port}")) && !own(&format!(":{port}")));
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("app.sock");
        let text = format!("unix:{}", path.display());
        assert!(!own(&text));
        let _listener = UnixListener::bind(&path).expect("a free path");
        assert!(own(&text));
    }

    #[test]
    fn the_listener_of_another_process_does_not_count() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("bound").to_string().parse().expect("an address");
        let mut other = Command::new("cat").stdin(Stdio::piped()).spawn().expect("there is a cat");
        let found = listens([other.id()], &address);
        other.kill().and_then(|()| other.wait()).expect("it ends");
        assert!(!found);
    }
}
