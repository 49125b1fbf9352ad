//! Listeners that another process has: found, named and fetched.

mod scripted;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::unistd::{Gid, Uid, setfsgid, setfsuid};
use scripted::{open_free, wait_readable};
use serverswap::protocol::Address;
use serverswap::sys::listener::{OpenError, StartedBy, addresses_of, duplicate, is_listener_of, open};
use serverswap::sys::process::{Process, pidfd_open};

/// Listens at what it is told, says where, and ends when its standard input is closed.
const SERVER: &str = "
import socket, sys
if sys.argv[1] == 'unix':
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[2])
else:
    listener = socket.socket()
    listener.bind((sys.argv[2], 0))
noise = socket.socketpair()
listener.listen()
name = listener.getsockname()
print(name if sys.argv[1] == 'unix' else ':'.join(map(str, name)), flush=True)
sys.stdin.read()
";

struct Server {
    child: Child,
    address: Address,
}

impl Server {
    fn start(kind: &str, at: &str) -> Server {
        let mut command = Command::new("python3");
        command.args(["-c", SERVER, kind, at]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child =
            command.env("SERVERSWAP_DIR", "/x").env("SERVERSWAP_GENERATION", "5-6").spawn().expect("python3");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("a line");
        let prefix = if kind == "unix" { "unix:" } else { "" };
        let address = format!("{prefix}{}", line.trim_end()).parse().expect("an address");
        Server { child, address }
    }

    fn process(&self) -> Process {
        Process::of(self.child.id()).expect("it lives")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[test]
fn the_listeners_of_a_process_are_reported_and_no_other_socket_of_it() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("app.sock");
    for (kind, at) in [("inet", "127.0.0.1"), ("unix", path.to_str().expect("UTF-8"))] {
        let server = Server::start(kind, at);
        let pidfd = server.process().pidfd().expect("readable").expect("it lives");
        let found = addresses_of(server.process(), &pidfd).expect("ours to look at");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), std::slice::from_ref(&server.address));
    }
}

#[test]
fn the_listener_of_an_address_in_every_form_is_reported_as_that_address() {
    let this = Process::current().expect("readable");
    let pidfd = this.pidfd().expect("readable").expect("it lives");
    for form in [":PORT", "127.0.0.1:PORT", "[::1]:PORT", "udp::PORT", "udp:127.0.0.1:PORT"] {
        let (_listener, address, _) = open_free(form);
        assert!(addresses_of(this, &pidfd).expect("readable").contains(&address), "{address}");
    }
}

#[test]
fn an_address_in_use_names_the_program_and_its_serverswap_directory() {
    let server = Server::start("inet", "127.0.0.1");
    let error = open(&server.address).expect_err("it is held");
    let expected = format!(
        "`{}` is held by pid {} (`python3`), which serverswap started in another runtime directory: `--dir /x` is \
         the option for it",
        server.address,
        server.child.id()
    );
    assert_eq!(error.to_string(), expected);
    let OpenError::InUse { owner: Some(owner), .. } = error else {
        panic!("in use by somebody, not {error:?}");
    };
    let generation = "5-6".parse().expect("a generation");
    assert_eq!(owner.started_by, Some(StartedBy { directory: PathBuf::from("/x"), generation }));
}

#[test]
fn a_fetched_listener_is_the_same_one() {
    let server = Server::start("inet", "127.0.0.1");
    let pidfd = pidfd_open(server.child.id()).expect("it lives");
    let fetched =
        duplicate(server.process(), &pidfd, &server.address).expect("permitted").expect("it has it");
    assert!(is_listener_of(&fetched, &server.address));
    let mut client = TcpStream::connect(server.address.to_string()).expect("it listens");
    client.write_all(b"hello").expect("connected");
    wait_readable(&fetched);
    let (_, from) = TcpListener::from(fetched).accept().expect("the connection waits");
    assert_eq!(from, client.local_addr().expect("connected"));
}

#[test]
fn a_fetched_unix_listener_outlives_the_process() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("app.sock");
    let server = Server::start("unix", path.to_str().expect("UTF-8"));
    let pidfd = pidfd_open(server.child.id()).expect("it lives");
    let address = server.address.clone();
    let fetched = duplicate(server.process(), &pidfd, &address).expect("permitted").expect("it has it");
    drop(server);
    UnixStream::connect(&path).expect("our duplicate listens");
    assert!(is_listener_of(&fetched, &address));
}

#[test]
fn nothing_is_fetched_from_a_process_without_the_listener_or_from_one_that_is_gone() {
    let server = Server::start("inet", "127.0.0.1");
    let (process, address) = (server.process(), server.address.clone());
    let pidfd = pidfd_open(server.child.id()).expect("it lives");
    let other: Address = "127.0.0.1:1".parse().expect("an address");
    assert!(duplicate(process, &pidfd, &other).expect("permitted").is_none());
    drop(server);
    assert!(duplicate(process, &pidfd, &address).expect("gone").is_none());
}

#[test]
fn a_process_that_we_may_not_inspect_is_distinguished_from_one_without_the_listener() {
    let init = Process::of(1).expect("there is always a first process");
    let pidfd = pidfd_open(1).expect("anybody may watch it");
    let address: Address = "127.0.0.1:1".parse().expect("an address");
    setfsgid(Gid::from_raw(65_534));
    setfsuid(Uid::from_raw(65_534)); // of this thread alone; without effect unless we are root
    let fetched = duplicate(init, &pidfd, &address);
    setfsuid(Uid::effective());
    setfsgid(Gid::effective());
    assert_eq!(fetched.expect_err("not permitted").kind(), std::io::ErrorKind::PermissionDenied);
}
