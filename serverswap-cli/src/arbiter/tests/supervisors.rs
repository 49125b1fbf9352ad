use serverswap::protocol::SocketMode::Inherit;
use serverswap::protocol::message::DecidedVerdict::{End, Keep};
use serverswap::protocol::message::EventKind::{
    Busy, Claimed, Done, Draining, Gone, Granted, Replaced, Serving, Superseded, Up, Vacant,
};
use serverswap::protocol::message::Form::{Leave, Stay};
use serverswap::protocol::message::{Code, FromClient, ReadyFor, Role, ServerUp, Stop, TimedOut};

use super::world::{A, Sent, World, address, held, of};
use crate::arbiter::Attached::{Listener, Nothing};

fn events(kinds: &[serverswap::protocol::message::EventKind]) -> Vec<Sent> {
    kinds.iter().map(|kind| Sent::Event(kind.clone(), Nothing)).collect()
}

#[test]
fn a_leaving_supervisor_is_sent_the_whole_handover_in_order() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.supervisor(21, Leave);
    let mut sent = world.server_is_up(20, &[A]);
    sent.extend(world.releases(10, A));
    sent.extend(world.ends(10));
    assert_eq!(of(21, &sent), events(&[Claimed, Granted, Draining, Serving, Up, Gone, Done]));
}

#[test]
fn a_supervisor_that_stays_gets_the_listener_with_serving_and_learns_that_its_deploy_is_done() {
    let mut world = World::new();
    world.supervisor(11, Stay);
    let sent = world.server_is_up(10, &[A]);
    let expected = [Sent::Event(Serving, Listener), Sent::Event(Up, Nothing), Sent::Event(Done, Nothing)];
    assert_eq!(of(11, &sent)[2..], expected);
}

#[test]
fn its_listener_outlives_the_server_and_the_arbiter() {
    let mut world = World::new();
    world.supervisor(11, Stay);
    world.server_is_up(10, &[A]);
    assert_eq!(of(11, &world.ends(10)), events(&[Gone, Vacant]));
    assert!(world.has_listener(A));
    let mut world = world.taken_over(&[10]);
    world.server(12);
    assert_eq!(world.claims(12, A, Inherit), []);
    let sent = world.arrives(11, Role::Supervisor, Stay, vec![held(A, true)]);
    assert_eq!(of(12, &sent), [Sent::Granted(Listener)]);
}

#[test]
fn replaced_is_sent_only_when_the_newer_generation_serves() {
    let mut world = World::new();
    world.supervisor(11, Stay);
    world.server_is_up(10, &[A]);
    world.server(20);
    assert_eq!(of(11, &world.claims(20, A, Inherit)), []);
    let sent = world.serves(20, A);
    assert_eq!(of(11, &sent), events(&[Draining, Replaced]));
}

#[test]
fn a_crashed_server_whose_address_a_newer_one_claims_is_busy() {
    let mut world = World::new();
    world.supervisor(11, Stay);
    world.server_is_up(10, &[A]);
    world.server(20);
    world.claims(20, A, Inherit);
    assert_eq!(of(11, &world.ends(10)), events(&[Gone, Busy]));
}

#[test]
fn a_server_that_serves_is_kept_when_it_is_not_up_in_time() {
    let mut world = World::new();
    world.supervisor(11, Leave);
    world.server(10);
    world.claims(10, A, Inherit);
    world.serves(10, A);
    assert_eq!(world.sends(11, FromClient::TimedOut(TimedOut { id: 2 })), [(11, Sent::Verdict(Keep))]);
}

#[test]
fn a_late_message_of_a_server_that_is_being_ended_takes_nobody_down() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.supervisor(21, Leave);
    world.server(20);
    world.claims(20, A, Inherit);
    let sent = world.sends(21, FromClient::TimedOut(TimedOut { id: 2 }));
    assert!(of(21, &sent).contains(&Sent::Verdict(End)));
    assert_eq!(of(10, &world.serves(20, A)), []);
    assert_eq!(world.claims(20, "127.0.0.1:1", Inherit), [(20, Sent::Refused(Code::Stopping))]);
}

#[test]
fn a_server_that_crashes_while_an_older_one_releases_its_address_can_be_started_again_at_once() {
    let mut world = World::new();
    world.supervisor(21, Stay);
    world.server_is_up(10, &[A]);
    world.server_is_up(20, &[A]);
    assert!(of(21, &world.ends(20)).contains(&Sent::Event(Vacant, Nothing)));
}

#[test]
fn a_server_that_the_file_lists_as_serving_is_kept() {
    let mut world = World::new();
    world.supervisor(11, Stay);
    world.server_is_up(10, &[A]);
    let mut world = world.taken_over(&[]);
    world.supervisor(11, Stay);
    assert_eq!(of(11, &world.sends(11, FromClient::TimedOut(TimedOut { id: 2 }))), [Sent::Verdict(Keep)]);
}

#[test]
fn a_server_that_announced_more_claims_is_up_when_it_sends_server_up() {
    let mut world = World::new();
    world.supervisor(11, Leave);
    world.server(10);
    let claim = ReadyFor { id: 2, address: address(A), socket: Inherit, more: true, provide: false };
    world.sends(10, FromClient::ReadyFor(claim));
    assert_eq!(of(11, &world.serves(10, A)), events(&[Serving]));
    assert_eq!(of(11, &world.sends(10, FromClient::ServerUp(ServerUp {}))), events(&[Up, Done]));
}

#[test]
fn a_status_is_sent_again_on_a_new_connection() {
    let mut world = World::new();
    world.supervisor(11, Leave);
    world.server_is_up(10, &[A]);
    world.link_ends(11);
    let sent = world.supervisor(11, Leave);
    assert_eq!(of(11, &sent)[1..], events(&[Serving, Up, Done])[..]);
}

#[test]
fn an_owner_that_comes_back_when_a_newer_generation_serves_is_sent_replaced() {
    let mut world = World::new();
    world.supervisor(11, Stay);
    world.server_is_up(10, &[A]);
    world.ends(10);
    world.link_ends(11);
    world.server_is_up(20, &[A]);
    let owned = (held(A, true).0, Nothing);
    let sent = world.arrives(11, Role::Supervisor, Stay, vec![owned]);
    assert_eq!(of(11, &sent)[1..], events(&[Replaced, Up])[..]);
}

/// N3 delays grants, not what is known already: a command that is late must not hear that it was too slow.
#[test]
fn a_claim_that_has_lost_is_superseded_while_holders_are_awaited() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.supervisor(21, Leave);
    world.server(20);
    let mut world = world.taken_over(&[]);
    world.supervisor(21, Leave);
    world.server(20);
    assert_eq!(of(20, &world.claims(20, A, Inherit)), []);
    let sent = world.arrives(30, Role::Server, Leave, vec![held(A, true)]);
    assert_eq!(of(20, &sent), [Sent::Refused(Code::Superseded)]);
    assert_eq!(of(21, &sent), events(&[Superseded]));
}

#[test]
fn a_supervisor_that_comes_back_learns_that_its_server_lost_meanwhile() {
    let mut world = World::new();
    world.server_is_up(20, &[A]);
    world.server(10);
    world.claims(10, A, Inherit);
    assert_eq!(of(11, &world.supervisor(11, Leave))[1..], events(&[Superseded])[..]);
}

#[test]
fn a_supervisor_learns_from_the_next_arbiter_that_its_server_was_granted_and_replaced() {
    let mut world = World::new();
    world.supervisor(11, Leave);
    world.server(10);
    world.claims(10, A, Inherit);
    let mut world = world.taken_over(&[10]);
    world.server_is_up(20, &[A]);
    assert_eq!(of(11, &world.supervisor(11, Leave))[1..], events(&[Granted, Replaced])[..]);
}

#[test]
fn what_a_server_had_is_known_to_the_arbiter_after_the_next() {
    let mut world = World::new();
    world.supervisor(11, Leave);
    world.server(10);
    let mut world = world.taken_over(&[]);
    world.server(10);
    world.handles_takedown(10, A);
    world.claims(10, A, Inherit);
    world.serves(10, A);
    world.server_is_up(20, &[A]);
    world.releases(10, A);
    world.ends(10);
    let mut world = world.taken_over(&[10]);
    world.arrives(20, Role::Server, Leave, vec![held(A, true)]);
    assert_eq!(of(11, &world.supervisor(11, Leave))[1..], events(&[Serving, Replaced, Up])[..]);
}

#[test]
fn the_end_of_a_server_is_reported_when_it_is_known_which_server_has_its_address() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.supervisor(21, Leave);
    world.server(20);
    world.claims(20, A, Inherit);
    let mut world = world.taken_over(&[]);
    world.supervisor(21, Leave);
    world.arrives(20, Role::Server, Leave, vec![held(A, false)]);
    assert_eq!(of(21, &world.ends(20)), events(&[]));
    world.arrives(10, Role::Server, Leave, vec![held(A, true)]);
    assert_eq!(of(21, &world.server_is_up(30, &[A])), events(&[Busy, Replaced]));
}

#[test]
fn nothing_is_kept_for_a_supervisor_that_has_left() {
    let mut world = World::new();
    world.supervisor(11, Leave);
    world.server_is_up(10, &[A]);
    world.ends(11);
    world.server_is_up(20, &[A]);
    world.ends(10);
    assert!(world.arbiter.snapshot().pending_events.is_empty());
}

#[test]
fn a_server_that_finishes_what_it_accepted_is_kept() {
    let mut world = World::new();
    world.supervisor(11, Leave);
    world.server(10);
    world.claims(10, A, Inherit);
    world.handles_takedown(10, A);
    world.server_is_up(20, &[A]);
    world.releases(10, A);
    assert_eq!(world.sends(11, FromClient::TimedOut(TimedOut { id: 2 })), [(11, Sent::Verdict(Keep))]);
}

#[test]
fn a_server_that_comes_back_after_its_supervisor_was_asked_to_stop_is_taken_down() {
    let mut world = World::new();
    world.supervisor(11, Stay);
    world.server_is_up(10, &[A]);
    let mut world = world.taken_over(&[]);
    world.supervisor(11, Stay);
    world.sends(11, FromClient::Stop(Stop {}));
    let sent = world.arrives(10, Role::Server, Leave, vec![held(A, true)]);
    assert!(of(10, &sent).contains(&Sent::Takedown), "{sent:?}");
}

#[test]
fn a_supervisor_that_comes_when_its_server_is_replaced_already_learns_that_it_served() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.server_is_up(20, &[A]);
    world.server_is_up(30, &[A]);
    assert_eq!(of(21, &world.supervisor(21, Leave))[1..], events(&[Serving, Replaced, Up])[..]);
}
