//! A server without a supervisor that ends unasked: what the history is told of it.

use serverswap::protocol::SocketMode::Inherit;
use serverswap::protocol::message::Form::Stay;

use super::world::{A, World, process};

fn serves_alone(world: &World, pid: u32) -> bool {
    world.arbiter.serves_alone(process(pid)).is_some()
}

#[test]
fn a_server_that_was_left_alone_and_serves_would_end_unasked() {
    let mut world = World::new();
    world.server(10);
    world.claims(10, A, Inherit);
    assert!(!serves_alone(&world, 10));
    world.serves(10, A);
    assert!(serves_alone(&world, 10));
}

#[test]
fn one_that_was_replaced_was_asked() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.server_is_up(20, &[A]);
    assert_eq!([10, 20].map(|pid| serves_alone(&world, pid)), [false, true]);
}

#[test]
fn of_one_with_a_supervisor_that_one_tells() {
    let mut world = World::new();
    world.supervisor(11, Stay);
    world.server_is_up(10, &[A]);
    assert!(!serves_alone(&world, 10));
}
