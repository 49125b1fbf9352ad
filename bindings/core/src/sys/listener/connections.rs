//! Counts the open connections of processes that do not report them.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;

use serverswap_protocol::Address;

use super::socket_table::{inet_connections, unix_connections};

/// How many connections to these addresses the processes have open, each counted once; `None` when
/// none of the processes can be looked into. Datagram sockets and names have no connections.
pub fn open_connections(pids: impl IntoIterator<Item = u32>, addresses: &[Address]) -> Option<u64> {
    let mut sockets: Option<BTreeSet<u64>> = None;
    for found in pids.into_iter().filter_map(|pid| sockets_of(pid).ok()) {
        sockets.get_or_insert_default().extend(found);
    }
    let sockets = sockets?;
    let mut connections = BTreeSet::new();
    for address in addresses {
        match address {
            Address::Tcp(endpoint) => connections.extend(inet_connections(endpoint.port())),
            Address::Unix(path) => connections.extend(unix_connections(path)),
            Address::Udp(_) | Address::Name(_) => {}
        }
    }
    u64::try_from(connections.intersection(&sockets).count()).ok()
}

/// The inode numbers of the sockets that a process has.
///
/// # Errors
/// It is gone, or the kernel does not let us look.
pub fn sockets_of(pid: u32) -> io::Result<BTreeSet<u64>> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd"))?;
    // What cannot be read was closed meanwhile.
    let links = entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    Ok(links.filter_map(|link| inode_in(link.as_os_str().as_bytes())).collect())
}

/// `socket:[4711]`.
fn inode_in(link: &[u8]) -> Option<u64> {
    std::str::from_utf8(link).ok()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn the_accepted_connections_of_a_process_are_counted_and_not_its_own_to_others() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let at = listener.local_addr().expect("bound");
        let address: Address = at.to_string().parse().expect("an address");
        let own = || open_connections([std::process::id()], std::slice::from_ref(&address));
        assert_eq!(own(), Some(0));
        let _clients = [TcpStream::connect(at).expect("it listens"), TcpStream::connect(at).expect("so")];
        let accepted = listener.accept().expect("one waits");
        assert_eq!(own(), Some(1), "the other one waits in the backlog");
        drop(accepted);
        assert_eq!(own(), Some(0));
    }

    #[test]
    fn so_are_those_of_a_unix_socket() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("app.sock");
        let listener = UnixListener::bind(&path).expect("a free path");
        let _client = UnixStream::connect(&path).expect("it listens");
        let _accepted = listener.accept().expect("one waits");
        let address = Address::Unix(path);
        assert_eq!(open_connections([std::process::id()], &[address]), Some(1));
    }

    #[test]
    fn of_a_process_that_is_gone_nothing_is_known() {
        assert_eq!(open_connections([u32::MAX], &[]), None);
    }
}
