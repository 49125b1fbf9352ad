//! A new server that serves beside the old one for a while.

use std::time::Duration;

use serverswap::protocol::SocketMode::{Bind, Inherit};
use serverswap::protocol::message::EventKind::{Claimed, Draining, Gone, Granted, Probation, Serving, Up};
use serverswap::protocol::message::Form::{Leave, Stay};
use serverswap::protocol::message::{
    DecidedVerdict::{End, Keep},
    EventKind, Fail, FromClient,
    Role::Server,
    TimedOut,
};

use super::world::{A, Sent, World, held, of, process};
use crate::arbiter::ArbiterEvent;
use crate::arbiter::Attached::{Listener, Nothing};

const PROBATION: Duration = Duration::from_secs(10);

/// 10 serves; 20, whose supervisor is 21, has just begun to.
fn on_probation() -> (World, Vec<(u32, Sent)>) {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.probation_ms = 10_000;
    let mut sent = world.supervisor(21, Stay);
    sent.extend(world.server_is_up(20, &[A]));
    (world, sent)
}

fn events(kinds: &[EventKind]) -> Vec<Sent> {
    kinds.iter().map(|kind| Sent::Event(kind.clone(), Nothing)).collect()
}

#[test]
fn both_serve_and_the_old_one_is_not_touched() {
    let (world, sent) = on_probation();
    assert_eq!(of(10, &sent), []);
    assert_eq!(of(21, &sent)[1..], events(&[Claimed, Granted, Probation])[..]);
    assert_eq!(world.serving(A), [10, 20]);
}

#[test]
fn when_it_is_over_the_old_one_is_taken_down() {
    let (mut world, _) = on_probation();
    assert_eq!(of(10, &world.passes(PROBATION - Duration::from_millis(1))), []);
    let sent = world.passes(Duration::from_millis(1));
    assert_eq!(of(10, &sent), [Sent::Takedown]);
    let expected = [events(&[Draining]), vec![Sent::Event(Serving, Listener)], events(&[Up])].concat();
    assert_eq!(of(21, &sent), expected);
}

#[test]
fn a_new_one_that_ends_meanwhile_leaves_everything_as_it_was() {
    let (mut world, _) = on_probation();
    let sent = world.ends(20);
    assert_eq!((of(10, &sent), of(21, &sent)), (vec![], events(&[Gone])));
    assert_eq!(of(10, &world.passes(PROBATION)), []);
    assert_eq!(world.serving(A), [10]);
}

#[test]
fn one_that_gives_up_is_taken_down_and_ended() {
    let (mut world, _) = on_probation();
    let sent = world.sends(20, FromClient::Fail(Fail { reason: "no database".to_owned() }));
    assert_eq!((of(10, &sent), of(20, &sent)), (vec![], vec![Sent::Takedown]));
    let sent = world.sends(21, FromClient::TimedOut(TimedOut { id: 2 }));
    assert!(of(21, &sent).contains(&Sent::Verdict(End)), "{sent:?}");
    assert_eq!(of(10, &sent), []);
}

#[test]
fn it_is_over_when_the_old_one_is_gone() {
    let (mut world, _) = on_probation();
    let sent = world.ends(10);
    assert!(of(21, &sent).contains(&Sent::Event(Serving, Listener)), "{sent:?}");
    assert_eq!(world.serving(A), [20]);
}

#[test]
fn a_first_start_and_an_exclusive_address_have_none() {
    let mut world = World::new();
    world.probation_ms = 10_000;
    world.supervisor(11, Leave);
    world.server_is_up(10, &[A]);
    assert_eq!(world.serving(A), [10]);
    world.supervisor(21, Leave);
    world.server(20);
    assert_eq!(of(10, &world.claims(20, A, Bind)), [Sent::Takedown]);
}

#[test]
fn the_next_arbiter_continues_a_probation() {
    let (mut world, _) = on_probation();
    world.passes(PROBATION / 2);
    let mut world = world.taken_over(&[]);
    world.probation_ms = 10_000;
    world.arrives(10, Server, Leave, vec![held(A, true)]);
    world.arrives(20, Server, Leave, vec![held(A, true)]);
    assert_eq!(world.serving(A), [10, 20]);
    assert_eq!(of(10, &world.passes(PROBATION / 2)), [Sent::Takedown]);
    assert_eq!(world.serving(A), [20]);
}

#[test]
fn a_newer_one_without_it_takes_both_down() {
    let (mut world, _) = on_probation();
    world.probation_ms = 0;
    world.supervisor(31, Leave);
    let sent = world.server_is_up(30, &[A]);
    assert_eq!((of(10, &sent), of(20, &sent)), (vec![Sent::Takedown], vec![Sent::Takedown]));
}

#[test]
fn two_in_a_row_take_over_one_after_the_other() {
    let (mut world, _) = on_probation();
    world.passes(PROBATION / 2);
    world.supervisor(31, Leave);
    let sent = world.server_is_up(30, &[A]);
    assert_eq!((of(10, &sent), of(20, &sent)), (vec![], vec![]));
    assert_eq!(of(10, &world.passes(PROBATION / 2)), [Sent::Takedown]);
    assert_eq!(of(20, &world.passes(PROBATION / 2)), [Sent::Takedown]);
    assert_eq!(world.serving(A), [30]);
}

#[test]
fn a_claim_older_than_one_on_probation_is_superseded() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.probation_ms = 10_000;
    world.supervisor(31, Leave);
    world.server_is_up(30, &[A]);
    world.server(20);
    let sent = world.claims(20, A, Inherit);
    assert_eq!(of(20, &sent), [Sent::Refused(serverswap::protocol::message::Code::Superseded)]);
}

#[test]
fn a_late_claim_is_superseded_too_when_a_newer_one_is_on_probation_or_awaited() {
    let newer_on_probation = || {
        let mut world = World::new();
        world.server_is_up(10, &[A]);
        world.probation_ms = 10_000;
        world.supervisor(31, Leave);
        world.server_is_up(30, &[A]);
        world
    };
    let superseded = [Sent::Refused(serverswap::protocol::message::Code::Superseded)];
    for mut world in [newer_on_probation(), newer_on_probation().taken_over(&[])] {
        world.server(20);
        world.supervisor(21, Leave);
        world.sends(21, FromClient::TimedOut(TimedOut { id: 2 }));
        assert_eq!(of(20, &world.claims(20, A, Inherit)), superseded);
    }
}

#[test]
fn it_is_not_forgotten_when_the_connection_of_the_supervisor_ends_before_the_server_is_there() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.probation_ms = 10_000;
    world.supervisor(21, Leave);
    world.link_ends(21);
    assert_eq!(of(10, &world.server_is_up(20, &[A])), []);
    assert_eq!(of(10, &world.passes(PROBATION)), [Sent::Takedown]);
}

#[test]
fn a_probation_is_not_forgotten_when_the_supervisor_is_killed_before_its_server_is_there() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.probation_ms = 10_000;
    world.supervisor(21, Leave);
    world.ends(21);
    let mut world = world.taken_over(&[21]);
    world.arrives(10, Server, Leave, vec![held(A, true)]);
    assert_eq!(of(10, &world.server_is_up(20, &[A])), []);
    assert_eq!(of(10, &world.passes(PROBATION)), [Sent::Takedown]);
}

#[test]
fn of_generations_that_may_still_have_a_server_the_newest_are_remembered() {
    let mut world = World::new();
    for number in 1..=20 {
        world.supervisor(number * 10 + 1, Leave);
        world.ends(number * 10 + 1);
    }
    assert_eq!(world.arbiter.snapshot().generations.len(), 20, "their servers are still to be ended");
    world.passes(Duration::from_secs(70));
    let remembered: Vec<u64> =
        world.arbiter.snapshot().generations.keys().map(|generation| generation.start).collect();
    assert_eq!(remembered, (5..=20).collect::<Vec<u64>>());
}

#[test]
fn a_server_that_is_dead_when_its_probation_is_over_takes_nobody_down() {
    let (mut world, _) = on_probation();
    world.dead.insert(20);
    assert_eq!(of(10, &world.passes(2 * PROBATION)), []);
    assert_eq!(world.arbiter.deadline(), None);
    assert_eq!(of(10, &world.ends(20)), []);
    assert_eq!(world.serving(A), [10]);
}

#[test]
fn a_new_arbiter_for_whom_it_is_over_waits_for_the_others_first() {
    let (mut world, _) = on_probation();
    world.now += PROBATION;
    let mut world = world.taken_over(&[]);
    world.arrives(20, Server, Leave, vec![held(A, true)]);
    assert!(world.arbiter.deadline().is_some_and(|deadline| deadline > world.now));
    let sent = world.arrives(10, Server, Leave, vec![held(A, true)]);
    assert_eq!(of(10, &sent), [Sent::Welcome, Sent::Takedown]);
}

#[test]
fn a_server_that_gives_up_on_probation_without_a_supervisor_is_taken_down_and_the_old_one_serves_on() {
    let (mut world, _) = on_probation();
    world.ends(21);
    let sent = world.sends(20, FromClient::Fail(Fail { reason: "no database".to_owned() }));
    assert_eq!(of(20, &sent), [Sent::Takedown]);
    world.releases(20, A);
    assert_eq!(of(10, &world.passes(PROBATION)), []);
    assert_eq!(world.serving(A), [10]);
}

#[test]
fn a_server_that_was_taken_down_on_probation_stays_taken_down_for_the_next_arbiter() {
    let (mut world, _) = on_probation();
    world.sends(20, FromClient::Fail(Fail { reason: "no database".to_owned() }));
    let mut world = world.taken_over(&[]);
    world.arrives(10, Server, Leave, vec![held(A, true)]);
    let sent = world.arrives(20, Server, Leave, vec![held(A, true)]);
    assert_eq!(of(20, &sent), [Sent::Welcome, Sent::Takedown]);
    assert_eq!(of(10, &world.passes(PROBATION)), []);
    assert_eq!(world.serving(A), [10]);
}

#[test]
fn one_that_is_not_back_at_a_new_arbiter_may_be_ended_by_its_supervisor() {
    let (world, _) = on_probation();
    let mut world = world.taken_over(&[]);
    world.supervisor(21, Stay);
    let sent = world.sends(21, FromClient::TimedOut(TimedOut { id: 2 }));
    assert_eq!(of(21, &sent), [Sent::Verdict(End)]);
}

#[test]
fn the_last_one_that_serves_is_not_ended_for_being_late_on_it() {
    let (mut world, _) = on_probation();
    let gone = ArbiterEvent::Gone { process: process(10), remains: Default::default() };
    let late = world.received(21, FromClient::TimedOut(TimedOut { id: 2 }));
    let sent = world.happens(vec![gone, late]);
    assert!(of(21, &sent).contains(&Sent::Verdict(Keep)), "{sent:?}");
}

#[test]
fn one_that_a_newer_one_has_replaced_is_not_ended_for_being_late() {
    let (mut world, _) = on_probation();
    world.probation_ms = 0;
    world.supervisor(31, Leave);
    world.server_is_up(30, &[A]);
    let sent = world.sends(21, FromClient::TimedOut(TimedOut { id: 2 }));
    assert!(of(21, &sent).contains(&Sent::Verdict(Keep)), "{sent:?}");
    world.releases(20, A);
    let sent = world.sends(21, FromClient::TimedOut(TimedOut { id: 3 }));
    assert!(of(21, &sent).contains(&Sent::Verdict(Keep)), "{sent:?}");
}

#[test]
fn one_that_drains_has_not_served_fully_for_the_next_arbiter_either() {
    let (mut world, _) = on_probation();
    world.probation_ms = 0;
    world.server_is_up(30, &[A]);
    world.releases(20, A);
    let mut world = world.taken_over(&[]);
    world.arrives(30, Server, Leave, vec![held(A, true)]);
    world.supervisor(21, Stay);
    let sent = world.ends(20);
    assert!(!of(21, &sent).contains(&Sent::Event(Serving, Nothing)), "{sent:?}");
    assert!(!of(21, &sent).contains(&Sent::Event(Serving, Listener)), "{sent:?}");
}

#[test]
fn a_minimal_client_is_on_it_for_the_next_arbiter_too() {
    let (world, _) = on_probation();
    let mut world = world.taken_over(&[]);
    world.arrives(10, Server, Leave, vec![held(A, true)]);
    let (holding, _) = held(A, true);
    let sent = world.arrives(20, Server, Leave, vec![(holding, Nothing)]);
    assert_eq!(of(10, &sent), []);
    assert_eq!(of(10, &world.passes(PROBATION)), [Sent::Takedown]);
}
