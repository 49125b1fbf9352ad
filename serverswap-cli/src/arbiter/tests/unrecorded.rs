use std::time::Duration;

use serverswap::protocol::SocketMode::{Bind, Inherit};
use serverswap::protocol::message::{Code, EventKind::Done, Form::Leave, Holding, Role::Server};

use super::world::{A, Sent, World, address, held, of};
use crate::arbiter::Attached::{Listener, Nothing};

const NAME: &str = "mailer";
const WAIT: Duration = Duration::from_secs(3);

/// Server 10 has the address and is not back; server 20 claims it.
fn claimed_before_the_return() -> World {
    let mut world = World::new();
    world.held_by_absent.insert(address(A));
    world.server(20);
    assert_eq!(world.claims(20, A, Inherit), []);
    world
}

#[test]
fn a_claim_waits_for_a_server_of_this_directory_that_no_state_names() {
    let mut world = claimed_before_the_return();
    let sent = world.arrives(10, Server, Leave, vec![held(A, true)]);
    assert_eq!(of(20, &sent), [Sent::Granted(Listener)]);
    assert_eq!(world.serves(20, A), [(10, Sent::Takedown)]);
}

#[test]
fn one_that_does_not_come_back_keeps_its_address() {
    let mut world = claimed_before_the_return();
    let sent = world.passes(Duration::from_secs(3));
    assert_eq!(sent, [(20, Sent::Refused(Code::AddressInUse))]);
    assert_eq!(world.arbiter.deadline(), None);
}

#[test]
fn a_child_of_a_server_that_is_back_is_not_waited_for() {
    let mut world = World::new();
    world.server(10);
    world.held_by_absent.insert(address(A));
    world.server(20);
    world.claims(20, A, Inherit);
    assert_eq!(world.passes(Duration::ZERO), [(20, Sent::Refused(Code::AddressInUse))]);
}

/// Server 10 is back with the listener and its sibling 12 claims it; server 20 lives and may serve it.
fn claimed_before_a_newer_generation_is_back() -> World {
    let mut world = World::knowing_only_of(&[10, 20]);
    world.arrives(10, Server, Leave, vec![held(A, true)]);
    world.server(12);
    assert_eq!(world.claims(12, A, Inherit), [(12, Sent::Waiting)]);
    world
}

#[test]
fn a_claim_of_an_older_generation_waits_for_the_return_of_a_newer_one_that_may_serve() {
    let mut world = claimed_before_a_newer_generation_is_back();
    let sent = world.arrives(20, Server, Leave, vec![held(A, true)]);
    assert_eq!((of(10, &sent), of(12, &sent)), (vec![Sent::Takedown], vec![Sent::Refused(Code::Superseded)]));
}

#[test]
fn it_is_granted_once_the_newer_one_is_back_without_the_address_or_has_ended_or_does_not_come_back() {
    let granted = [Sent::Granted(Listener)];
    assert_eq!(of(12, &claimed_before_a_newer_generation_is_back().server(20)), granted);
    assert_eq!(of(12, &claimed_before_a_newer_generation_is_back().ends(20)), granted);
    assert_eq!(of(12, &claimed_before_a_newer_generation_is_back().passes(WAIT)), granted);
}

#[test]
fn a_claim_of_the_newest_generation_waits_for_nobody() {
    let mut world = claimed_before_a_newer_generation_is_back();
    world.server(30);
    let sent = world.claims(30, A, Inherit);
    assert_eq!(of(30, &sent), [Sent::Granted(Listener)]);
}

/// Server 10 lives and may hold anything; server 20 claims a name.
fn a_name_is_claimed_beside_an_unnamed_process() -> (World, Vec<(u32, Sent)>) {
    let mut world = World::knowing_only_of(&[10]);
    world.server(20);
    let sent = world.claims(20, NAME, Bind);
    (world, sent)
}

fn name_held(serving: bool) -> (Holding, crate::arbiter::Attached) {
    (Holding { address: address(NAME), serving, on_takedown: true }, Nothing)
}

#[test]
fn a_name_is_not_granted_while_a_process_may_hold_it_of_which_no_state_says_so() {
    let (mut world, sent) = a_name_is_claimed_beside_an_unnamed_process();
    assert_eq!(sent, [(20, Sent::Waiting)]);
    assert_eq!(world.passes(WAIT), [(20, Sent::Refused(Code::AddressInUse))]);
    assert_eq!(world.claims(20, NAME, Bind), [(20, Sent::Refused(Code::AddressInUse))]);
    assert_eq!(world.arbiter.deadline(), None);
}

#[test]
fn once_it_is_back_it_is_taken_down_first() {
    let (mut world, _) = a_name_is_claimed_beside_an_unnamed_process();
    let sent = world.arrives(10, Server, Leave, vec![name_held(true)]);
    assert_eq!(of(10, &sent), [Sent::Welcome, Sent::Takedown]);
    assert_eq!(of(20, &world.releases(10, NAME)), [Sent::Granted(Nothing)]);
}

#[test]
fn once_it_is_back_and_holds_nothing_or_has_ended_the_name_is_granted() {
    let (mut world, _) = a_name_is_claimed_beside_an_unnamed_process();
    assert_eq!(of(20, &world.server(10)), [Sent::Granted(Nothing)]);
    let (mut world, _) = a_name_is_claimed_beside_an_unnamed_process();
    assert_eq!(of(20, &world.ends(10)), [Sent::Granted(Nothing)]);
}

#[test]
fn an_address_that_is_held_exclusively_can_have_no_other_holder() {
    let mut world = World::knowing_only_of(&[10]);
    world.arrives(20, Server, Leave, vec![name_held(true)]);
    world.server(30);
    let sent = world.claims(30, NAME, Bind);
    assert_eq!((of(20, &sent), of(30, &sent)), (vec![Sent::Takedown], vec![Sent::Waiting]));
    assert_eq!(of(30, &world.ends(20)), [Sent::Granted(Nothing)]);
}

/// Server 10 may drain, server 20 serves, and its supervisor waits to leave.
fn a_deploy_beside_an_unrecorded_process() -> World {
    let mut world = World::knowing_only_of(&[10]);
    world.supervisor(21, Leave);
    let sent = world.arrives(20, Server, Leave, vec![held(A, true)]);
    assert_eq!(done(&sent), 0);
    world
}

fn done(sent: &[(u32, Sent)]) -> usize {
    of(21, sent).iter().filter(|sent| **sent == Sent::Event(Done, Nothing)).count()
}

#[test]
fn a_deploy_is_not_done_while_a_process_may_drain_of_which_no_state_says_so() {
    let mut world = a_deploy_beside_an_unrecorded_process();
    let arrival = world.arrival(10, Server, Leave, Vec::new(), vec![address(A)]);
    assert_eq!(done(&world.happens(vec![arrival])), 0);
    assert_eq!(done(&world.passes(WAIT)), 0);
    assert_eq!(done(&world.ends(10)), 1);
}

#[test]
fn a_deploy_is_done_when_such_a_process_has_ended_or_does_not_come_back() {
    assert_eq!(done(&a_deploy_beside_an_unrecorded_process().ends(10)), 1);
    assert_eq!(done(&a_deploy_beside_an_unrecorded_process().passes(WAIT)), 1);
}

#[test]
fn the_next_arbiter_still_waits_for_processes_that_no_state_named() {
    let (world, _) = a_name_is_claimed_beside_an_unnamed_process();
    let mut world = world.taken_over(&[]);
    world.server(20);
    assert_eq!(world.claims(20, NAME, Bind), [(20, Sent::Waiting)]);
}
