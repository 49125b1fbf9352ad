//! `serve`: the scripted arbiter waits for a client that somebody runs by hand.

use std::io::{self, PipeReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;

use serverswap_conformance::client::serve;
use serverswap_conformance::report::{Outcome, Role};
use serverswap_conformance::scenario::{Catalogue, Selection};

const SCENARIO: &str = r#"id: by-hand
title: Somebody claims by hand
role: client
level: 1
since: "1.0"
steps:
  - driver: {cmd: connect}
  - accept: a
  - greet: a
  - driver: {cmd: readyFor, op: o1, address: mailer, socket: bind}
  - expect: {on: a, message: {type: readyFor, id: {$bind: q}, address: mailer}, check: claim-sent}
  - send: {on: a, message: {type: granted, re: {$ref: q}, address: mailer}}
  - event: {event: granted, op: o1}
"#;

/// Reads until a text was told; all that was told.
fn told(out: &mut PipeReader, told: &mut String, text: &str) {
    let mut byte = [0];
    while !told.contains(text) {
        out.read_exact(&mut byte).expect("it goes on");
        told.push(char::from(byte[0]));
    }
}

#[test]
fn a_client_is_run_by_hand_against_the_scripted_arbiter() {
    let catalogue = Catalogue::of(vec![("by-hand.yaml".to_owned(), SCENARIO.to_owned())]).expect("right");
    let instance = catalogue.select(Role::Client, &Selection::default()).remove(0);
    let (mut reader, writer) = io::pipe().expect("a pipe");
    let serving = thread::spawn(move || serve(&instance, Box::new(writer)));
    let mut text = String::new();
    told(&mut reader, &mut text, "export SERVERSWAP_SOCKET=");
    let begin = text.len();
    told(&mut reader, &mut text, "awaiting a connection");
    let socket = text[begin..].lines().next().expect("a path").to_owned();
    assert!(text.contains("your turn: `connect`"), "{text}");
    let mut client = UnixStream::connect(socket).expect("it listens");
    let said = concat!(
        r#"{"type":"hello","id":1,"version":1,"client":{"name":"hand","version":"1"},"role":"server","generation":"81234567890-4711"}"#,
        "\n",
    );
    client.write_all(said.as_bytes()).expect("it reads");
    told(&mut reader, &mut text, r#"your turn: `readyFor`"#);
    client
        .write_all(b"{\"type\":\"readyFor\",\"id\":2,\"address\":\"mailer\",\"socket\":\"bind\"}\n")
        .expect("it reads");
    told(&mut reader, &mut text, "the end");
    let served = serving.join().expect("no panic").expect("it serves");
    assert_eq!(served.outcome, Outcome::Passed, "{text}");
    assert!(served.checks.iter().any(|check| check.name == "claim-sent" && check.passed));
}
