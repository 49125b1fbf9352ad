//! The client for tokio, on real sockets; the arbiter is a thread that says its script.
#![cfg(feature = "tokio")]

mod scripted;

use std::thread;

use scripted::*;
use serverswap::aio::Client;
use serverswap::protocol::message::{FromArbiter, Granted};
use serverswap::{CallError, ClientError, Drain, Environment};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[tokio::test]
async fn a_server_serves_until_its_takedown() {
    let directory = Directory::new();
    let arbiter = directory.arbiter();
    let (opened, at, address) = listener();
    let client = Client::open(directory.environment()).expect("there are descriptors");
    let script = thread::spawn({
        let address = address.clone();
        move || {
            let mut link = arbiter.accept();
            link.negotiate();
            link.receive();
            link.grant(2, &address, opened);
            let received = [link.receive_text(), link.receive_text()];
            link.take_down(1, &address);
            (received, link.receive_text())
        }
    });
    let listener = client.listen(&address).await.expect("it is granted");
    listener.serving().expect("held");
    let listener = listener.tcp().expect("it is one");
    let mut visitor = TcpStream::connect(at).await.expect("it listens");
    let (mut accepted, _) = listener.accept().await.expect("it accepts");
    accepted.write_all(b"hello").await.expect("the visitor reads");
    let mut said = [0; 5];
    visitor.read_exact(&mut said).await.expect("it was written");
    let takedown = timeout(PATIENCE, client.takedown(&address)).await.expect("it comes").expect("held");
    drop(listener);
    takedown.released().expect("held");
    let (received, released) = script.join().expect("the script is followed");
    let word = |kind: &str| format!(r#"{{"type":"{kind}","address":"{address}"}}"#);
    assert_eq!(received, [word("serving"), word("onTakedown")]);
    assert_eq!(released, format!(r#"{{"type":"released","re":1,"address":"{address}"}}"#));
}

#[tokio::test]
async fn a_claim_that_is_dropped_is_withdrawn() {
    let directory = Directory::new();
    let arbiter = directory.arbiter();
    let client = Client::open(directory.environment()).expect("there are descriptors");
    let (claimed, received) = tokio::sync::oneshot::channel();
    let script = thread::spawn(move || {
        let mut link = arbiter.accept();
        link.negotiate();
        claimed.send(link.receive_text()).expect("it waits");
        link.receive_text()
    });
    let name = address("mailer");
    tokio::select! {
        claim = client.ready_for(&name) => panic!("nobody answers: {claim:?}"),
        received = received => assert!(received.expect("it claims").contains("readyFor")),
    }
    let withdrawn = tokio::task::spawn_blocking(|| script.join().expect("the script is followed"));
    assert_eq!(withdrawn.await.expect("it ends"), r#"{"type":"released","address":"mailer"}"#);
}

#[tokio::test]
async fn a_fail_that_is_the_first_call_of_a_server_is_sent() {
    let directory = Directory::new();
    let arbiter = directory.arbiter();
    let client = Client::open(directory.environment()).expect("there are descriptors");
    let script = thread::spawn(move || {
        let mut link = arbiter.accept();
        link.negotiate();
        link.receive_text()
    });
    client.fail("no database").await.expect("this process made it");
    drop(client);
    let received = tokio::task::spawn_blocking(|| script.join().expect("the script is followed"));
    assert_eq!(received.await.expect("it ends"), r#"{"type":"fail","reason":"no database"}"#);
}

#[tokio::test]
async fn a_server_that_finishes_its_connections_reports_them() {
    let directory = Directory::new();
    let arbiter = directory.arbiter();
    let client = Client::open(directory.environment()).expect("there are descriptors");
    let drain = Drain::new();
    let open = drain.open();
    let script = thread::spawn(move || {
        let mut link = arbiter.accept();
        link.negotiate();
        link.receive();
        let granted = Granted { re: 2, address: address("mailer"), fds: vec![] };
        link.send(&FromArbiter::Granted(granted));
        assert!(link.receive_text().contains("onTakedown"));
        link.take_down(1, &address("mailer"));
        let received = [link.receive_text(), link.receive_text()];
        drop(open);
        (received, link.receive_text())
    });
    client.ready_for(&address("mailer")).await.expect("it is granted");
    let takedown = client.takedown(&address("mailer")).await.expect("held");
    assert_eq!(client.finish(takedown, &drain).await.expect("held"), 0);
    let (received, last) = script.join().expect("the script is followed");
    let expected =
        [r#"{"type":"released","re":1,"address":"mailer"}"#, r#"{"type":"progress","re":1,"connections":1}"#];
    assert_eq!(
        (received, last.as_str()),
        (expected.map(String::from), r#"{"type":"progress","re":1,"connections":0}"#)
    );
}

#[tokio::test]
async fn without_a_supervisor_everything_is_granted() {
    let client = Client::open(Environment::alone()).expect("there are descriptors");
    client.ready_for(&address("mailer")).await.expect("free");
    client.serving(&address("mailer")).expect("held");
    client.released(&address("mailer")).expect("held");
    let takedown = client.takedown(&address("mailer")).await;
    assert!(matches!(takedown, Err(ClientError::Call(CallError::NotHeld(_)))), "{takedown:?}");
}
