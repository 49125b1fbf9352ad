//! Descriptors neither leak nor get lost. Every test counts those of the whole process, so
//! one runs at a time, and nothing else is in this file.

use std::fs;
use std::io::IoSlice;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};
use serverswap::protocol::message::{Code, FromArbiter, FromClient, Granted, LISTENER};
use serverswap::sys::channel::{Channel, Fill};
use serverswap::sys::listener::open;

type ClientEnd = Channel<FromArbiter, FromClient>;
type ArbiterEnd = Channel<FromClient, FromArbiter>;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs `work` alone and checks that it leaves as many descriptors as it found.
fn leaves_nothing_behind(work: impl FnOnce()) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let before = descriptors();
    work();
    assert_eq!(descriptors(), before);
}

fn descriptors() -> Vec<String> {
    let entries = fs::read_dir("/proc/self/fd").expect("mounted");
    let links = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let mut links: Vec<String> = links.map(|link| link.display().to_string()).collect();
    links.retain(|link| !link.starts_with("/proc/"));
    links.sort();
    links
}

fn with_bare_peer() -> (UnixStream, ClientEnd) {
    let (bare, client) = UnixStream::pair().expect("a socket pair");
    (bare, Channel::new(client.into()))
}

fn send_with_duplicates(socket: &UnixStream, line: &str, count: usize) {
    let numbers: Vec<RawFd> = vec![socket.as_raw_fd(); count];
    let iov = [IoSlice::new(line.as_bytes())];
    let rights = [ControlMessage::ScmRights(&numbers)];
    sendmsg::<UnixAddr>(socket.as_raw_fd(), &iov, &rights, MsgFlags::empty(), None).expect("room");
}

/// Runs `work` with room for `free` more descriptors.
fn with_room_for<T>(free: u64, work: impl FnOnce() -> T) -> T {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("readable");
    setrlimit(Resource::RLIMIT_NOFILE, lowest_free() + free, hard).expect("lowering is allowed");
    let result = work();
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).expect("back to what it was");
    result
}

/// Descriptors are given out from the lowest free number up.
fn lowest_free() -> u64 {
    let probe = tempfile::tempfile().expect("a temporary file");
    u64::try_from(probe.as_raw_fd()).expect("not negative")
}

#[test]
fn descriptors_of_lines_that_cannot_be_used_are_closed() {
    leaves_nothing_behind(|| {
        let lines = [
            ("{\"type\":\"ping\",\"id\":1}\n", 3),
            ("{\"type\":\"granted\",\"re\":1,\"address\":\":1\",\"fds\":[\"a\",\"b\"]}\n", 1),
            ("{\"type\":\"ofTheFuture\",\"fds\":[\"a\",\"b\"]}\n", 2),
            ("{\"type\":\"granted\",\"fds\":[\"a\",\"b\"]}\n", 2),
            ("not a line\n", 2),
            ("the beginning of one", 2),
        ];
        for (line, count) in lines {
            let (peer, mut client) = with_bare_peer();
            send_with_duplicates(&peer, line, count);
            assert_eq!(client.fill().expect("readable"), Fill::Data);
            while matches!(client.next(), Ok(Some(_))) {}
        }
    });
}

#[test]
fn descriptors_that_were_queued_and_never_sent_are_closed_with_the_channel() {
    leaves_nothing_behind(|| {
        let (arbiter, _client) = UnixStream::pair().expect("a socket pair");
        let mut arbiter = ArbiterEnd::new(arbiter.into());
        let address = ":8080".parse().expect("an address");
        let granted = FromArbiter::Granted(Granted { re: 1, address, fds: vec![LISTENER.to_owned()] });
        let listener: Arc<OwnedFd> = Arc::new(tempfile::tempfile().expect("a temporary file").into());
        (0..5_000).for_each(|_| arbiter.send(&granted, vec![Arc::clone(&listener)]));
        arbiter.flush().expect("what fits");
        assert!(arbiter.wants_write());
    });
}

#[test]
fn descriptors_lost_on_arrival_end_the_connection_and_the_rest_is_closed() {
    leaves_nothing_behind(|| {
        for free in [0, 1, 4] {
            let (peer, mut client) = with_bare_peer();
            let names: Vec<String> = (0..5).map(|number| format!("\"{number}\"")).collect();
            let line = format!("{{\"type\":\"event\",\"fds\":[{}]}}\n", names.join(","));
            send_with_duplicates(&peer, &line, 5);
            assert_eq!(with_room_for(free, || client.fill().expect("readable")), Fill::End, "{free}");
            let error = client.next().expect_err("descriptors were lost");
            assert_eq!((error.code(), error.is_fatal()), (Code::DescriptorMismatch, true), "{free}");
            assert!(client.next().expect("told").is_none());
        }
    });
}

#[test]
fn an_address_that_cannot_be_opened_for_want_of_descriptors_says_so() {
    leaves_nothing_behind(|| {
        let address = "127.0.0.1:1".parse().expect("an address");
        let error = with_room_for(0, || open(&address)).expect_err("no room");
        assert_eq!(error.code(), Code::Exhausted);
        assert_eq!(error.to_string(), "`127.0.0.1:1` could not be opened: Too many open files");
    });
}

#[test]
fn an_address_that_could_not_be_opened_leaves_no_descriptor() {
    leaves_nothing_behind(|| {
        for text in ["192.0.2.1:8080", "unix:/no/such/folder/app.sock", "mailer"] {
            open(&text.parse().expect("an address")).expect_err("not here");
        }
    });
}
