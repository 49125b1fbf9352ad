//! A generation whose supervisor was killed before it was up.

use std::time::Duration;

use serverswap::protocol::SocketMode::Inherit;
use serverswap::protocol::message::Form::{Leave, Stay};
use serverswap::protocol::message::{Code, Fail, FromClient, StandIn};

use super::world::{A, DRAIN, KILL, Sent, World, of};
use crate::arbiter::TerminationSignal::{self, Kill, Term};

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

// --- of servers with a stand-in, which is gone with the supervisor ---------------------------------

/// 20 was granted the address, and nobody is left to say that it serves.
fn unspoken_for(serving: &[u32]) -> World {
    let mut world = World::new();
    for pid in serving {
        world.server_is_up(*pid, &[A]);
    }
    world.supervisor(21, Leave);
    world.stand_in_arrives(StandIn { pid: 20, stop_signal: 3, adopt: false }, Vec::new());
    world.claims_to_provide(20, A);
    world.link_ends(20);
    world.ends(21);
    world
}

const STOP: Sent = Sent::Signalled(TerminationSignal::Stop(3));

#[test]
fn a_server_that_nobody_speaks_for_serves_if_it_waits_for_connections_when_its_time_is_over() {
    let mut world = unspoken_for(&[]);
    assert_eq!(world.passes(READY - MOMENT), []);
    assert!(world.serving(A).is_empty());
    assert_eq!(world.passes(MOMENT), []);
    assert_eq!(world.serving(A), [20]);
    assert!(world.has_listener(A));
    assert_eq!(world.passes(2 * READY), []);
    assert_eq!(of(20, &world.server_is_up(30, &[A])), [STOP]);
}

#[test]
fn so_it_is_where_the_arbiter_was_killed_with_its_supervisor() {
    let mut world = unspoken_for(&[]);
    world.supervisor(21, Leave);
    let mut world = world.taken_over(&[21]);
    assert_eq!(world.passes(READY), []);
    assert_eq!(world.serving(A), [20]);
}

#[test]
fn one_that_does_not_wait_for_connections_is_ended() {
    let mut world = unspoken_for(&[]);
    world.hanging.insert(20);
    assert_eq!(world.passes(READY), [(20, STOP)]);
    assert_eq!(of(20, &world.passes(DRAIN)), [Sent::Signalled(Kill)]);
}

#[test]
fn one_beside_an_older_server_is_ended_since_nobody_knows_whether_it_is_ready() {
    let mut world = unspoken_for(&[10]);
    assert_eq!(world.passes(READY), [(20, STOP)]);
    assert_eq!(world.serving(A), [10]);
}
