use std::time::Duration;

use serverswap::protocol::SocketMode::Inherit;
use serverswap::protocol::message::{Code, Form::Leave, Role::Server};

use super::world::{A, Heard, World, address, held, of};
use crate::arbiter::Attached::Listener;

/// Server 10 has the address and is not back; server 20 claims it.
fn claimed_before_the_return() -> World {
    let mut world = World::new();
    world.held_by_absent.insert(address(A));
    world.server(20);
    assert_eq!(world.claims(20, A, Inherit), []);
    world
}

#[test]
fn a_claim_waits_for_a_server_of_this_directory_that_nobody_has_named() {
    let mut world = claimed_before_the_return();
    let heard = world.arrives(10, Server, Leave, vec![held(A, true)]);
    assert_eq!(of(20, &heard), [Heard::Granted(Listener)]);
    assert_eq!(world.serves(20, A), [(10, Heard::Takedown)]);
}

#[test]
fn one_that_does_not_come_back_keeps_its_address() {
    let mut world = claimed_before_the_return();
    let heard = world.passes(Duration::from_secs(3));
    assert_eq!(heard, [(20, Heard::Refused(Code::AddressInUse))]);
    assert_eq!(world.arbiter.deadline(), None);
}
