use serverswap::protocol::SocketMode::{Bind, Inherit};

use super::world::{A, World};

#[test]
fn an_arbiter_is_at_rest_when_everything_that_was_granted_is_served() {
    let mut world = World::new();
    assert!(world.arbiter.is_at_rest());
    world.server(10);
    world.claims(10, A, Inherit);
    assert!(!world.arbiter.is_at_rest());
    world.serves(10, A);
    assert!(world.arbiter.is_at_rest());
}

#[test]
fn a_server_that_was_replaced_and_has_not_ended_keeps_the_arbiter_busy() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.server_is_up(20, &[A]);
    assert!(!world.arbiter.is_at_rest());
    world.ends(10);
    assert!(world.arbiter.is_at_rest());
}

#[test]
fn a_claim_that_waits_keeps_the_arbiter_busy() {
    let mut world = World::new();
    world.server(10);
    world.claims(10, A, Bind);
    world.serves(10, A);
    assert!(world.arbiter.is_at_rest());
    world.server(20);
    world.claims(20, A, Bind);
    assert!(!world.arbiter.is_at_rest());
}
