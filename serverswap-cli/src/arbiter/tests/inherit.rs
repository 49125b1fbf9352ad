use serverswap::protocol::SocketMode::Inherit;
use serverswap::protocol::message::Code;

use super::world::{A, B, Sent, World, address, of, process};
use crate::arbiter::{ArbiterEvent, Attached::Listener, Liveness};
use serverswap::protocol::message::{FromClient, Serving};

#[test]
fn the_first_claim_is_granted_with_a_fresh_listener() {
    let mut world = World::new();
    world.server(10);
    assert_eq!(world.claims(10, A, Inherit), [(10, Sent::Granted(Listener))]);
}

#[test]
fn the_old_one_is_not_touched_before_the_new_one_serves() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.server(20);
    assert_eq!(world.claims(20, A, Inherit), [(20, Sent::Granted(Listener))]);
    assert_eq!(world.serves(20, A), [(10, Sent::Takedown)]);
}

#[test]
fn a_new_server_that_ends_before_it_serves_changes_nothing() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.server(20);
    world.claims(20, A, Inherit);
    assert_eq!(world.ends(20), []);
    assert_eq!(world.serving(A), [10]);
}

#[test]
fn a_message_of_a_server_that_was_dead_when_it_was_read_takes_nobody_down() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.server(20);
    world.claims(20, A, Inherit);
    let ArbiterEvent::Received { link, message, .. } =
        world.received(20, FromClient::Serving(Serving { address: address(A), fds: Vec::new() }))
    else {
        panic!("it is a message");
    };
    let sent = world.happens(vec![ArbiterEvent::Received { link, message, liveness: Liveness::Dead }]);
    assert_eq!(sent, []);
    assert_eq!(world.serving(A), [10]);
}

#[test]
fn a_claim_that_is_older_than_the_holder_is_superseded() {
    let mut world = World::new();
    world.server_is_up(20, &[A]);
    world.server(10);
    assert_eq!(world.claims(10, A, Inherit), [(10, Sent::Refused(Code::Superseded))]);
}

#[test]
fn of_claims_that_arrive_together_the_newest_wins() {
    let mut world = World::new();
    for pid in [10, 20, 30] {
        world.server(pid);
    }
    let events = [20, 30, 10].map(|pid| world.claim(pid, A, Inherit)).to_vec();
    let sent = world.happens(events);
    assert_eq!(of(30, &sent), [Sent::Granted(Listener)]);
    assert_eq!(of(20, &sent), [Sent::Refused(Code::Superseded)]);
    assert_eq!(of(10, &sent), [Sent::Refused(Code::Superseded)]);
}

#[test]
fn two_servers_of_one_generation_share_an_address() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.server_is_up(12, &[A]);
    assert_eq!(world.serving(A), [10, 12]);
}

#[test]
fn an_address_that_cannot_be_opened_is_refused_and_can_be_claimed_again() {
    let mut world = World::new();
    world.open_fails.insert(address(A), Code::AddressInUse);
    world.server(10);
    assert_eq!(world.claims(10, A, Inherit), [(10, Sent::Refused(Code::AddressInUse))]);
    world.open_fails.clear();
    assert_eq!(world.claims(10, A, Inherit), [(10, Sent::Granted(Listener))]);
}

#[test]
fn a_name_cannot_be_inherited() {
    let mut world = World::new();
    world.server(10);
    assert_eq!(world.claims(10, "mailer", Inherit), [(10, Sent::Refused(Code::NotInheritable))]);
}

#[test]
fn a_second_claim_of_the_same_server_is_refused() {
    let mut world = World::new();
    world.server(10);
    world.claims(10, A, Inherit);
    assert_eq!(world.claims(10, A, Inherit), [(10, Sent::Refused(Code::AlreadyClaimed))]);
}

#[test]
fn each_address_of_a_server_is_swapped_on_its_own() {
    let mut world = World::new();
    world.server_is_up(10, &[A, B]);
    world.server(20);
    world.claims(20, A, Inherit);
    world.claims(20, B, Inherit);
    assert_eq!(world.serves(20, B), [(10, Sent::Takedown)]);
    assert_eq!((world.serving(A), world.serving(B)), (vec![10], vec![20]));
}

#[test]
fn the_listener_is_closed_when_nobody_reads_it_any_more() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    assert!(world.has_listener(A));
    world.happens(vec![ArbiterEvent::Gone { process: process(10), remains: Default::default() }]);
    assert!(!world.has_listener(A));
}
