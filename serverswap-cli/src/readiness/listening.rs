//! Whether the processes of a generation wait for connections at their sockets, as /proc shows it: a socket is in an
//! epoll set, or a thread is in accept(2), poll(2), select(2) or recvmsg(2) on it. A busy server is seldom there: so an
//! open connection that it has accepted says the same.
//!
//! That a process has a socket open says nothing: whoever is passed a descriptor has it, whether it knows of it or not.
//! Where that cannot be told (io_uring, a process that may not be looked into), the look says so.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;

use nix::sys::socket::{SockaddrStorage, UnixAddr, getpeername, getsockname};
use serverswap::protocol::{Address, Generation};
use serverswap::sys::listener::{find_in_sockets, inet_address_of};
use serverswap::sys::process::{self, Process, generation_members};

/// Most entries of a poll(2) or descriptors of a select(2) that are looked at.
const POLLED_MAX: u64 = 65_536;

/// What is looked for.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    pub(crate) generation: Generation,
    pub(crate) server: u32,
    /// The inode numbers of the sockets, and their addresses.
    pub(crate) sockets: BTreeMap<u64, Address>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// The sockets at which somebody waits.
    pub(crate) awaited: BTreeSet<u64>,
    /// The sockets of which that cannot be told: a process that has one, or may have it, may wait unseen.
    pub(crate) unclear: BTreeSet<u64>,
    /// The server only waits for another process.
    pub(crate) wrapper: Option<Wrapper>,
}

/// A server that waits for the end of a process that it has started: a shell, npm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrapper {
    /// Its name.
    pub(crate) name: String,
    /// The process that it waits for.
    pub(crate) child: u32,
    /// The name of that.
    pub(crate) child_name: String,
}

impl Look {
    /// What the server's main process shows by itself; where that one does not wait, another may.
    pub(crate) fn at_server(&self) -> Evidence {
        let mut evidence = Evidence::default();
        evidence.add(self.server, &self.sockets.keys().copied().collect());
        evidence
    }

    /// Costs a look at every process of the machine.
    pub(crate) fn now(&self) -> Evidence {
        let members = generation_members(self.generation, &[self.server]).unwrap_or_default();
        let pids: Vec<u32> = members.iter().map(|(member, _)| member.pid).collect();
        let mut evidence = Evidence::default();
        let sockets = self.sockets.keys().copied().collect();
        for pid in &pids {
            evidence.add(*pid, &sockets);
        }
        evidence.awaited.extend(served(&members, &self.sockets, &evidence.awaited));
        evidence.unclear = &evidence.unclear - &evidence.awaited;
        if evidence.awaited.is_empty() {
            evidence.wrapper = wrapper(self.server, &pids);
        }
        evidence
    }
}

/// Of the sockets that nobody is seen to wait at, those of which a process has accepted a connection. The tables of the
/// network are not read: with many clients they take longer than everything else.
fn served(
    members: &[(Process, OwnedFd)],
    sockets: &BTreeMap<u64, Address>,
    awaited: &BTreeSet<u64>,
) -> Vec<u64> {
    let mut others: BTreeMap<&u64, &Address> =
        sockets.iter().filter(|(inode, _)| !awaited.contains(inode)).collect();
    let mut served = Vec::new();
    for (member, pidfd) in members {
        if others.is_empty() {
            break;
        }
        // One that may not be looked into shows nothing.
        let _ = find_in_sockets(*member, pidfd, |socket| {
            others.retain(|inode, address| {
                let is_served = is_accepted_at(&socket, address);
                served.extend(is_served.then_some(**inode));
                !is_served
            });
            others.is_empty().then_some(())
        });
    }
    served
}

/// Whether it is a connection whose own end is that of the address's listener.
fn is_accepted_at(socket: &OwnedFd, address: &Address) -> bool {
    let number = socket.as_raw_fd();
    let has_peer = getpeername::<SockaddrStorage>(number).is_ok();
    has_peer
        && match address {
            Address::Tcp(endpoint) => {
                inet_address_of(socket).is_some_and(|own| own.port() == endpoint.port())
            }
            Address::Unix(path) => {
                getsockname::<UnixAddr>(number).is_ok_and(|name| name.path() == Some(path.as_path()))
            }
            Address::Udp(_) | Address::Name(_) => false,
        }
}

impl Evidence {
    /// What one process shows; one that has ended shows nothing.
    fn add(&mut self, pid: u32, sockets: &BTreeSet<u64>) {
        match Descriptors::of(pid, sockets) {
            Ok(descriptors) => {
                let held: BTreeSet<u64> = descriptors.sockets.values().copied().collect();
                if descriptors.has_uring {
                    self.unclear.extend(&held);
                }
                self.awaited.extend(descriptors.in_epoll);
                if !held.is_subset(&self.awaited) {
                    self.awaited.extend(awaited_by_threads(pid, &descriptors.sockets));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => self.unclear.extend(sockets),
            Err(_) => {}
        }
    }
}

/// Of one process.
#[derive(Default)]
struct Descriptors {
    /// The inode number of each descriptor that is one of the sockets.
    sockets: BTreeMap<u64, u64>,
    /// Those of the sockets that are in an epoll set of it.
    in_epoll: BTreeSet<u64>,
    has_uring: bool,
}

impl Descriptors {
    fn of(pid: u32, sockets: &BTreeSet<u64>) -> io::Result<Descriptors> {
        let mut found = Descriptors::default();
        for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
            let entry = entry?;
            let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // What cannot be read was closed meanwhile.
            let Ok(link) = fs::read_link(entry.path()) else { continue };
            match Kind::of(&link) {
                Kind::Socket(inode) if sockets.contains(&inode) => drop(found.sockets.insert(number, inode)),
                Kind::Epoll => {
                    let text = fs::read_to_string(format!("/proc/{pid}/fdinfo/{number}")).unwrap_or_default();
                    found.in_epoll.extend(inodes_in_epoll(&text).filter(|inode| sockets.contains(inode)));
                }
                Kind::Uring => found.has_uring = true,
                Kind::Socket(_) | Kind::Other => {}
            }
        }
        Ok(found)
    }
}

/// What a link in `/proc/PID/fd` is to.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Socket(u64),
    Epoll,
    Uring,
    Other,
}

impl Kind {
    fn of(link: &Path) -> Kind {
        match link.as_os_str().as_bytes() {
            b"anon_inode:[eventpoll]" => Kind::Epoll,
            b"anon_inode:[io_uring]" => Kind::Uring,
            other => inode_of_socket(other).map_or(Kind::Other, Kind::Socket),
        }
    }
}

fn inode_of_socket(link: &[u8]) -> Option<u64> {
    std::str::from_utf8(link).ok()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// From `/proc/PID/fdinfo/FD` of an epoll descriptor: `tfd:  5 events: 19 data: 5 pos:0 ino:1b2f sdev:8`.
fn inodes_in_epoll(text: &str) -> impl Iterator<Item = u64> {
    let lines = text.lines().filter(|line| line.starts_with("tfd:"));
    lines.filter_map(|line| {
        let inode = line.split_ascii_whitespace().find_map(|word| word.strip_prefix("ino:"))?;
        u64::from_str_radix(inode, 16).ok()
    })
}

/// The sockets that threads of the process wait at; `sockets` has the inode number of each descriptor.
fn awaited_by_threads(pid: u32, sockets: &BTreeMap<u64, u64>) -> BTreeSet<u64> {
    let mut awaited = BTreeSet::new();
    for call in system_calls(pid) {
        let descriptors = call.awaited_descriptors(|at, bytes| {
            File::open(format!("/proc/{pid}/mem")).and_then(|memory| memory.read_exact_at(bytes, at))
        });
        awaited.extend(descriptors.iter().filter_map(|number| sockets.get(number)));
    }
    awaited
}

/// Whether a thread of the process is in accept(2) on this socket.
pub(crate) fn is_in_accept(pid: u32, inode: u64) -> bool {
    let Ok(descriptors) = Descriptors::of(pid, &BTreeSet::from([inode])) else { return false };
    let mut calls = system_calls(pid);
    calls.any(|call| call.is_accept() && descriptors.sockets.contains_key(&call.arguments[0]))
}

fn system_calls(pid: u32) -> impl Iterator<Item = SystemCall> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    threads.filter_map(|thread| {
        SystemCall::parse(&fs::read_to_string(thread.path().join("syscall")).unwrap_or_default())
    })
}

/// The system call that a thread is in.
#[derive(Debug, PartialEq, Eq)]
struct SystemCall {
    number: i64,
    arguments: [u64; 2],
}

impl SystemCall {
    /// `/proc/PID/task/TID/syscall` (proc_pid_syscall(5)); a thread that runs is in none.
    fn parse(text: &str) -> Option<SystemCall> {
        let mut words = text.split_ascii_whitespace();
        let number = words.next()?.parse().ok().filter(|number| *number >= 0)?;
        let mut argument = || u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok();
        Some(SystemCall { number, arguments: [argument()?, argument()?] })
    }

    fn is_accept(&self) -> bool {
        matches!(self.number, libc::SYS_accept | libc::SYS_accept4)
    }

    /// The descriptors of its own process that it waits for; `read` reads that one's memory.
    fn awaited_descriptors(&self, read: impl FnOnce(u64, &mut [u8]) -> io::Result<()>) -> BTreeSet<u64> {
        let [first, second] = self.arguments;
        let found = match self.call() {
            Call::OnDescriptor => Ok([first].into()),
            Call::Poll => polled(first, second, read),
            Call::Select => selected(first, second, read),
            Call::WaitForChild | Call::Other => Ok(BTreeSet::new()),
        };
        found.unwrap_or_default()
    }

    fn call(&self) -> Call {
        match self.number {
            libc::SYS_accept | libc::SYS_accept4 => Call::OnDescriptor,
            libc::SYS_recvfrom | libc::SYS_recvmsg | libc::SYS_recvmmsg => Call::OnDescriptor,
            libc::SYS_ppoll => Call::Poll,
            libc::SYS_pselect6 => Call::Select,
            libc::SYS_wait4 | libc::SYS_waitid => Call::WaitForChild,
            #[cfg(target_arch = "x86_64")]
            libc::SYS_poll => Call::Poll,
            #[cfg(target_arch = "x86_64")]
            libc::SYS_select => Call::Select,
            _ => Call::Other,
        }
    }
}

enum Call {
    /// The first argument is what it waits for.
    OnDescriptor,
    Poll,
    Select,
    WaitForChild,
    Other,
}

/// `struct pollfd` is a descriptor of four bytes and two shorts.
fn polled(
    at: u64,
    count: u64,
    read: impl FnOnce(u64, &mut [u8]) -> io::Result<()>,
) -> io::Result<BTreeSet<u64>> {
    let mut bytes = vec![0; usize::try_from(count.min(POLLED_MAX) * 8).unwrap_or_default()];
    read(at, &mut bytes)?;
    let numbers =
        bytes.chunks_exact(8).map(|entry| i32::from_ne_bytes([entry[0], entry[1], entry[2], entry[3]]));
    Ok(numbers.filter_map(|number| u64::try_from(number).ok()).collect())
}

/// A `fd_set` is words of bits; on a little-endian machine, bytes of bits as well.
fn selected(
    count: u64,
    at: u64,
    read: impl FnOnce(u64, &mut [u8]) -> io::Result<()>,
) -> io::Result<BTreeSet<u64>> {
    let count = count.min(POLLED_MAX);
    let mut bytes = vec![0; usize::try_from(count.div_ceil(64) * 8).unwrap_or_default()];
    read(at, &mut bytes)?;
    let is_set =
        |number: &u64| bytes[usize::try_from(number / 8).unwrap_or_default()] >> (number % 8) & 1 == 1;
    Ok((0..count).filter(is_set).collect())
}

/// If the server, and perhaps the process that it waits for, only wait: which one does not.
fn wrapper(server: u32, members: &[u32]) -> Option<Wrapper> {
    let mut inner = server;
    while waits_for_a_child(inner) {
        let is_child = |pid: &&u32| process::parent(**pid).is_ok_and(|parent| parent == inner);
        inner = members.iter().copied().filter(|pid| is_child(&pid)).min()?;
    }
    let name = |pid| process::name(pid).unwrap_or_else(|| "?".to_owned());
    (inner != server).then(|| Wrapper { name: name(server), child: inner, child_name: name(inner) })
}

/// A shell is in wait4(2); npm is a Node program, which waits otherwise.
fn waits_for_a_child(pid: u32) -> bool {
    let call = fs::read_to_string(format!("/proc/{pid}/syscall")).ok();
    let call = call.and_then(|text| SystemCall::parse(&text));
    matches!(call.map(|call| call.call()), Some(Call::WaitForChild))
        || process::name(pid).is_some_and(|name| name.starts_with("npm"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::{AsFd, AsRawFd, OwnedFd};
    use std::thread;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
    use nix::sys::select::{FdSet, select};

    use super::*;

    #[test]
    fn an_epoll_set_names_what_is_in_it() {
        let text = "pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t9\n\
                    tfd:        8 events:       19 data:                8  pos:0 ino:1b2f sdev:8\n\
                    tfd:        5 events:       19 data:                5  pos:0 ino:a sdev:8\n";
        assert_eq!(inodes_in_epoll(text).collect::<Vec<_>>(), [0x1b2f, 10]);
    }

    #[test]
    fn a_thread_that_runs_or_sleeps_elsewhere_is_in_no_system_call() {
        assert_eq!(SystemCall::parse("running\n"), None);
        assert_eq!(SystemCall::parse("-1 0x7ffe 0x7f00\n"), None);
        let call = SystemCall { number: 288, arguments: [3, 0x7ffe] };
        assert_eq!(SystemCall::parse("288 0x3 0x7ffe 0x0 0x0 0x0 0x0 0x7ff 0x7f0\n"), Some(call));
    }

    #[test]
    fn links_are_told_apart() {
        let kind = |link: &str| Kind::of(Path::new(link));
        assert_eq!(kind("socket:[4711]"), Kind::Socket(4711));
        assert_eq!(kind("anon_inode:[eventpoll]"), Kind::Epoll);
        assert_eq!(kind("anon_inode:[io_uring]"), Kind::Uring);
        assert_eq!(kind("/dev/null"), Kind::Other);
    }

    struct Listener(TcpListener);

    impl Listener {
        fn new() -> Listener {
            Listener(TcpListener::bind("127.0.0.1:0").expect("a free port"))
        }

        fn inode(&self) -> u64 {
            use std::os::unix::fs::MetadataExt;
            let file = File::from(OwnedFd::from(self.0.try_clone().expect("a descriptor")));
            file.metadata().expect("it is open").ino()
        }

        fn is_awaited(&self) -> bool {
            let mut evidence = Evidence::default();
            evidence.add(std::process::id(), &[self.inode()].into());
            evidence.awaited.contains(&self.inode())
        }

        /// It is awaited while a thread does this, and not when that is over.
        fn is_seen_while(&self, waits: impl FnOnce(&TcpListener) + Send) {
            assert!(!self.is_awaited(), "to have a listener open is not to listen");
            thread::scope(|scope| {
                let waiting = scope.spawn(|| waits(&self.0));
                while !self.is_awaited() {
                    assert!(!waiting.is_finished(), "it waited, and was not seen");
                    thread::yield_now();
                }
                drop(std::net::TcpStream::connect(self.0.local_addr().expect("bound")).expect("it listens"));
            });
            assert!(!self.is_awaited());
        }
    }

    #[test]
    fn a_connection_that_was_accepted_shows_that_somebody_serves() {
        let listener = Listener::new();
        let at = listener.0.local_addr().expect("bound");
        let address: Address = at.to_string().parse().expect("an address");
        let sockets = [(listener.inode(), address)].into();
        let own = Process::hold(std::process::id()).expect("readable").expect("it runs");
        let is_served =
            || served(std::slice::from_ref(&own), &sockets, &BTreeSet::new()) == [listener.inode()];
        let _client = std::net::TcpStream::connect(at).expect("it listens");
        assert!(!is_served());
        let _accepted = listener.0.accept().expect("it waits");
        assert!(is_served());
    }

    #[test]
    fn a_thread_in_accept_is_seen() {
        Listener::new().is_seen_while(|listener| drop(listener.accept().expect("a connection")));
    }

    #[test]
    fn a_thread_in_poll_is_seen() {
        Listener::new().is_seen_while(|listener| {
            let mut polled = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
            poll(&mut polled, PollTimeout::NONE).expect("a connection");
        });
    }

    #[test]
    fn a_thread_in_select_is_seen() {
        Listener::new().is_seen_while(|listener| {
            let mut set = FdSet::new();
            set.insert(listener.as_fd());
            select(listener.as_raw_fd() + 1, Some(&mut set), None, None, None).expect("a connection");
        });
    }

    #[test]
    fn a_listener_in_an_epoll_set_is_seen() {
        let listener = Listener::new();
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("made");
        assert!(!listener.is_awaited());
        epoll.add(&listener.0, EpollEvent::new(EpollFlags::EPOLLIN, 0)).expect("added");
        assert!(listener.is_awaited());
        epoll.delete(&listener.0).expect("deleted");
        assert!(!listener.is_awaited());
    }
}
