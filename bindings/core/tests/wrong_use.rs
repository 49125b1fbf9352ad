//! What is used in a wrong way, or loses its supervisor in the middle of a call: a typed error, nothing else is
//! changed, and no descriptor is left behind. The tests run one after the other, because each counts the
//! descriptors of the process. What a forked child hears is in `forked.rs`.

mod scripted;

use std::fs;
use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use scripted::*;
use serverswap::protocol::message::{FromArbiter, FromClient, Granted};
use serverswap::{Address, CallError, Client, ClientError, Code, ConnectTimeouts, Environment};

/// Long enough to be seen waiting, short enough to wait for.
const IMPATIENCE: Duration = Duration::from_millis(50);

static ONE_AFTER_THE_OTHER: Mutex<()> = Mutex::new(());

/// Counts the descriptors of a test: when it is over there are as many as before.
struct Descriptors {
    before: usize,
    _turn: MutexGuard<'static, ()>,
}

impl Descriptors {
    fn counted() -> Self {
        let turn = ONE_AFTER_THE_OTHER.lock().unwrap_or_else(PoisonError::into_inner);
        Descriptors { before: open_descriptors(), _turn: turn }
    }

    /// A free address takes a descriptor, for as long as nobody else is to be given it.
    fn counted_with_address() -> (Self, Address) {
        let mut counted = Self::counted();
        let address = free_address();
        counted.before = open_descriptors();
        (counted, address)
    }
}

impl Drop for Descriptors {
    fn drop(&mut self) {
        if !thread::panicking() {
            assert_eq!(open_descriptors(), self.before, "a descriptor was left behind");
        }
    }
}

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("Linux").count()
}

fn alone() -> Client {
    Client::open(Environment::alone()).expect("there are descriptors")
}

fn call_error<T: std::fmt::Debug>(result: Result<T, ClientError>) -> CallError {
    match result {
        Err(ClientError::Call(error)) => error,
        other => panic!("not refused as a wrong use: {other:?}"),
    }
}

fn refusal<T: std::fmt::Debug>(result: Result<T, ClientError>) -> Code {
    match result {
        Err(ClientError::Refused { source, .. }) => source.code,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_text_that_names_no_address_says_what_to_write_instead() {
    for text in ["", ":", ":0", ":65536", "localhost:80", "unix:relative", "udp:", "two words", "-1"] {
        let error = text.parse::<Address>().expect_err(text);
        assert!(!error.to_string().is_empty(), "{text}");
    }
    let error = "localhost:80".parse::<Address>().expect_err("a name");
    assert!(error.to_string().contains("must be an IP address such as `127.0.0.1`"), "{error}");
}

#[test]
fn an_address_that_is_claimed_twice_is_held_once() {
    let (_counted, address) = Descriptors::counted_with_address();
    let client = alone();
    let listener = client.listen(&address).expect("free");
    assert_eq!(call_error(client.listen(&address)), CallError::AlreadyClaimed(address.clone()));
    assert_eq!(call_error(client.ready_for(&address)), CallError::AlreadyClaimed(address.clone()));
    listener.serving().expect("held");
    let connected = TcpStream::connect(address.to_string()).expect("the first one listens");
    assert!(listener.accept().expect("it accepts").is_some());
    drop(connected);
}

#[test]
fn words_about_an_address_that_is_not_held_say_so() {
    let _counted = Descriptors::counted();
    let (client, address) = (alone(), address("mailer"));
    let words = [
        client.serving(&address),
        client.released(&address),
        client.progress(&address, Some(1), None),
        client.takedown(&address).map(drop),
    ];
    for said in words {
        assert_eq!(call_error(said), CallError::NotHeld(address.clone()));
    }
}

#[test]
fn a_listener_that_was_released_serves_nothing_and_the_address_can_be_claimed_again() {
    let (_counted, address) = Descriptors::counted_with_address();
    let client = alone();
    client.listen(&address).expect("free").release().expect("held");
    assert_eq!(call_error(client.serving(&address)), CallError::NotHeld(address.clone()));
    client.listen(&address).expect("free again").release().expect("held");
}

#[test]
fn a_name_has_no_socket_to_inherit() {
    let _counted = Descriptors::counted();
    let name = address("mailer");
    assert_eq!(call_error(alone().listen(&name)), CallError::NotInheritable(name));
}

#[test]
fn after_fail_nothing_can_be_claimed_and_what_is_held_stays() {
    let (_counted, free) = Descriptors::counted_with_address();
    let client = alone();
    let listener = client.listen(&free).expect("free");
    client.fail("no database").expect("this process made it");
    client.fail("twice").expect("and it may be said again");
    assert_eq!(call_error(client.ready_for(&address("127.0.0.1:1"))), CallError::Failed);
    assert_eq!(call_error(client.listen(&address("127.0.0.1:1"))), CallError::Failed);
    client.server_up().expect("of no effect");
    drop(TcpStream::connect(free.to_string()).expect("it listens"));
    assert!(listener.accept().expect("it accepts").is_some());
}

#[test]
fn an_address_of_another_program_is_refused_with_its_owner() {
    let _counted = Descriptors::counted();
    let (_taken, _, address) = listener();
    let refused = alone().listen(&address);
    let text = refused.as_ref().err().map(ToString::to_string).unwrap_or_default();
    assert_eq!(refusal(refused), Code::AddressInUse);
    assert!(text.contains(&std::process::id().to_string()), "{text}");
}

/// A client in the middle of a claim, in a thread of its own.
fn claiming(directory: &Directory, timeouts: ConnectTimeouts) -> thread::JoinHandle<Result<(), ClientError>> {
    let client = Client::open(Environment { timeouts, ..directory.environment() });
    let client = client.expect("there are descriptors");
    thread::spawn(move || client.ready_for(&address("mailer")))
}

#[test]
fn a_supervisor_that_dies_in_the_middle_of_a_claim_ends_it_with_supervisor_lost() {
    let _counted = Descriptors::counted();
    let directory = Directory::new();
    let arbiter = directory.arbiter();
    let claim =
        claiming(&directory, ConnectTimeouts { supervisor_lost: IMPATIENCE, ..ConnectTimeouts::default() });
    let mut link = arbiter.accept();
    link.negotiate();
    link.receive();
    drop((link, arbiter));
    assert_eq!(refusal(claim.join().expect("it ends")), Code::SupervisorLost);
}

#[test]
fn a_supervisor_that_dies_in_the_middle_of_a_claim_is_followed_by_the_next_one() {
    let _counted = Descriptors::counted();
    let directory = Directory::new();
    let arbiter = directory.arbiter();
    let client = Client::open(directory.environment()).expect("there are descriptors");
    let claim = thread::spawn(move || client.ready_for(&address("mailer")));
    let mut link = arbiter.accept();
    link.negotiate();
    link.receive();
    drop((link, arbiter));
    let next = directory.arbiter();
    let mut link = next.accept();
    link.negotiate();
    let (FromClient::ReadyFor(again), _) = link.receive() else { panic!("it is not claimed again") };
    let granted = Granted { re: again.id, address: again.address, fds: vec![] };
    link.send(&FromArbiter::Granted(granted));
    claim.join().expect("it ends").expect("it is granted");
}

#[test]
fn a_supervisor_that_says_nothing_ends_a_claim_with_arbiter_not_responding() {
    let _counted = Descriptors::counted();
    let directory = Directory::new();
    let arbiter = directory.arbiter();
    let claim = claiming(
        &directory,
        ConnectTimeouts { arbiter_not_responding: IMPATIENCE, ..ConnectTimeouts::default() },
    );
    let link = arbiter.accept();
    assert_eq!(refusal(claim.join().expect("it ends")), Code::ArbiterNotResponding);
    drop(link);
}

#[test]
fn a_supervisor_that_dies_ends_no_accept_and_no_wait_for_a_takedown() {
    let _counted = Descriptors::counted();
    let directory = Directory::new();
    let arbiter = directory.arbiter();
    let (socket, _, address) = listener();
    let client = Client::open(directory.environment()).expect("there are descriptors");
    let claim = {
        let (client, address) = (client.clone(), address.clone());
        thread::spawn(move || client.listen(&address).expect("it is granted"))
    };
    let mut link = arbiter.accept();
    link.negotiate();
    link.receive();
    link.grant(2, &address, socket);
    let listener = claim.join().expect("it is granted");
    drop((link, arbiter));
    let accepting = thread::spawn(move || {
        let accepted = listener.accept().expect("it accepts").is_some();
        (accepted, listener.accept().expect("it is told").is_none(), listener)
    });
    drop(TcpStream::connect(address.to_string()).expect("it listens"));
    let next = directory.arbiter();
    let mut link = next.accept();
    link.greet();
    let (hello, fds) = link.receive_hello();
    assert_eq!((hello.holding.len(), fds.len()), (1, 1));
    link.welcome(&hello);
    link.take_down(1, &address);
    let (accepted, ended, listener) = accepting.join().expect("it ends");
    assert!(accepted && ended);
    drop(listener);
}
