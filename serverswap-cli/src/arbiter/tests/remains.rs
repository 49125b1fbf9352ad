//! What is left of a generation whose servers have ended. Server 10 has the helper 12.

use std::collections::BTreeMap;
use std::time::Duration;

use serverswap::protocol::SocketMode::{Bind, Inherit};
use serverswap::protocol::message::EventKind;
use serverswap::protocol::message::Form::{Leave, Stay};

use super::world::{A, B, DRAIN, KILL, Sent, World, address, generation, of, process};
use crate::arbiter::TerminationSignal::{Kill, Term};
use crate::arbiter::{Attached, Fetched, Remains};

const MOMENT: Duration = Duration::from_millis(1);
const DONE: Sent = Sent::Event(EventKind::Done, Attached::Nothing);

/// Version 1 was replaced by version 2, and its server has ended.
fn replaced() -> World {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.supervisor(21, Leave);
    world.server_is_up(20, &[A]);
    world.releases(10, A);
    world.ends_and_leaves(10, &[12]);
    world
}

/// Version 1 serves alone, and its server was killed.
fn crashed(fetched: Fetched) -> World {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.fetch = BTreeMap::from([(12, fetched)]);
    assert_eq!(world.ends_and_leaves(10, &[12]), []);
    world
}

fn helper_of_10() -> Remains {
    [(generation(10), [process(12)].into())].into()
}

#[test]
fn a_helper_of_a_replaced_generation_gets_term_and_kill_at_its_deadlines() {
    let mut world = replaced();
    assert_eq!(of(12, &world.passes(DRAIN - MOMENT)), []);
    assert_eq!(of(12, &world.passes(MOMENT)), [Sent::Signalled(Term)]);
    assert_eq!(of(12, &world.passes(KILL)), [Sent::Signalled(Kill)]);
    assert_eq!(world.arbiter.deadline(), None);
}

#[test]
fn a_deploy_is_done_when_the_last_helper_of_the_old_generation_is_gone() {
    let mut world = replaced();
    let what_it_had_forked = world.ends_and_leaves(12, &[13]);
    assert!(!of(21, &what_it_had_forked).contains(&DONE));
    assert!(of(21, &world.ends(13)).contains(&DONE));
}

#[test]
fn the_next_arbiter_knows_that_a_helper_is_no_server() {
    let world = replaced().taken_over(&[]);
    assert!(world.arbiter.is_helper(process(12)) && !world.arbiter.is_helper(process(20)));
}

#[test]
fn the_next_arbiter_ends_a_helper_at_the_same_deadline() {
    let mut world = replaced();
    world.passes(DRAIN / 2);
    let mut next = world.taken_over(&[]);
    next.arrives(20, serverswap::protocol::message::Role::Server, Leave, vec![super::world::held(A, true)]);
    assert_eq!(of(12, &next.passes(DRAIN / 2)), [Sent::Signalled(Term)]);
}

#[test]
fn an_arbiter_that_has_not_seen_the_end_of_a_draining_server_finds_its_helper() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.server_is_up(20, &[A]);
    world.releases(10, A);
    let mut next = world.taken_over_with(&[10], &helper_of_10());
    assert_eq!(of(12, &next.passes(DRAIN)), [Sent::Signalled(Term)]);
}

#[test]
fn a_helper_of_a_server_that_ended_by_itself_is_ended_when_a_newer_generation_serves() {
    for fetched in [Fetched::Found, Fetched::Absent, Fetched::Refused] {
        let mut world = crashed(fetched);
        assert_eq!(world.passes(DRAIN + KILL), []);
        assert_eq!(of(12, &world.server_is_up(20, &[A])), [Sent::Signalled(Term)], "{fetched:?}");
    }
}

#[test]
fn a_helper_lives_until_every_address_of_its_generation_is_replaced() {
    let mut world = World::new();
    world.server_is_up(10, &[A, B]);
    world.ends_and_leaves(10, &[12]);
    assert_eq!(of(12, &world.server_is_up(20, &[A])), []);
    assert_eq!(of(12, &world.server_is_up(30, &[B])), [Sent::Signalled(Term)]);
}

#[test]
fn the_listener_that_a_helper_has_inherited_is_kept_for_the_next_claim_and_no_other() {
    assert!(crashed(Fetched::Found).has_listener(A));
    assert!(!crashed(Fetched::Absent).has_listener(A));
    let mut world = crashed(Fetched::Found);
    world.server(20);
    assert_eq!(world.claims(20, A, Inherit), [(20, Sent::Granted(Attached::Listener))]);
}

#[test]
fn a_new_arbiter_takes_the_listener_from_the_helper_of_a_server_that_was_killed() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    let mut next = world.taken_over_with(&[10], &helper_of_10());
    next.open_fails.insert(address(A), serverswap::protocol::message::Code::AddressInUse);
    next.server(20);
    assert_eq!(next.claims(20, A, Inherit), [(20, Sent::Granted(Attached::Listener))]);
    assert_eq!(next.taken_over(&[]).arbiter.snapshot().addresses[&address(A)].left.len(), 1);
}

#[test]
fn a_helper_whose_listener_the_kernel_does_not_give_away_is_ended_before_one_is_opened() {
    let mut world = crashed(Fetched::Refused);
    world.held_by_absent.insert(address(A));
    world.server(20);
    assert_eq!(world.claims(20, A, Inherit), [(20, Sent::Waiting), (12, Sent::Signalled(Term))]);
    world.held_by_absent.clear();
    assert_eq!(of(20, &world.ends(12)), [Sent::Granted(Attached::Listener)]);
}

#[test]
fn a_helper_is_ended_before_an_exclusive_claim_is_granted() {
    let mut world = World::new();
    world.server(10);
    world.claims(10, A, Bind);
    world.serves(10, A);
    world.ends_and_leaves(10, &[12]);
    world.server(20);
    assert_eq!(world.claims(20, A, Bind), [(20, Sent::Waiting), (12, Sent::Signalled(Term))]);
    assert_eq!(of(20, &world.ends(12)), [Sent::Granted(Attached::Nothing)]);
}

#[test]
fn a_supervisor_ends_the_helpers_of_its_server_itself() {
    let mut world = World::new();
    world.supervisor(11, Stay);
    world.server_is_up(10, &[A]);
    world.ends_and_leaves(10, &[12]);
    assert_eq!(of(12, &world.server_is_up(20, &[A])), []);
}
