//! A generation whose supervisor was killed before it was up.

use std::time::Duration;

use serverswap::protocol::SocketMode::Inherit;
use serverswap::protocol::message::Form::{Leave, Stay};
use serverswap::protocol::message::{Code, Fail, FromClient};

use super::world::{A, DRAIN, KILL, Sent, World, of};
use crate::arbiter::TerminationSignal::{Kill, Term};

/// The ready timeout in the `hello` of every supervisor of these tests.
const READY: Duration = Duration::from_secs(60);
const MOMENT: Duration = Duration::from_millis(1);

/// 10 serves, 21 was killed.
fn abandoned() -> World {
    let mut world = World::new();
    world.supervisor(11, Stay);
    world.server_is_up(10, &[A]);
    world.supervisor(21, Leave);
    world.ends(21);
    world
}

#[test]
fn a_server_that_hangs_is_ended_at_its_ready_timeout() {
    let mut world = abandoned();
    assert_eq!(world.passes(READY - MOMENT), []);
    assert_eq!(world.passes(MOMENT), [(20, Sent::Signalled(Term))]);
    assert_eq!(world.passes(KILL), [(20, Sent::Signalled(Kill))]);
    assert_eq!(world.passes(READY), []);
    assert_eq!(world.arbiter.deadline(), None);
    assert_eq!(world.serving(A), [10]);
}

#[test]
fn the_next_arbiter_ends_it() {
    let mut world = World::new();
    world.supervisor(21, Leave);
    let mut world = world.taken_over(&[21]);
    assert_eq!(world.passes(READY), [(20, Sent::Signalled(Term))]);
    assert_eq!(world.passes(KILL), [(20, Sent::Signalled(Kill))]);
}

#[test]
fn a_server_that_is_up_in_time_is_not_ended() {
    let mut world = abandoned();
    world.server_is_up(20, &[A]);
    world.releases(10, A);
    world.ends(10);
    assert_eq!(world.passes(2 * READY), []);
    assert_eq!(world.serving(A), [20]);
}

#[test]
fn a_server_that_was_up_when_its_supervisor_was_killed_is_not_ended() {
    let mut world = World::new();
    world.supervisor(11, Stay);
    world.server_is_up(10, &[A]);
    world.ends(11);
    assert_eq!(world.passes(2 * READY), []);
}

#[test]
fn a_server_that_was_granted_an_address_is_taken_down_with_its_drain() {
    let mut world = abandoned();
    world.server(20);
    world.handles_takedown(20, A);
    world.claims(20, A, Inherit);
    assert_eq!(of(20, &world.passes(READY)), [Sent::Takedown]);
    assert_eq!(of(20, &world.passes(DRAIN - MOMENT)), []);
    assert_eq!(of(20, &world.passes(MOMENT)), [Sent::Signalled(Term)]);
    assert_eq!(world.serving(A), [10]);
}

#[test]
fn a_server_that_sends_fail_is_ended_at_once_and_claims_nothing_more() {
    let mut world = abandoned();
    world.server(20);
    world.sends(20, FromClient::Fail(Fail { reason: "no database".to_owned() }));
    assert_eq!(world.passes(MOMENT), [(20, Sent::Signalled(Term))]);
    assert_eq!(world.claims(20, A, Inherit), [(20, Sent::Refused(Code::Withdrawn))]);
    assert_eq!(world.passes(KILL), [(20, Sent::Signalled(Kill))]);
}
