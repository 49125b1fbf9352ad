use serverswap::protocol::SocketMode::{Bind, Inherit};
use serverswap::protocol::message::Form::Stay;
use serverswap::protocol::message::{Closed, Code, EventKind, FromClient};

use super::world::{A, Sent, World, address, of};
use crate::arbiter::Attached::{Listener, Nothing};

fn exclusive_holder(world: &mut World, pid: u32) {
    world.server(pid);
    world.claims(pid, A, Bind);
    world.handles_takedown(pid, A);
    world.serves(pid, A);
}

#[test]
fn the_new_one_is_granted_only_after_the_old_one_has_released() {
    let mut world = World::new();
    exclusive_holder(&mut world, 10);
    world.server(20);
    assert_eq!(world.claims(20, A, Bind), [(10, Sent::Takedown), (20, Sent::Waiting)]);
    assert_eq!(world.releases(10, A), [(20, Sent::Granted(Nothing))]);
}

#[test]
fn the_end_of_the_old_one_grants_as_well() {
    let mut world = World::new();
    exclusive_holder(&mut world, 10);
    world.server(20);
    world.claims(20, A, Bind);
    assert_eq!(world.ends(10), [(20, Sent::Granted(Nothing))]);
}

#[test]
fn the_end_of_its_connection_alone_grants_nothing() {
    let mut world = World::new();
    exclusive_holder(&mut world, 10);
    world.server(20);
    world.claims(20, A, Bind);
    assert_eq!(world.link_ends(10), []);
}

#[test]
fn an_older_claim_loses_to_a_newer_grant_that_does_not_serve_yet() {
    let mut world = World::new();
    world.server(20);
    world.claims(20, A, Bind);
    world.server(10);
    assert_eq!(world.claims(10, A, Bind), [(10, Sent::Refused(Code::Superseded))]);
}

#[test]
fn two_processes_of_one_generation_cannot_both_hold_it() {
    let mut world = World::new();
    exclusive_holder(&mut world, 10);
    world.server(12);
    assert_eq!(world.claims(12, A, Bind), [(12, Sent::Refused(Code::AlreadyClaimed))]);
}

#[test]
fn an_exclusive_claim_waits_until_every_duplicate_of_the_listener_is_closed() {
    let mut world = World::new();
    world.supervisor(11, Stay);
    world.server_is_up(10, &[A]);
    world.server(20);
    world.claims(20, A, Bind);
    let sent = world.releases(10, A);
    assert_eq!(of(11, &sent), [Sent::Event(EventKind::Close, Nothing)]);
    assert_eq!(of(20, &sent), []);
    let sent = world.sends(11, FromClient::Closed(Closed { address: address(A) }));
    assert_eq!(of(20, &sent), [Sent::Granted(Nothing)]);
    assert!(!world.has_listener(A));
}

#[test]
fn a_claim_to_inherit_what_is_bound_exclusively_waits_for_the_release() {
    let mut world = World::new();
    exclusive_holder(&mut world, 10);
    world.server(20);
    assert_eq!(world.claims(20, A, Inherit), [(10, Sent::Takedown), (20, Sent::Waiting)]);
    assert_eq!(world.releases(10, A), [(20, Sent::Granted(Listener))]);
}

#[test]
fn a_supervisor_that_gave_up_an_exclusive_address_is_notified_when_the_claimant_fails() {
    let mut world = World::new();
    world.supervisor(11, Stay);
    exclusive_holder(&mut world, 10);
    world.server(20);
    world.claims(20, A, Bind);
    world.releases(10, A);
    world.ends(10);
    assert_eq!(world.ends(20), [(11, Sent::Event(EventKind::Vacant, Nothing))]);
}
