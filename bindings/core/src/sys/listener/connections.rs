//! Counts the open connections of processes that do not report them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use serverswap_protocol::Address;

use super::socket_table::{all_inet_connections, all_unix_connections, inet_connections, unix_connections};

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

/// The open connections of this machine, for who asks about many servers: each table of the kernel is read once, and so are the
/// descriptors of each process.
#[derive(Debug, Default)]
pub struct ConnectionTable {
    of_port: BTreeMap<u16, Vec<u64>>,
    of_path: BTreeMap<PathBuf, Vec<u64>>,
    of_process: BTreeMap<u32, Option<BTreeSet<u64>>>,
}

impl ConnectionTable {
    /// As they are now.
    pub fn read() -> ConnectionTable {
        let mut table = ConnectionTable::default();
        for (port, inode) in all_inet_connections() {
            table.of_port.entry(port).or_default().push(inode);
        }
        for (path, inode) in all_unix_connections() {
            table.of_path.entry(path).or_default().push(inode);
        }
        table
    }

    /// How many connections to an address these processes have open, each counted once; `None` if none of them can be looked into, or
    /// the address has no connections.
    pub fn open(&mut self, pids: &[u32], address: &Address) -> Option<u64> {
        let connections = match address {
            Address::Tcp(endpoint) => self.of_port.get(&endpoint.port()),
            Address::Unix(path) => self.of_path.get(path),
            Address::Udp(_) | Address::Name(_) => return None,
        };
        for pid in pids {
            self.of_process.entry(*pid).or_insert_with(|| sockets_of(*pid).ok());
        }
        let found: Vec<_> = pids.iter().filter_map(|pid| self.of_process[pid].as_ref()).collect();
        if found.is_empty() {
            return None;
        }
        let open = connections.into_iter().flatten();
        u64::try_from(open.filter(|inode| found.iter().any(|sockets| sockets.contains(inode))).count()).ok()
    }
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
        assert_eq!(ConnectionTable::read().open(&[std::process::id()], &address), Some(1));
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
        assert_eq!(ConnectionTable::read().open(&[std::process::id()], &address), Some(1));
        assert_eq!(open_connections([std::process::id()], &[address]), Some(1));
    }

    #[test]
    fn of_a_process_that_is_gone_nothing_is_known() {
        assert_eq!(open_connections([u32::MAX], &[]), None);
        assert_eq!(ConnectionTable::read().open(&[u32::MAX], &":1".parse().expect("an address")), None);
    }
}
