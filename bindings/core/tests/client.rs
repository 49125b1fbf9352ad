//! The blocking client on real sockets: the server's threads on one side, a scripted arbiter
//! on the other.

mod scripted;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Instant;

use scripted::*;
use serverswap::protocol::message::{FromArbiter, Granted};
use serverswap::{Address, CallError, Client, ClientError, Code, Drain, Environment, Listener};

/// A client that holds a listener, and its link.
fn listening(directory: &Directory) -> (Client, Listener, Address, Link) {
    let arbiter = directory.arbiter();
    let (listener, _, address) = listener();
    let client = Client::open(directory.environment()).expect("there are descriptors");
    let claimant = {
        let (client, address) = (client.clone(), address.clone());
        thread::spawn(move || client.listen(&address).expect("it is granted"))
    };
    let mut link = arbiter.accept();
    link.negotiate();
    link.receive();
    link.grant(2, &address, listener);
    (client, claimant.join().expect("it is granted"), address, link)
}

#[test]
fn a_server_of_three_threads_serves_until_its_takedown_and_drains() {
    let directory = Directory::new();
    let (_client, listener, address, mut link) = listening(&directory);
    listener.serving().expect("held");
    assert_eq!(link.receive_text(), format!(r#"{{"type":"onTakedown","address":"{address}"}}"#));
    assert_eq!(link.receive_text(), format!(r#"{{"type":"serving","address":"{address}"}}"#));
    let drain = Drain::new();
    let (deadline, served) = thread::scope(|scope| {
        let servers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut served = 0;
                    while let Some(mut stream) = listener.accept().expect("it accepts") {
                        let _open = drain.open();
                        let mut byte = [0];
                        stream.read_exact(&mut byte).expect("the client writes one");
                        stream.write_all(&byte).expect("the client reads");
                        served += 1;
                    }
                    served
                })
            })
            .collect();
        for byte in 0..20 {
            let mut client = TcpStream::connect(address.to_string()).expect("it listens");
            client.write_all(&[byte]).expect("it reads");
            let mut echo = [0];
            client.read_exact(&mut echo).expect("it answers");
            assert_eq!(echo, [byte]);
        }
        link.take_down(1, &address);
        let served: i32 = servers.into_iter().map(|server| server.join().expect("it ends")).sum();
        (Instant::now() + PATIENCE, served)
    });
    let until = listener.release().expect("held").expect("it was taken");
    assert_eq!(link.receive_text(), format!(r#"{{"type":"released","re":1,"address":"{address}"}}"#));
    assert_eq!((served, drain.wait(Some(until))), (20, 0));
    assert!(until > Instant::now() && until > deadline - PATIENCE);
}

#[test]
fn the_takedown_of_an_address_is_waited_for_by_name() {
    let directory = Directory::new();
    let (client, _listener, address, mut link) = listening(&directory);
    let waiting = {
        let (client, address) = (client.clone(), address.clone());
        thread::spawn(move || client.takedown(&address).expect("it is held"))
    };
    assert_eq!(link.receive_text(), format!(r#"{{"type":"onTakedown","address":"{address}"}}"#));
    link.take_down(1, &address);
    waiting.join().expect("it is told").released().expect("held");
    assert_eq!(link.receive_text(), format!(r#"{{"type":"released","re":1,"address":"{address}"}}"#));
    let again = client.takedown(&address);
    assert!(matches!(again, Err(ClientError::Call(CallError::NotHeld(_)))), "{again:?}");
}

#[test]
fn whoever_waits_for_any_takedown_handles_those_of_addresses_that_are_claimed_later() {
    let directory = Directory::new();
    let arbiter = directory.arbiter();
    let client = Client::open(directory.environment()).expect("there are descriptors");
    let waiting = {
        let client = client.clone();
        thread::spawn(move || client.wait_takedown().expect("one comes").address().clone())
    };
    let mut link = arbiter.accept();
    link.negotiate();
    let claiming = thread::spawn(move || client.ready_for(&address("mailer")).expect("it is granted"));
    link.receive();
    let granted = Granted { re: 2, address: address("mailer"), fds: vec![] };
    link.send(&FromArbiter::Granted(granted));
    assert_eq!(link.receive_text(), r#"{"type":"onTakedown","address":"mailer"}"#);
    claiming.join().expect("it is granted");
    link.take_down(1, &address("mailer"));
    assert_eq!(waiting.join().expect("it is told"), address("mailer"));
}

#[test]
fn a_claim_that_one_thread_waits_for_is_withdrawn_by_another() {
    let directory = Directory::new();
    let arbiter = directory.arbiter();
    let client = Client::open(directory.environment()).expect("there are descriptors");
    let claiming = {
        let client = client.clone();
        thread::spawn(move || client.ready_for(&address("mailer")))
    };
    let mut link = arbiter.accept();
    link.negotiate();
    link.receive();
    client.released(&address("mailer")).expect("claimed");
    match claiming.join().expect("it ends") {
        Err(ClientError::Refused { source, .. }) => assert_eq!(source.code, Code::Withdrawn),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_fail_that_is_the_first_call_of_a_server_is_sent() {
    let directory = Directory::new();
    let arbiter = directory.arbiter();
    let client = Client::open(directory.environment()).expect("there are descriptors");
    let failing = thread::spawn(move || {
        client.fail("no database").expect("this process made it");
        drop(client);
    });
    let mut link = arbiter.accept();
    link.negotiate();
    failing.join().expect("it ends");
    assert_eq!(link.receive_text(), r#"{"type":"fail","reason":"no database"}"#);
}

#[test]
fn a_server_that_finishes_its_connections_reports_them_and_connects_to_the_next_arbiter() {
    let directory = Directory::new();
    let (client, listener, address, mut link) = listening(&directory);
    listener.serving().expect("held");
    link.receive();
    link.receive();
    let drain = Drain::new();
    let (first, second) = (drain.open(), drain.open());
    link.take_down(1, &address);
    while listener.accept().expect("it accepts").is_some() {}
    let finishing = thread::spawn(move || listener.finish(&drain).expect("held"));
    assert_eq!(link.receive_text(), format!(r#"{{"type":"released","re":1,"address":"{address}"}}"#));
    assert_eq!(link.receive_text(), r#"{"type":"progress","re":1,"connections":2}"#);
    drop(first);
    assert_eq!(link.receive_text(), r#"{"type":"progress","re":1,"connections":1}"#);
    drop(link);
    let mut link = directory.arbiter().accept();
    link.greet();
    let (hello, _) = link.receive_hello();
    assert_eq!((hello.holding.len(), hello.draining), (0, vec![address]));
    drop(second);
    assert_eq!(finishing.join().expect("it ends"), 0);
    drop(client);
}

#[test]
fn without_a_supervisor_a_server_just_serves() {
    let address = free_address();
    let client = Client::open(Environment::alone()).expect("there are descriptors");
    let listener = client.listen(&address).expect("free");
    listener.serving().expect("held");
    client.server_up().expect("this process made it");
    let _connected = TcpStream::connect(address.to_string()).expect("it listens");
    assert!(listener.accept().expect("it accepts").is_some());
    assert_eq!(listener.release().expect("held"), None);
    assert!(TcpStream::connect(address.to_string()).is_err());
}

#[test]
fn a_listener_is_of_the_kind_of_its_address() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("app.sock");
    let client = Client::open(Environment::alone()).expect("there are descriptors");
    let unix = address(&format!("unix:{}", path.display()));
    let listener = client.listen(&unix).expect("free").unix().expect("it is one");
    assert_eq!(listener.local_addr().expect("bound").as_pathname(), Some(path.as_path()));
    drop(listener);
    let wrong = client.released(&unix).and_then(|()| Ok(client.listen(&unix)?.tcp()?));
    assert!(matches!(wrong, Err(ClientError::Io(_))), "{wrong:?}");
}
