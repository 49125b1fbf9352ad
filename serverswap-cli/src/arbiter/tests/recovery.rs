use std::time::Duration;

use serverswap::protocol::SocketMode::Inherit;
use serverswap::protocol::message::{Code, Form::Leave, Role::Server};

use super::world::{A, B, DRAIN, Sent, World, held, of};
use crate::arbiter::{
    Attached::Listener,
    Fetched,
    TerminationSignal::{Kill, Term},
};

const WAIT: Duration = Duration::from_secs(2);
const MOMENT: Duration = Duration::from_millis(1);

#[test]
fn nothing_is_decided_before_the_holder_of_the_file_is_back() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    let mut world = world.taken_over(&[]);
    world.server(20);
    assert_eq!(world.claims(20, A, Inherit), []);
    let sent = world.arrives(10, Server, Leave, vec![held(A, true)]);
    assert_eq!(of(20, &sent), [Sent::Granted(Listener)]);
}

#[test]
fn a_holder_that_has_died_meanwhile_is_not_waited_for() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    let mut world = world.taken_over(&[10]);
    world.server(20);
    assert_eq!(world.claims(20, A, Inherit), [(20, Sent::Granted(Listener))]);
}

#[test]
fn a_server_that_is_not_back_yet_is_still_recorded_as_serving_when_the_state_is_written_again() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    let mut world = world.taken_over(&[]);
    world.server_is_up(20, &[B]);
    assert_eq!(world.taken_over(&[]).serving(A), [10]);
}

#[test]
fn the_listener_of_a_holder_that_does_not_come_back_is_fetched() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    let mut world = world.taken_over(&[]);
    world.server(20);
    world.claims(20, A, Inherit);
    assert_eq!(of(20, &world.passes(WAIT)), [Sent::Granted(Listener)]);
    assert_eq!(world.serving(A), [10]);
    assert_eq!(of(10, &world.serves(20, A)), []);
    assert_eq!(of(10, &world.passes(DRAIN - MOMENT)), []);
    assert_eq!(of(10, &world.passes(MOMENT)), [Sent::Signalled(Term)]);
}

#[test]
fn an_absent_holder_that_has_not_read_its_grant_is_ended_after_a_short_wait() {
    let mut world = World::new();
    world.server(10);
    world.handles_takedown(10, A);
    world.claims(10, A, Inherit);
    let mut world = world.taken_over(&[]);
    world.fetch.insert(10, Fetched::Absent);
    world.server(20);
    world.claims(20, A, Inherit);
    assert_eq!(of(10, &world.passes(WAIT)), [Sent::Signalled(Term)]);
}

#[test]
fn an_absent_holder_without_the_listener_is_ended_before_one_is_opened() {
    let mut world = World::new();
    world.server(10);
    world.claims(10, A, Inherit);
    let mut world = world.taken_over(&[]);
    world.fetch.insert(10, Fetched::Absent);
    world.server(20);
    world.claims(20, A, Inherit);
    let sent = world.passes(WAIT + DRAIN);
    assert_eq!(of(10, &sent), [Sent::Signalled(Term), Sent::Signalled(Kill)]);
    assert_eq!(of(20, &sent), [Sent::Waiting]);
    assert_eq!(of(20, &world.ends(10)), [Sent::Granted(Listener)]);
}

#[test]
fn where_the_kernel_refuses_to_look_the_holder_is_ended_first() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    let mut world = world.taken_over(&[]);
    world.fetch.insert(10, Fetched::Refused);
    world.passes(WAIT);
    world.server(20);
    let sent = world.claims(20, A, Inherit);
    assert_eq!((of(10, &sent), of(20, &sent)), (vec![], vec![Sent::Waiting]));
    assert_eq!(of(10, &world.passes(DRAIN)), [Sent::Signalled(Term)]);
    assert_eq!(of(20, &world.ends(10)), [Sent::Granted(Listener)]);
}

#[test]
fn an_absent_holder_that_serves_another_address_lives_until_that_is_served_too() {
    let mut world = World::new();
    world.server_is_up(10, &[A, B]);
    let mut world = world.taken_over(&[]);
    world.passes(WAIT);
    let sent = world.server_is_up(20, &[A]);
    assert_eq!(of(10, &sent), []);
    assert_eq!(of(10, &world.passes(DRAIN)), []);
    world.claims(20, B, Inherit);
    assert_eq!(of(10, &world.serves(20, B)), []);
    assert_eq!(of(10, &world.passes(DRAIN)), [Sent::Signalled(Term)]);
}

#[test]
fn an_older_claim_is_superseded_once_the_newer_holder_is_back() {
    let mut world = World::new();
    world.server_is_up(20, &[A]);
    let mut world = world.taken_over(&[]);
    world.server(10);
    world.claims(10, A, Inherit);
    let sent = world.arrives(20, Server, Leave, vec![held(A, true)]);
    assert_eq!(of(10, &sent), [Sent::Refused(Code::Superseded)]);
}
