use std::time::Duration;

use serverswap::protocol::SocketMode::{Bind, Inherit};
use serverswap::protocol::message::{Code, Form::Leave, Holding, Role::Server};

use super::world::{A, Heard, World, address, held, of};
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

/// Server 10 lives and may hold anything; server 20 claims a name.
fn a_name_is_claimed_beside_an_unnamed_process() -> (World, Vec<(u32, Heard)>) {
    let mut world = World::knowing_only_of(&[10]);
    world.server(20);
    let heard = world.claims(20, NAME, Bind);
    (world, heard)
}

fn name_held(serving: bool) -> (Holding, crate::arbiter::Attached) {
    (Holding { address: address(NAME), serving, on_takedown: true }, Nothing)
}

#[test]
fn a_name_is_not_granted_while_a_process_may_hold_it_of_which_no_state_says_so() {
    let (mut world, heard) = a_name_is_claimed_beside_an_unnamed_process();
    assert_eq!(heard, [(20, Heard::Waiting)]);
    assert_eq!(world.passes(WAIT), [(20, Heard::Refused(Code::AddressInUse))]);
    assert_eq!(world.claims(20, NAME, Bind), [(20, Heard::Refused(Code::AddressInUse))]);
    assert_eq!(world.arbiter.deadline(), None);
}

#[test]
fn once_it_is_back_it_is_taken_down_first() {
    let (mut world, _) = a_name_is_claimed_beside_an_unnamed_process();
    let heard = world.arrives(10, Server, Leave, vec![name_held(true)]);
    assert_eq!(of(10, &heard), [Heard::Welcome, Heard::Takedown]);
    assert_eq!(of(20, &world.releases(10, NAME)), [Heard::Granted(Nothing)]);
}

#[test]
fn once_it_is_back_and_holds_nothing_or_has_ended_the_name_is_granted() {
    let (mut world, _) = a_name_is_claimed_beside_an_unnamed_process();
    assert_eq!(of(20, &world.server(10)), [Heard::Granted(Nothing)]);
    let (mut world, _) = a_name_is_claimed_beside_an_unnamed_process();
    assert_eq!(of(20, &world.ends(10)), [Heard::Granted(Nothing)]);
}

#[test]
fn an_address_that_is_held_exclusively_can_have_no_other_holder() {
    let mut world = World::knowing_only_of(&[10]);
    world.arrives(20, Server, Leave, vec![name_held(true)]);
    world.server(30);
    let heard = world.claims(30, NAME, Bind);
    assert_eq!((of(20, &heard), of(30, &heard)), (vec![Heard::Takedown], vec![Heard::Waiting]));
    assert_eq!(of(30, &world.ends(20)), [Heard::Granted(Nothing)]);
}

#[test]
fn what_no_state_said_is_remembered_by_the_next_arbiter() {
    let (world, _) = a_name_is_claimed_beside_an_unnamed_process();
    let mut world = world.taken_over(&[]);
    world.server(20);
    assert_eq!(world.claims(20, NAME, Bind), [(20, Heard::Waiting)]);
}
