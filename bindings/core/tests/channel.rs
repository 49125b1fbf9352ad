//! Both ends in one test: two channels, or a channel and a bare socket that sends what it
//! likes, how it likes. A descriptor is recognised by the inode of its file.
//!
//! No process is started in this file: a child that has not called exec yet would hold the
//! other end open.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};
use serverswap::protocol::line::{Decoded, encode};
use serverswap::protocol::message::{
    Code, FromArbiter, FromClient, Granted, HoldingMore, LISTENER, Message, Ping,
};
use serverswap::sys::channel::{Channel, Fill, ReceiveError, connect};

type ClientEnd = Channel<FromArbiter, FromClient>;
type ArbiterEnd = Channel<FromClient, FromArbiter>;

/// What arrived: a message in brief, and the inodes of its descriptors.
type Arrived = (String, Vec<u64>);

fn pair() -> (ArbiterEnd, ClientEnd) {
    let (arbiter, client) = UnixStream::pair().expect("a socket pair");
    (Channel::new(arbiter.into()), Channel::new(client.into()))
}

fn with_bare_peer() -> (UnixStream, ClientEnd) {
    let (bare, client) = UnixStream::pair().expect("a socket pair");
    (bare, Channel::new(client.into()))
}

fn file() -> Arc<OwnedFd> {
    Arc::new(tempfile::tempfile().expect("a temporary file").into())
}

fn inode(fd: &OwnedFd) -> u64 {
    File::from(fd.try_clone().expect("a duplicate")).metadata().expect("a file").ino()
}

fn ping(id: u64) -> FromArbiter {
    FromArbiter::Ping(Ping { id })
}

fn granted(re: u64) -> FromArbiter {
    let address = ":8080".parse().expect("an address");
    FromArbiter::Granted(Granted { re, address, fds: vec![LISTENER.to_owned()] })
}

fn holding(count: usize) -> FromClient {
    let fds = (0..count).map(|number| format!(":{}", number + 1)).collect();
    FromClient::Holding(HoldingMore { holding: Vec::new(), more: false, fds })
}

fn send_bare(socket: &UnixStream, bytes: &[u8], fds: &[Arc<OwnedFd>]) {
    let numbers: Vec<RawFd> = fds.iter().map(|fd| fd.as_raw_fd()).collect();
    let rights = [ControlMessage::ScmRights(&numbers)];
    let control = if fds.is_empty() { &[][..] } else { &rights[..] };
    let iov = [IoSlice::new(bytes)];
    let sent = sendmsg::<UnixAddr>(socket.as_raw_fd(), &iov, control, MsgFlags::empty(), None);
    assert_eq!(sent, Ok(bytes.len()));
}

/// Everything that has arrived whole.
fn arrived<In: Message + std::fmt::Debug, Out: Message>(channel: &mut Channel<In, Out>) -> Vec<Arrived> {
    let mut all = Vec::new();
    while let Some(decoded) = channel.next().expect("a good line") {
        let Decoded::Message { message, fds } = decoded else {
            panic!("a known message, not {decoded:?}");
        };
        let name = format!("{message:?}");
        let name = name.split(['(', ' ']).next().unwrap_or_default().to_owned();
        all.push((name, fds.iter().map(|(_, fd)| inode(fd)).collect()));
    }
    all
}

fn fill_and_take<In: Message + std::fmt::Debug, Out: Message>(
    channel: &mut Channel<In, Out>,
) -> Vec<Arrived> {
    assert_eq!(channel.fill().expect("readable"), Fill::Data);
    arrived(channel)
}

fn failure(channel: &mut ClientEnd) -> ReceiveError {
    channel.next().expect_err("it is not a good line")
}

#[test]
fn descriptors_arrive_with_their_own_line_when_lines_are_read_together() {
    let (mut arbiter, mut client) = pair();
    let listener = file();
    arbiter.send(&ping(1), Vec::new());
    arbiter.send(&granted(1), vec![Arc::clone(&listener)]);
    arbiter.send(&ping(2), Vec::new());
    arbiter.flush().expect("room for three lines");
    let expected = [
        ("Ping".to_owned(), vec![]),
        ("Granted".to_owned(), vec![inode(&listener)]),
        ("Ping".to_owned(), vec![]),
    ];
    let mut all = Vec::new();
    while client.fill().expect("readable") == Fill::Data {
        all.extend(arrived(&mut client));
    }
    assert_eq!(all, expected);
}

#[test]
fn lines_without_descriptors_are_sent_as_one() {
    let (mut arbiter, mut client) = pair();
    (1..=100).for_each(|id| arbiter.send(&ping(id), Vec::new()));
    arbiter.flush().expect("room for a hundred lines");
    assert_eq!(fill_and_take(&mut client).len(), 100);
    assert_eq!(client.fill().expect("readable"), Fill::WouldBlock);
}

#[test]
fn a_line_split_at_any_byte_is_one_line_with_its_descriptor() {
    let bytes = encode(&granted(1));
    for split in 1..bytes.len() {
        let (peer, mut client) = with_bare_peer();
        let listener = file();
        send_bare(&peer, &bytes[..split], &[Arc::clone(&listener)]);
        assert_eq!(fill_and_take(&mut client), [], "split at {split}");
        send_bare(&peer, &bytes[split..], &[]);
        let expected = [("Granted".to_owned(), vec![inode(&listener)])];
        assert_eq!(fill_and_take(&mut client), expected, "split at {split}");
    }
}

#[test]
fn a_message_with_as_many_descriptors_as_the_kernel_passes_at_once_arrives_whole() {
    let (peer, arbiter) = UnixStream::pair().expect("a socket pair");
    let mut arbiter = ArbiterEnd::new(arbiter.into());
    let fds: Vec<Arc<OwnedFd>> = (0..253).map(|_| file()).collect();
    let lines = [encode(&holding(128)), encode(&holding(125))].concat();
    send_bare(&peer, &lines, &fds);
    let inodes: Vec<u64> = fds.iter().map(|fd| inode(fd)).collect();
    let expected =
        [("Holding".to_owned(), inodes[..128].to_vec()), ("Holding".to_owned(), inodes[128..].to_vec())];
    assert_eq!(fill_and_take(&mut arbiter), expected);
}

#[test]
fn a_received_descriptor_is_closed_on_exec() {
    let (mut arbiter, mut client) = pair();
    arbiter.send(&granted(1), vec![file()]);
    arbiter.flush().expect("room for one line");
    client.fill().expect("readable");
    let Ok(Some(Decoded::Message { fds, .. })) = client.next() else {
        panic!("a good line");
    };
    assert_eq!(fcntl(&fds[0].1, FcntlArg::F_GETFD), Ok(FdFlag::FD_CLOEXEC.bits()));
}

#[test]
fn more_or_fewer_descriptors_than_named_end_the_connection() {
    for count in [0, 2] {
        let (peer, mut client) = with_bare_peer();
        let fds: Vec<Arc<OwnedFd>> = (0..count).map(|_| file()).collect();
        send_bare(&peer, &encode(&granted(1)), &fds);
        assert_eq!(client.fill().expect("readable"), Fill::Data);
        let error = failure(&mut client);
        assert_eq!((error.code(), error.is_fatal()), (Code::DescriptorMismatch, true), "{count}");
        send_bare(&peer, &encode(&ping(1)), &[]);
        assert_eq!(client.fill().expect("closed"), Fill::End);
        assert!(client.next().expect("nothing more is received").is_none());
    }
}

#[test]
fn a_request_that_cannot_be_answered_is_fatal_and_one_that_can_is_not() {
    let (peer, mut client) = with_bare_peer();
    send_bare(&peer, b"{\"type\":\"ping\",\"id\":1,\"id\":2}\n", &[]);
    client.fill().expect("readable");
    assert!(failure(&mut client).is_fatal());

    let (peer, arbiter) = UnixStream::pair().expect("a socket pair");
    let mut arbiter = ArbiterEnd::new(arbiter.into());
    let bad = b"{\"type\":\"readyFor\",\"id\":7,\"address\":\"localhost:1\",\"socket\":\"bind\"}\n";
    send_bare(&peer, bad, &[]);
    send_bare(&peer, b"{\"type\":\"ping\",\"id\":8}\n", &[]);
    arbiter.fill().expect("readable");
    let error = arbiter.next().expect_err("not an address");
    assert_eq!((error.code(), error.re(), error.is_fatal()), (Code::InvalidAddress, Some(7), false));
    assert_eq!(arrived(&mut arbiter).len(), 1);
}

#[test]
fn what_was_sent_before_the_end_is_received_with_its_descriptor() {
    let (mut arbiter, mut client) = pair();
    let listener = file();
    arbiter.send(&granted(1), vec![Arc::clone(&listener)]);
    arbiter.flush().expect("room for one line");
    drop(arbiter);
    assert_eq!(fill_and_take(&mut client), [("Granted".to_owned(), vec![inode(&listener)])]);
    assert_eq!(client.fill().expect("readable"), Fill::End);
    assert!(client.next().expect("ended between two lines").is_none());
}

#[test]
fn whole_lines_that_are_buffered_at_the_end_are_still_delivered() {
    let (mut arbiter, mut client) = pair();
    arbiter.send(&ping(1), Vec::new());
    arbiter.send(&ping(2), Vec::new());
    arbiter.flush().expect("room for two lines");
    drop(arbiter);
    assert_eq!(client.fill().expect("readable"), Fill::Data);
    assert_eq!(client.fill().expect("readable"), Fill::End);
    assert_eq!(arrived(&mut client).len(), 2);
}

#[test]
fn an_end_in_the_middle_of_a_line_is_reported_once() {
    let (mut peer, mut client) = with_bare_peer();
    peer.write_all(b"{\"type\":").expect("room");
    drop(peer);
    assert_eq!(client.fill().expect("readable"), Fill::Data);
    assert!(client.next().expect("not whole yet").is_none());
    assert_eq!(client.fill().expect("readable"), Fill::End);
    assert_eq!(failure(&mut client).code(), Code::MalformedLine);
    assert!(client.next().expect("told").is_none());
}

#[test]
fn a_peer_that_leaves_our_words_unread_has_ended_and_its_own_words_are_received() {
    let (mut arbiter, mut client) = pair();
    client.send(&FromClient::Ping(Ping { id: 1 }), Vec::new());
    client.flush().expect("room for one line");
    arbiter.send(&ping(1), Vec::new());
    arbiter.flush().expect("room for one line");
    drop(arbiter);
    client.send(&FromClient::Ping(Ping { id: 2 }), Vec::new());
    assert_eq!(client.flush().expect_err("nobody reads").kind(), io::ErrorKind::BrokenPipe);
    assert!(!client.wants_write());
    assert_eq!(fill_and_take(&mut client).len(), 1);
    assert_eq!(client.fill().expect("a reset is an end"), Fill::End);
}

#[test]
fn a_full_socket_keeps_the_rest_queued_and_every_descriptor_with_its_line() {
    const LINES: usize = 4_000;
    let (mut arbiter, mut client) = pair();
    let files = [file(), file(), file()];
    let mut expected = Vec::new();
    for number in 0..LINES {
        let sent = Arc::clone(&files[number % 3]);
        expected.push(("Granted".to_owned(), vec![inode(&sent)]));
        arbiter.send(&granted(1), vec![sent]);
        expected.push(("Ping".to_owned(), vec![]));
        arbiter.send(&ping(1), Vec::new());
    }
    arbiter.flush().expect("what fits");
    assert!(arbiter.wants_write());
    let mut all = Vec::new();
    while all.len() < expected.len() {
        all.extend(fill_and_take(&mut client));
        let queued = arbiter.queued_bytes();
        arbiter.flush().expect("what fits");
        assert!(arbiter.queued_bytes() <= queued);
    }
    assert_eq!(all, expected);
    assert_eq!((arbiter.queued_bytes(), client.fill().expect("open")), (0, Fill::WouldBlock));
    assert!(files.iter().all(|file| Arc::strong_count(file) == 1), "sent descriptors are let go of");
}

#[test]
fn a_line_longer_than_the_socket_buffer_continues_without_its_descriptors() {
    let (mut arbiter, mut client) = pair();
    nix::sys::socket::setsockopt(&arbiter, nix::sys::socket::sockopt::SndBuf, &4_096).expect("settable");
    let listener = file();
    (1..=2_000).for_each(|id| arbiter.send(&ping(id), Vec::new()));
    arbiter.send(&granted(1), vec![Arc::clone(&listener)]);
    (1..=2_000).for_each(|id| arbiter.send(&ping(id), Vec::new()));
    let mut all = Vec::new();
    while all.len() < 4_001 {
        arbiter.flush().expect("what fits");
        all.extend(fill_and_take(&mut client));
    }
    let with_descriptors: Vec<&Arrived> = all.iter().filter(|(_, inodes)| !inodes.is_empty()).collect();
    assert_eq!(with_descriptors, [&("Granted".to_owned(), vec![inode(&listener)])]);
}

#[test]
fn connecting_to_nobody_says_whether_the_path_exists() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("serverswap.sock");
    let kind = |path| connect(path).map_err(|error| error.kind()).map(drop);
    assert_eq!(kind(&path), Err(io::ErrorKind::NotFound));
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("a free path");
    assert_eq!(kind(&path), Ok(()));
    drop(listener);
    assert_eq!(kind(&path), Err(io::ErrorKind::ConnectionRefused));
}
