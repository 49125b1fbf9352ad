use std::time::Duration;

use serverswap::protocol::SocketMode::Inherit;
use serverswap::protocol::message::{Form::Leave, FromClient, Released, Role::Server};

use super::world::{A, B, DRAIN, KILL, Sent, World, address, held, of};
use crate::arbiter::Attached::Listener;
use crate::arbiter::TerminationSignal::{Kill, Term};

const MOMENT: Duration = Duration::from_millis(1);

#[test]
fn a_lost_connection_ends_no_hold() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.link_ends(10);
    assert_eq!(world.serving(A), [10]);
}

#[test]
fn a_lost_connection_ends_a_waiting_claim() {
    let mut world = World::new();
    world.server(10);
    world.claims(10, A, serverswap::protocol::SocketMode::Bind);
    world.handles_takedown(10, A);
    world.serves(10, A);
    world.server(20);
    world.claims(20, A, serverswap::protocol::SocketMode::Bind);
    world.link_ends(20);
    assert_eq!(world.releases(10, A), []);
}

#[test]
fn a_grant_that_the_returning_server_does_not_hold_is_over() {
    let mut world = World::new();
    world.server(10);
    world.claims(10, A, Inherit);
    world.link_ends(10);
    world.server(10);
    assert!(!world.has_listener(A));
}

#[test]
fn holding_without_serving_takes_nobody_down() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.server(20);
    world.claims(20, A, Inherit);
    world.link_ends(20);
    assert_eq!(world.arrives(20, Server, Leave, vec![held(A, false)]), [(20, Sent::Welcome)]);
    assert_eq!(world.serves(20, A), [(10, Sent::Takedown)]);
}

#[test]
fn a_takedown_is_sent_again_to_a_server_that_reconnects() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.server_is_up(20, &[A]);
    world.link_ends(10);
    let sent = world.arrives(10, Server, Leave, vec![held(A, true)]);
    assert_eq!(sent, [(10, Sent::Welcome), (10, Sent::Takedown)]);
}

#[test]
fn a_draining_server_that_comes_back_is_not_ended_in_mid_drain() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.server_is_up(20, &[A]);
    world.releases(10, A);
    world.link_ends(10);
    let arrival = world.arrival(10, Server, Leave, Vec::new(), vec![address(A)]);
    world.happens(vec![arrival]);
    assert_eq!(of(10, &world.passes(DRAIN - Duration::from_secs(1))), []);
}

#[test]
fn a_holder_that_stays_away_is_ended_once_a_newer_one_serves() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.link_ends(10);
    let sent = world.server_is_up(20, &[A]);
    assert_eq!(of(20, &sent), [Sent::Welcome, Sent::Granted(Listener)]);
    assert_eq!(of(10, &world.passes(DRAIN + KILL)), [Sent::Signalled(Term), Sent::Signalled(Kill)]);
}

#[test]
fn a_server_that_released_an_address_by_itself_while_it_was_away_drains() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.link_ends(10);
    let arrival = world.arrival(10, Server, Leave, Vec::new(), vec![address(A)]);
    assert_eq!(of(10, &world.happens(vec![arrival])), [Sent::Welcome]);
    assert_eq!(of(10, &world.passes(DRAIN - MOMENT)), []);
    assert_eq!(of(10, &world.passes(MOMENT)), [Sent::Signalled(Term)]);
}

#[test]
fn a_draining_server_of_which_the_arbiter_knows_nothing_drains() {
    let mut world = World::new();
    let arrival = world.arrival(10, Server, Leave, Vec::new(), vec![address(A), address(B)]);
    assert_eq!(of(10, &world.happens(vec![arrival])), [Sent::Welcome]);
    assert_eq!(of(10, &world.passes(DRAIN - MOMENT)), []);
    assert_eq!(of(10, &world.passes(MOMENT)), [Sent::Signalled(Term)]);
}

#[test]
fn a_busy_server_that_comes_back_late_is_sent_its_takedown_and_has_its_drain() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.link_ends(10);
    world.server_is_up(20, &[A]);
    assert_eq!(of(10, &world.passes(DRAIN - MOMENT)), []);
    let sent = world.arrives(10, Server, Leave, vec![held(A, true)]);
    assert_eq!(of(10, &sent), [Sent::Welcome, Sent::Takedown]);
    assert_eq!(of(10, &world.passes(DRAIN - MOMENT)), []);
    assert_eq!(of(10, &world.passes(MOMENT)), [Sent::Signalled(Term)]);
}

#[test]
fn a_server_without_a_handler_has_no_drain_when_it_is_away_either() {
    let mut world = World::new();
    world.server(10);
    world.claims(10, A, Inherit);
    world.serves(10, A);
    let mut world = world.taken_over(&[]);
    world.passes(Duration::from_secs(2));
    assert_eq!(of(10, &world.server_is_up(20, &[A])), [Sent::Signalled(Term)]);
}

#[test]
fn a_second_connection_of_a_process_displaces_the_first() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.arrives(10, Server, Leave, vec![held(A, true)]);
    assert_eq!(world.serving(A), [10]);
}

#[test]
fn a_hello_that_is_read_after_that_of_a_later_connection_changes_nothing() {
    let mut world = World::new();
    let earlier = world.arrival(10, Server, Leave, Vec::new(), Vec::new());
    world.server_is_up(10, &[A]);
    assert_eq!(world.happens(vec![earlier]), []);
    assert_eq!(world.serving(A), [10]);
}

#[test]
fn the_answer_to_an_old_takedown_does_not_give_up_a_later_grant() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.server_is_up(20, &[A]);
    world.releases(10, A);
    world.ends(20);
    assert_eq!(world.claims(10, A, Inherit), [(10, Sent::Granted(Listener))]);
    let late = Released { re: Some(1), address: address(A) };
    world.sends(10, FromClient::Released(late));
    world.serves(10, A);
    assert_eq!(world.serving(A), [10]);
}
