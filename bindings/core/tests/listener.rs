//! Making and recognising listeners: real sockets on free ports.
//!
//! No process is started in this file: a child that has not called exec yet would hold a
//! closed listener open.

mod scripted;

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, bind, socket};
use nix::unistd::{Gid, Uid, setfsgid, setfsuid};
use scripted::{address, open_free, wait_readable};
use serverswap::protocol::Address;
use serverswap::protocol::message::{Code, UnixSockets};
use serverswap::sys::listener::{
    OpenError, SocketOwner, is_in_use, is_listener_of, open, remove_stale, try_open,
};

fn unix_address(path: &Path) -> Address {
    Address::Unix(path.to_owned())
}

/// The owner that an address in use is said to have.
fn owner(error: OpenError) -> SocketOwner {
    let text = error.to_string();
    let OpenError::InUse { owner: Some(owner), .. } = error else {
        panic!("in use by somebody, not {error:?}");
    };
    assert!(text.contains(&format!("pid {}", owner.pid)), "{text}");
    owner
}

#[test]
fn a_port_of_every_interface_is_one_socket_for_ipv4_and_ipv6() {
    let (listener, _, port) = open_free(":PORT");
    let listener = TcpListener::from(listener);
    for host in ["127.0.0.1", "::1"] {
        let client = TcpStream::connect((host, port)).expect("it listens");
        wait_readable(&listener);
        let (_, from) = listener.accept().expect("the connection waits");
        assert_eq!(from.port(), client.local_addr().expect("connected").port());
    }
}

#[test]
fn a_listener_is_closed_on_exec_and_does_not_block() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let unix = open(&unix_address(&directory.path().join("app.sock"))).expect("a free path");
    for listener in [open_free(":PORT").0, open_free("udp::PORT").0, unix] {
        assert_eq!(fcntl(&listener, FcntlArg::F_GETFD), Ok(FdFlag::FD_CLOEXEC.bits()));
        let flags = fcntl(&listener, FcntlArg::F_GETFL).expect("open");
        assert!(OFlag::from_bits_retain(flags).contains(OFlag::O_NONBLOCK));
    }
}

#[test]
fn an_address_is_matched_by_its_own_listener_alone() {
    let templates = [
        ":PORT",
        "127.0.0.1:PORT",
        "0.0.0.0:PORT",
        "[::1]:PORT",
        "[::]:PORT",
        "udp::PORT",
        "udp:127.0.0.1:PORT",
    ];
    for made in templates {
        let (listener, _, port) = open_free(made);
        for asked in templates {
            let asked_address = address(&asked.replace("PORT", &port.to_string()));
            assert_eq!(
                is_listener_of(&listener, &asked_address),
                made == asked,
                "{made} is asked for {asked}"
            );
        }
    }
}

#[test]
fn what_does_not_listen_matches_nothing() {
    let (listener, address, port) = open_free("127.0.0.1:PORT");
    let client = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    wait_readable(&listener);
    let accepted = TcpListener::from(listener).accept().expect("the connection waits").0;
    assert!(!is_listener_of(&accepted, &address) && !is_listener_of(&client, &address));
    let file = tempfile::tempfile().expect("a temporary file");
    assert!(!is_listener_of(&file, &address));
    assert!(!is_listener_of(&accepted, &Address::Name("mailer".to_owned())));
}

#[test]
fn a_connected_datagram_socket_is_no_listener() {
    let (socket, address, port) = open_free("udp:127.0.0.1:PORT");
    assert!(is_listener_of(&socket, &address));
    let socket = UdpSocket::from(socket);
    socket.connect(("127.0.0.1", port)).expect("UDP connects to anybody");
    assert!(!is_listener_of(&socket, &address));
}

#[test]
fn a_port_whose_last_connections_linger_is_opened_again() {
    let (listener, address, port) = open_free("127.0.0.1:PORT");
    let client = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    let listener = TcpListener::from(listener);
    wait_readable(&listener);
    drop(listener.accept().expect("the connection waits")); // the server's side lingers
    drop((client, listener));
    open(&address).expect("TIME_WAIT is in nobody's way");
}

#[test]
fn an_address_in_use_names_the_process_that_has_it() {
    for template in [":PORT", "127.0.0.1:PORT", "[::1]:PORT", "udp::PORT", "udp:[::1]:PORT"] {
        let (_held, address, _) = open_free(template);
        let owner = owner(open(&address).expect_err("it is held"));
        assert_eq!((owner.pid, owner.started_by), (std::process::id(), None), "{template}");
    }
}

#[test]
fn a_unix_socket_has_the_mode_and_the_group_that_are_asked_for_whatever_the_umask_is() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let group = nix::unistd::getegid().as_raw();
    for mode in [0o666, 0o777, 0o600, 0] {
        let path = directory.path().join(format!("{mode}.sock"));
        let rights = UnixSockets { mode: Some(mode), gid: Some(group) };
        let _listener = try_open(&unix_address(&path), rights).expect("a free path");
        let file = fs::metadata(&path).expect("made");
        assert_eq!((file.permissions().mode() & 0o7777, file.gid()), (mode, group));
    }
}

#[test]
fn a_unix_socket_that_cannot_be_given_its_group_is_not_left_behind() {
    if Uid::effective().is_root() {
        return; // root may give a file to every group
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("app.sock");
    let rights = UnixSockets { mode: None, gid: Some(0) };
    let error = try_open(&unix_address(&path), rights).expect_err("we are not in that group");
    assert_eq!(error.code(), Code::AddressNotPermitted);
    assert!(!path.exists());
}

#[test]
fn an_address_is_in_use_while_somebody_listens_at_it_or_at_one_that_overlaps_it() {
    for (template, other) in
        [(":PORT", "127.0.0.1:PORT"), ("[::1]:PORT", ":PORT"), ("udp::PORT", "udp:[::1]:PORT")]
    {
        let (held, address, port) = open_free(template);
        let other = other.replace("PORT", &port.to_string()).parse().expect("an address");
        assert!(is_in_use(&address) && is_in_use(&other), "{template}");
        drop(held);
        assert!(!is_in_use(&address) && !is_in_use(&other), "{template}");
    }
}

#[test]
fn the_wildcard_is_in_the_way_of_one_interface_and_the_other_way_round() {
    for (held, wanted) in [(":PORT", "127.0.0.1:PORT"), ("[::1]:PORT", ":PORT"), ("0.0.0.0:PORT", ":PORT")] {
        let (_held, _, port) = open_free(held);
        let wanted = address(&wanted.replace("PORT", &port.to_string()));
        assert_eq!(owner(open(&wanted).expect_err("it is held")).pid, std::process::id(), "{held}");
    }
}

#[test]
fn a_unix_socket_is_opened_with_no_right_to_execute() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("app.sock");
    let listener = open(&unix_address(&path)).expect("a free path");
    UnixStream::connect(&path).expect("it listens");
    assert!(is_listener_of(&listener, &unix_address(&path)));
    assert!(!is_listener_of(&listener, &unix_address(&directory.path().join("other.sock"))));
    assert_eq!(fs::metadata(&path).expect("made").permissions().mode() & 0o711, 0o600);
}

#[test]
fn a_path_that_a_dead_process_left_behind_is_opened_again() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("app.sock");
    drop(UnixListener::bind(&path).expect("a free path"));
    let listener = open(&unix_address(&path)).expect("nobody listens there");
    drop(listener);
    assert!(remove_stale(&path).expect("writable"));
    assert!(!remove_stale(&path).expect("nothing there"));
}

#[test]
fn a_path_at_which_somebody_listens_is_left_as_it_is() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("app.sock");
    let _listener = UnixListener::bind(&path).expect("a free path");
    let owner = owner(open(&unix_address(&path)).expect_err("it is held"));
    assert_eq!(owner.pid, std::process::id());
    assert!(!remove_stale(&path).expect("readable"));
    UnixStream::connect(&path).expect("it still listens");
}

#[test]
fn a_socket_that_is_about_to_listen_is_not_taken_for_a_dead_one() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("app.sock");
    let early =
        socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).expect("a socket");
    bind(early.as_raw_fd(), &UnixAddr::new(&path).expect("short")).expect("a free path");
    assert_eq!(owner(open(&unix_address(&path)).expect_err("it is held")).pid, std::process::id());
    assert!(fs::symlink_metadata(&path).expect("still there").file_type().is_socket());
}

#[test]
fn a_file_that_is_not_a_socket_is_left_as_it_is() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("app.sock");
    fs::File::create(&path).and_then(|mut file| file.write_all(b"mine")).expect("writable");
    let error = open(&unix_address(&path)).expect_err("there is a file");
    assert_eq!(error.code(), Code::AddressInUse);
    let expected = format!(
        "`unix:{}` is a file that is not a socket, and serverswap does not remove it",
        path.display()
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(fs::read(&path).expect("still there"), b"mine");
}

#[test]
fn what_this_machine_does_not_have_is_not_available() {
    let cases = [
        ("192.0.2.1:8080", "Cannot assign requested address"),
        ("unix:/no/such/folder/app.sock", "No such file or directory"),
    ];
    for (text, reason) in cases {
        let error = open(&address(text)).expect_err("not here");
        assert_eq!(error.code(), Code::AddressNotAvailable);
        assert_eq!(error.to_string(), format!("`{text}` cannot be opened on this machine: {reason}"));
    }
}

#[test]
fn a_folder_that_is_not_writable_is_not_permitted() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o555)).expect("ours");
    setfsgid(Gid::from_raw(65_534));
    setfsuid(Uid::from_raw(65_534)); // of this thread alone; without effect unless we are root
    let opened = open(&unix_address(&directory.path().join("app.sock")));
    setfsuid(Uid::effective());
    setfsgid(Gid::effective());
    let error = opened.expect_err("not writable");
    assert_eq!(error.code(), Code::AddressNotPermitted);
    assert!(error.to_string().ends_with("may not be opened by this user: Permission denied"), "{error}");
}

#[test]
fn a_name_has_no_socket() {
    let error = open(&address("mailer")).expect_err("no socket");
    assert_eq!(error.code(), Code::NotInheritable);
    assert_eq!(error.to_string(), "`mailer` is a name without a socket and cannot be inherited");
}
