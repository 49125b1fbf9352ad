use serverswap::protocol::SocketMode::{Bind, Inherit};
use serverswap::protocol::message::{Code, FromClient, Ping};

use super::world::{A, B, Sent, World};

/// A number that every connection has used.
fn fault() -> FromClient {
    FromClient::Ping(Ping { id: 1 })
}

#[test]
fn a_fault_ends_the_waiting_claims_of_the_connection() {
    let mut world = World::new();
    world.server(10);
    world.claims(10, A, Bind);
    world.handles_takedown(10, A);
    world.serves(10, A);
    world.server(20);
    world.claims(20, A, Bind);
    assert_eq!(world.sends(20, fault()), [(20, Sent::Refused(Code::IdReused))]);
    assert_eq!(world.releases(10, A), []);
}

#[test]
fn a_fault_ends_nothing_that_is_held() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.sends(10, fault());
    assert_eq!(world.serving(A), [10]);
}

#[test]
fn messages_after_a_fault_are_ignored() {
    let mut world = World::new();
    world.server(10);
    let fault = world.received(10, fault());
    let claim = world.claim(10, B, Inherit);
    assert_eq!(world.happens(vec![fault, claim]), [(10, Sent::Refused(Code::IdReused))]);
}
