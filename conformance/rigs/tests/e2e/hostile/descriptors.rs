//! Descriptors that do not fit their line.

use std::fs::File;
use std::net::TcpListener;
use std::os::fd::AsFd;

use serverswap_conformance::sandbox::free_port;
use serverswap_protocol::message::{Code, FromClient, Holding, Role};

use super::{hello, is_answered_with};
use crate::Outcome;

#[tokio::test]
async fn more_descriptors_than_the_line_names_are_refused() -> Outcome {
    let file = File::open("/dev/null")?;
    is_answered_with(Code::DescriptorMismatch, |wire, _| {
        let hello = hello(wire, Role::Server);
        wire.send(&FromClient::Hello(hello), &[file.as_fd(), file.as_fd()])
    })
    .await
}

#[tokio::test]
async fn fewer_descriptors_than_the_line_names_are_refused() -> Outcome {
    is_answered_with(Code::DescriptorMismatch, |wire, shop| {
        let hello = holding(wire, &shop.address.to_string());
        wire.send(&FromClient::Hello(hello), &[])
    })
    .await
}

#[tokio::test]
async fn the_most_descriptors_that_the_kernel_passes_at_once_are_refused_and_closed() -> Outcome {
    let file = File::open("/dev/null")?;
    is_answered_with(Code::DescriptorMismatch, |wire, _| {
        let fds: Vec<_> = (0..253).map(|_| file.as_fd()).collect();
        let hello = hello(wire, Role::Server);
        wire.send(&FromClient::Hello(hello), &fds)
    })
    .await
}

#[tokio::test]
async fn a_listener_of_another_address_is_refused() -> Outcome {
    let other = TcpListener::bind(("127.0.0.1", free_port()))?;
    is_answered_with(Code::InvalidMessage, |wire, shop| {
        let hello = holding(wire, &shop.address.to_string());
        wire.send(&FromClient::Hello(hello), &[other.as_fd()])
    })
    .await
}

#[tokio::test]
async fn a_file_in_place_of_a_listener_is_refused() -> Outcome {
    let file = File::open("/dev/null")?;
    is_answered_with(Code::InvalidMessage, |wire, shop| {
        let hello = holding(wire, &shop.address.to_string());
        wire.send(&FromClient::Hello(hello), &[file.as_fd()])
    })
    .await
}

/// A `hello` that claims to hold the address and to bring its listener.
fn holding(wire: &mut serverswap_rigs::wire::Wire, address: &str) -> serverswap_protocol::message::Hello {
    let mut hello = hello(wire, Role::Server);
    let held = address.parse().expect("an address");
    hello.holding = vec![Holding { address: held, serving: true, on_takedown: true }];
    hello.fds = vec![address.to_owned()];
    hello
}
