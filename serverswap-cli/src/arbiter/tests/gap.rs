//! An address that is without a server for a moment.

use std::time::Duration;

use serverswap::protocol::SocketMode::{self, Bind, Inherit};
use serverswap::protocol::message::EventKind::Gap;
use serverswap::protocol::message::Form::Leave;

use super::world::{A, DRAIN, Sent, World, of};
use crate::arbiter::{Attached::Nothing, Fetched, TerminationSignal::Term};

const WAIT: Duration = Duration::from_secs(2);

/// 10 serves and does not come back to the next arbiter; 20, whose supervisor is 21, claims.
fn claimed_from_an_absent_holder(socket: SocketMode, found: Fetched) -> (World, Vec<(u32, Sent)>) {
    let mut world = World::new();
    world.server(10);
    world.claims(10, A, socket);
    world.handles_takedown(10, A);
    world.serves(10, A);
    let mut world = world.taken_over(&[]);
    world.fetch.insert(10, found);
    world.supervisor(21, Leave);
    world.server(20);
    world.claims(20, A, socket);
    let sent = world.passes(WAIT);
    (world, sent)
}

/// It has its drain: it may be busy, and come back.
fn is_ended_after_its_drain(mut world: World, sent: &[(u32, Sent)]) -> bool {
    of(10, sent).is_empty() && of(10, &world.passes(DRAIN)) == [Sent::Signalled(Term)]
}

fn gaps(sent: &[(u32, Sent)]) -> usize {
    of(21, sent).iter().filter(|sent| **sent == Sent::Event(Gap, Nothing)).count()
}

#[test]
fn a_holder_whose_listener_cannot_be_fetched_is_ended_first_and_the_gap_is_reported() {
    let (world, sent) = claimed_from_an_absent_holder(Inherit, Fetched::Refused);
    assert_eq!((gaps(&sent), is_ended_after_its_drain(world, &sent)), (1, true));
}

#[test]
fn an_exclusive_holder_that_does_not_come_back_is_ended_first_and_the_gap_is_reported() {
    let (world, sent) = claimed_from_an_absent_holder(Bind, Fetched::Absent);
    assert_eq!((gaps(&sent), is_ended_after_its_drain(world, &sent)), (1, true));
}

#[test]
fn a_holder_that_has_lost_its_listener_has_left_a_gap() {
    let (world, sent) = claimed_from_an_absent_holder(Inherit, Fetched::Absent);
    assert_eq!((gaps(&sent), is_ended_after_its_drain(world, &sent)), (1, true));
}

#[test]
fn a_holder_whose_listener_is_found_leaves_no_gap() {
    let (mut world, mut sent) = claimed_from_an_absent_holder(Inherit, Fetched::Found);
    sent.extend(world.serves(20, A));
    assert_eq!(gaps(&sent), 0);
}

#[test]
fn an_exclusive_swap_by_request_is_no_gap() {
    let mut world = World::new();
    world.server(10);
    world.claims(10, A, Bind);
    world.handles_takedown(10, A);
    world.serves(10, A);
    world.supervisor(21, Leave);
    world.server(20);
    assert_eq!(gaps(&world.claims(20, A, Bind)), 0);
}
