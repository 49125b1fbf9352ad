//! The driver on real sockets, against a scripted arbiter in a temporary directory.

mod scripted;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::time::Duration;
use std::{fs, io};

use scripted::*;
use serverswap::protocol::message::{FromArbiter, FromClient, Ping};
use serverswap::{Call, CallError, Code, ConnectTimeouts, Connection, Environment, Event, Refusal};

/// A connection that holds and serves a listener, and its link.
fn serving(directory: &Directory, arbiter: &Arbiter) -> (Connection, Link, TcpListener, serverswap::Address) {
    let mut connection = directory.connection();
    let (mut link, _, _) = link(arbiter, &mut connection);
    let (listener, _, address) = listener();
    connection.call(inherit(address.clone())).expect("free");
    link.receive();
    link.grant(2, &address, listener.try_clone().expect("a descriptor"));
    let Event::Granted { listener: Some(granted), .. } = event(&mut connection) else {
        panic!("granted with a listener");
    };
    connection.call(Call::Serving(address.clone())).expect("held");
    link.receive();
    (connection, link, granted.into(), address)
}

fn refusal(event: Event) -> Refusal {
    match event {
        Event::Refused { error, .. } => error,
        other @ (Event::Granted { .. }
        | Event::Waiting { .. }
        | Event::Takedown { .. }
        | Event::Error { .. }) => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_granted_listener_accepts() {
    let directory = Directory::new();
    let arbiter = directory.arbiter();
    let (_connection, _link, granted, address) = serving(&directory, &arbiter);
    let client = TcpStream::connect(address.to_string()).expect("it listens");
    wait_readable(&granted);
    let (_, peer) = granted.accept().expect("readable");
    assert_eq!(peer, client.local_addr().expect("connected"));
}

#[test]
fn an_idle_connection_is_not_readable() {
    let directory = Directory::new();
    let arbiter = directory.arbiter();
    let (connection, _link, _granted, _) = serving(&directory, &arbiter);
    assert!(!is_readable(&connection, Duration::ZERO));
}

#[test]
fn the_hello_to_the_next_arbiter_attaches_the_listener() {
    let directory = Directory::new();
    let arbiter = directory.arbiter();
    let (mut connection, old, _granted, address) = serving(&directory, &arbiter);
    drop((arbiter, old));
    drive(&mut connection);
    let arbiter = directory.arbiter();
    drive(&mut connection);
    let (_link, hello, mut fds) = link(&arbiter, &mut connection);
    assert!(hello.holding.iter().all(|held| held.address == address && held.serving));
    let (name, descriptor) = fds.remove(0);
    let listener = TcpListener::from(descriptor).local_addr().expect("bound");
    assert_eq!((name, listener.to_string()), (address.to_string(), address.to_string()));
}

#[test]
fn an_orphan_finds_the_next_arbiter_as_soon_as_it_binds() {
    let directory = Directory::new();
    let arbiter = directory.arbiter();
    let (mut connection, old, _granted, _) = serving(&directory, &arbiter);
    drop((arbiter, old));
    drive(&mut connection);
    // By no clock: until then it is left in peace for longer than a client without a watch would pause.
    assert!(!is_readable(&connection, Duration::from_millis(300)));
    let arbiter = directory.arbiter();
    drive(&mut connection);
    let _link = arbiter.accept();
}

#[test]
fn an_arbiter_that_was_bound_before_the_old_one_was_missed_is_found_without_a_watch() {
    let directory = Directory::new();
    let old_arbiter = directory.arbiter();
    let (mut connection, old, _granted, _) = serving(&directory, &old_arbiter);
    let arbiter = directory.arbiter();
    drop((old_arbiter, old));
    drive(&mut connection);
    let (_link, hello, _) = link(&arbiter, &mut connection);
    assert_eq!(hello.holding.len(), 1);
}

#[test]
fn other_files_of_the_directory_are_no_reason_to_connect() {
    let directory = Directory::new();
    let arbiter = directory.arbiter();
    let (mut connection, old, _granted, _) = serving(&directory, &arbiter);
    drop((arbiter, old));
    drive(&mut connection);
    let silent = UnixListener::bind(directory.path().join("other.sock")).expect("writable");
    silent.set_nonblocking(true).expect("a socket");
    fs::write(directory.path().join("state.json"), "{}").expect("writable");
    drive(&mut connection);
    assert_eq!(silent.accept().map(drop).map_err(|error| error.kind()), Err(io::ErrorKind::WouldBlock));
    assert!(!is_readable(&connection, Duration::ZERO));
}

#[test]
fn a_linked_server_is_not_woken_by_the_directory() {
    let directory = Directory::new();
    let mut connection = directory.connection();
    let arbiter = directory.arbiter();
    drive(&mut connection);
    let (_link, _, _) = link(&arbiter, &mut connection);
    fs::write(directory.path().join("state.json"), "{}").expect("writable");
    assert!(!is_readable(&connection, Duration::ZERO));
}

#[test]
fn a_directory_that_is_made_later_is_found_by_the_clock() {
    let parent = Directory::new();
    let socket = parent.path().join("run").join("serverswap.sock");
    let mut environment = parent.environment();
    environment.supervision = serverswap::Supervision::Supervised {
        socket: socket.clone(),
        generation: "7-9".parse().expect("valid"),
        abstract_socket: None,
        arbiter: None,
    };
    let mut connection = Connection::open(environment, client()).expect("there are descriptors");
    fs::create_dir(socket.parent().expect("it has one")).expect("writable");
    let listener = UnixListener::bind(&socket).expect("writable");
    drive(&mut connection);
    wait_readable(&listener);
}

#[test]
fn a_claim_without_an_arbiter_is_refused_when_patience_ends() {
    let directory = Directory::new();
    let short = Duration::from_millis(20);
    let timeouts = ConnectTimeouts { supervisor_lost: short, ..ConnectTimeouts::default() };
    let environment = Environment { timeouts, ..directory.environment() };
    let mut connection = Connection::open(environment, client()).expect("there are descriptors");
    connection.call(bind(address("a"))).expect("free");
    let refusal = refusal(event(&mut connection));
    assert_eq!(refusal.code, Code::SupervisorLost);
    assert!(refusal.message.contains("serverswap.sock"), "{}", refusal.message);
}

#[test]
fn a_claim_to_an_arbiter_that_does_not_greet_is_refused_with_its_process_id() {
    let directory = Directory::new();
    let _silent = directory.arbiter();
    let short = Duration::from_millis(20);
    let timeouts = ConnectTimeouts { arbiter_not_responding: short, ..ConnectTimeouts::default() };
    let environment = Environment { timeouts, ..directory.environment() };
    let mut connection = Connection::open(environment, client()).expect("there are descriptors");
    connection.call(bind(address("a"))).expect("free");
    let refusal = refusal(event(&mut connection));
    assert_eq!(refusal.code, Code::ArbiterNotResponding);
    assert!(refusal.message.contains(&format!("process id {}", std::process::id())), "{}", refusal.message);
}

#[test]
fn an_arbiter_that_dies_in_the_middle_of_a_line_is_one_that_ended() {
    let directory = Directory::new();
    let arbiter = directory.arbiter();
    let mut connection = directory.connection();
    let (_first, ..) = link(&arbiter, &mut connection);
    drop(_first);
    drive(&mut connection);
    let _second = arbiter.accept();
    let raw = UnixListener::bind(directory.path().join("raw")).expect("writable");
    fs::rename(directory.path().join("raw"), directory.socket()).expect("writable");
    drop((_second, arbiter));
    drive(&mut connection);
    let (mut stream, _) = raw.accept().expect("it connects again at once");
    stream.write_all(br#"{"type":"greet"#).expect("it reads");
    drop(stream);
    drive(&mut connection);
    assert_eq!(connection.next_event().map(|event| format!("{event:?}")), None);
    raw.accept().expect("it connects again at once");
}

#[test]
fn a_malformed_line_is_answered_and_the_link_is_left() {
    let directory = Directory::new();
    let raw = UnixListener::bind(directory.socket()).expect("writable");
    let mut connection = directory.connection();
    connection.call(bind(address("a"))).expect("free");
    let (mut stream, _) = raw.accept().expect("it has connected");
    stream.write_all(b"greetings!\n").expect("it reads");
    drive(&mut connection);
    let answer = io::read_to_string(&stream).expect("it hangs up");
    assert!(answer.contains(r#""code":"malformed_line""#) && answer.contains(r#""fatal":true"#), "{answer}");
    let events: Vec<Event> = std::iter::from_fn(|| connection.next_event()).collect();
    let [Event::Error { code: Code::MalformedLine, .. }, Event::Refused { .. }] = &events[..] else {
        panic!("{events:?}");
    };
}

#[test]
fn what_was_queued_before_a_ping_was_processed_when_its_pong_comes() {
    let directory = Directory::new();
    let arbiter = directory.arbiter();
    let (mut connection, mut link, _granted, address) = serving(&directory, &arbiter);
    connection.call(Call::Released(address.clone())).expect("held");
    assert_eq!(link.receive_text(), format!(r#"{{"type":"released","address":"{address}"}}"#));
    link.take_down(1, &address);
    link.send(&FromArbiter::Ping(Ping { id: 2 }));
    drive(&mut connection);
    assert_eq!(link.receive_text(), format!(r#"{{"type":"released","re":1,"address":"{address}"}}"#));
    assert_eq!(link.receive_text(), r#"{"type":"pong","re":2}"#);
}

#[test]
fn a_thousand_claims_are_all_sent() {
    let directory = Directory::new();
    let arbiter = directory.arbiter();
    let mut connection = directory.connection();
    let (mut link, _, _) = link(&arbiter, &mut connection);
    for number in 0..1_000 {
        connection.call(bind(address(&format!("worker-{number}")))).expect("free");
    }
    let mut received = 0;
    while received < 1_000 {
        let (FromClient::ReadyFor(claim), _) = link.receive() else { panic!("a claim") };
        assert_eq!(claim.id, received + 2);
        received += 1;
        connection.process().expect("this process made it");
    }
}

#[test]
fn a_released_listener_is_closed_when_the_server_has_closed_its_own() {
    let directory = Directory::new();
    let arbiter = directory.arbiter();
    let (mut connection, _link, granted, address) = serving(&directory, &arbiter);
    connection.call(Call::Released(address.clone())).expect("held");
    drop(granted);
    let refused = TcpStream::connect(address.to_string()).expect_err("nobody has it any more");
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn without_a_supervisor_an_inherited_listener_is_opened_here() {
    let address = free_address();
    let mut connection = Connection::open(Environment::alone(), client()).expect("there are descriptors");
    assert!(!connection.is_supervised());
    connection.call(inherit(address.clone())).expect("free");
    let Event::Granted { listener: Some(listener), .. } = event(&mut connection) else {
        panic!("granted with a listener");
    };
    let at = TcpListener::from(listener).local_addr().expect("bound");
    assert_eq!(at.to_string(), address.to_string());
}

#[test]
fn without_a_supervisor_an_address_that_is_taken_is_refused_with_its_owner() {
    let (_taken, _, address) = listener();
    let mut connection = Connection::open(Environment::alone(), client()).expect("there are descriptors");
    connection.call(inherit(address.clone())).expect("free");
    let refusal = refusal(event(&mut connection));
    assert_eq!(refusal.code, Code::AddressInUse);
    assert!(refusal.message.contains(&std::process::id().to_string()), "{}", refusal.message);
}

#[test]
fn an_event_that_a_call_brings_about_makes_the_connection_readable() {
    let mut connection = Connection::open(Environment::alone(), client()).expect("there are descriptors");
    connection.call(bind(address("a"))).expect("free");
    assert!(is_readable(&connection, PATIENCE));
    connection.process().expect("this process made it");
    assert!(connection.next_event().is_some());
    assert!(!is_readable(&connection, Duration::ZERO));
}

#[test]
fn a_call_at_the_wrong_time_is_an_error_and_changes_nothing() {
    let mut connection = Connection::open(Environment::alone(), client()).expect("there are descriptors");
    let a = address("a");
    assert_eq!(connection.call(Call::Serving(a.clone())), Err(CallError::NotHeld(a.clone())));
    assert_eq!(connection.call(Call::Released(a.clone())), Err(CallError::NotHeld(a.clone())));
    assert_eq!(connection.next_event().map(drop), None);
}
