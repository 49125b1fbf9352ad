//! Each example as a process: it serves, is taken down, answers what it has accepted, and ends.

#[path = "../../../bindings/core/tests/scripted/mod.rs"]
mod scripted;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use scripted::*;
use serverswap::Address;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: example\r\n\r\n";

/// A running example, as a supervisor starts it, and what the arbiter has of it.
struct Server {
    process: Child,
    link: Link,
    listener: TcpListener,
    at: SocketAddr,
    address: Address,
}

impl Server {
    /// Starts it and has it serve.
    fn start(program: &str) -> Server {
        let directory = Directory::new();
        let arbiter = directory.arbiter();
        let (listener, at, address) = listener();
        let mut command = Command::new(program);
        command.arg(address.to_string()).env("SERVERSWAP_SOCKET", directory.socket());
        let process = command.env("SERVERSWAP_GENERATION", "7-9").spawn().expect("it is built");
        let mut link = arbiter.accept();
        link.negotiate();
        assert!(link.receive_text().contains(r#""type":"readyFor""#));
        link.grant(2, &address, listener.try_clone().expect("a descriptor"));
        let said = [link.receive_text(), link.receive_text()].concat();
        assert!(said.contains("serving") && said.contains("onTakedown"), "{said}");
        Server { process, link, listener, at, address }
    }

    fn visit(&self) -> TcpStream {
        let visitor = TcpStream::connect(self.at).expect("it listens");
        visitor.set_read_timeout(Some(PATIENCE)).expect("a socket");
        visitor
    }

    /// Takes it down, and waits until it has let go.
    fn take_down(&mut self) {
        self.link.take_down(1, &self.address);
        assert!(self.link.receive_text().contains(r#""type":"released","re":1"#));
    }

    fn assert_ends_well(mut self) {
        assert!(self.process.wait().expect("our child").success());
    }
}

fn answer_to(mut visitor: TcpStream) -> String {
    visitor.write_all(REQUEST).expect("it reads");
    let mut answer = String::new();
    visitor.read_to_string(&mut answer).expect("it answers and closes");
    answer
}

/// Waits until the server has accepted, so that the connection is its own to answer.
fn accepted(server: &Server) {
    let deadline = Instant::now() + PATIENCE;
    while is_readable(server.listener.as_fd(), Duration::ZERO) {
        assert!(Instant::now() < deadline, "it does not accept");
        thread::yield_now();
    }
}

fn a_connection_that_has_said_nothing_is_answered_after_the_takedown(program: &str) {
    let mut server = Server::start(program);
    let silent = server.visit();
    accepted(&server);
    server.take_down();
    let answer = answer_to(silent);
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("Connection: close"), "{answer}");
    server.assert_ends_well();
}

fn a_connection_that_nobody_has_accepted_is_left_to_the_next_server(program: &str) {
    let mut server = Server::start(program);
    server.take_down();
    let _waiting = server.visit();
    wait_readable(&server.listener);
    assert!(server.listener.accept().is_ok());
    server.assert_ends_well();
}

#[test]
fn ten_lines_answer_a_silent_connection_after_the_takedown() {
    a_connection_that_has_said_nothing_is_answered_after_the_takedown(env!("CARGO_BIN_EXE_ten-lines"));
}

#[test]
fn ten_lines_leave_what_they_have_not_accepted_to_the_next_server() {
    a_connection_that_nobody_has_accepted_is_left_to_the_next_server(env!("CARGO_BIN_EXE_ten-lines"));
}

#[test]
fn on_tokio_a_silent_connection_is_answered_after_the_takedown() {
    a_connection_that_has_said_nothing_is_answered_after_the_takedown(env!("CARGO_BIN_EXE_on-tokio"));
}

#[test]
fn on_tokio_what_was_not_accepted_is_left_to_the_next_server() {
    a_connection_that_nobody_has_accepted_is_left_to_the_next_server(env!("CARGO_BIN_EXE_on-tokio"));
}

#[test]
fn on_tokio_an_idle_keep_alive_connection_is_answered_once_more_and_closed() {
    let mut server = Server::start(env!("CARGO_BIN_EXE_on-tokio"));
    let mut visitor = server.visit();
    visitor.write_all(REQUEST).expect("it reads");
    let mut kept = String::new();
    while !kept.contains("\r\n\r\nHello from process ") || !kept.ends_with('\n') {
        let mut byte = [0];
        visitor.read_exact(&mut byte).expect("it answers");
        kept.push(char::from(byte[0]));
    }
    assert!(kept.contains("Connection: keep-alive"), "{kept}");
    server.take_down();
    assert!(answer_to(visitor).contains("Connection: close"));
    server.assert_ends_well();
}
