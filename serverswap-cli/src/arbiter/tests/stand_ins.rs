//! Servers that do not speak the protocol, and those who speak for them.

use std::time::Duration;

use serverswap::protocol::SocketMode::Inherit;
use serverswap::protocol::message::EventKind::{self, Serving};
use serverswap::protocol::message::{
    Code, Error, Form::Leave, Form::Stay, FromClient, Progress, StandIn, Stop as StopRequest,
};

use super::world::{A, B, DRAIN, KILL, Sent, World, address, generation, held, of, process};
use crate::arbiter::Attached::{Listener, Nothing};
use crate::arbiter::TerminationSignal::{self, Kill};
use crate::arbiter::{ArbiterEvent, Fetched, Remains};

const QUIT: u32 = 3;
const STOP: TerminationSignal = TerminationSignal::Stop(QUIT);
const MOMENT: Duration = Duration::from_millis(1);
const WAIT: Duration = Duration::from_secs(2);

fn quits(pid: u32) -> StandIn {
    StandIn { pid, stop_signal: QUIT, adopt: false }
}

/// A server with a stand-in, which inherits the addresses.
fn stands_in(world: &mut World, pid: u32, texts: &[&str]) -> Vec<(u32, Sent)> {
    let mut sent = world.stand_in_arrives(quits(pid), Vec::new());
    for text in texts {
        sent.extend(world.claims(pid, text, Inherit));
    }
    for text in texts {
        sent.extend(world.serves(pid, text));
    }
    sent
}

#[test]
fn it_is_taken_down_by_its_stop_signal_and_killed_when_its_drain_is_over() {
    let mut world = World::new();
    stands_in(&mut world, 10, &[A]);
    assert_eq!(of(10, &world.server_is_up(20, &[A])), [Sent::Takedown, Sent::Signalled(STOP)]);
    assert_eq!(of(10, &world.passes(DRAIN - MOMENT)), []);
    assert_eq!(of(10, &world.passes(MOMENT)), [Sent::Signalled(Kill)]);
    assert_eq!(world.arbiter.deadline(), None);
}

#[test]
fn its_drain_begins_when_the_signal_was_sent() {
    let mut world = World::new();
    world.is_signalling = true;
    stands_in(&mut world, 10, &[A]);
    assert_eq!(of(10, &world.server_is_up(20, &[A])), [Sent::Takedown, Sent::Signalled(STOP)]);
    assert_eq!(of(10, &world.passes(WAIT)), []);
    world.is_signalling = false;
    let sent = ArbiterEvent::SignalSent { generation: generation(10), signal: STOP };
    assert_eq!(of(10, &world.happens(vec![sent])), []);
    assert_eq!(of(10, &world.passes(DRAIN - MOMENT)), []);
    assert_eq!(of(10, &world.passes(MOMENT)), [Sent::Signalled(Kill)]);
}

#[test]
fn nobody_waits_for_a_stand_in_to_come_back() {
    let mut world = World::new();
    stands_in(&mut world, 10, &[A]);
    world.link_ends(10);
    assert_eq!(world.serving(A), [10]);
    world.server(20);
    assert_eq!(world.claims(20, A, Inherit), [(20, Sent::Granted(Listener))]);
    assert_eq!(of(10, &world.serves(20, A)), [Sent::Signalled(STOP)]);
    assert_eq!(of(10, &world.passes(DRAIN)), [Sent::Signalled(Kill)]);
}

#[test]
fn the_next_arbiter_fetches_the_listener_at_once_and_stops_it_in_the_same_way() {
    let mut world = World::new();
    stands_in(&mut world, 10, &[A]);
    let mut world = world.taken_over(&[]);
    world.server(20);
    assert_eq!(world.claims(20, A, Inherit), [(20, Sent::Granted(Listener))]);
    assert_eq!(of(10, &world.serves(20, A)), [Sent::Signalled(STOP)]);
    assert_eq!(of(10, &world.passes(DRAIN)), [Sent::Signalled(Kill)]);
}

#[test]
fn one_whose_supervisor_lives_is_awaited_by_the_next_arbiter() {
    let mut world = World::new();
    world.supervisor(11, Stay);
    stands_in(&mut world, 10, &[A]);
    let mut world = world.taken_over(&[]);
    world.server(20);
    assert_eq!(world.claims(20, A, Inherit), []);
    let (holding, attached) = held(A, true);
    world.supervisor(11, Stay);
    let sent = world.stand_in_arrives(quits(10), vec![(holding, attached)]);
    assert_eq!(of(20, &sent), [Sent::Granted(Listener)]);
}

#[test]
fn a_stop_signal_is_sent_once_also_across_a_change_of_arbiter() {
    let mut world = World::new();
    stands_in(&mut world, 10, &[A]);
    world.server_is_up(20, &[A]);
    world.passes(WAIT);
    let mut world = world.taken_over(&[]);
    world.arrives(20, serverswap::protocol::message::Role::Server, Leave, vec![held(A, true)]);
    assert_eq!(of(10, &world.passes(DRAIN - WAIT - MOMENT)), []);
    assert_eq!(of(10, &world.passes(MOMENT)), [Sent::Signalled(Kill)]);
}

#[test]
fn a_server_that_serves_another_address_is_not_stopped() {
    let mut world = World::new();
    stands_in(&mut world, 10, &[A, B]);
    world.server(20);
    world.claims(20, A, Inherit);
    world.claims(20, B, Inherit);
    assert_eq!(of(10, &world.serves(20, A)), [Sent::Takedown]);
    assert_eq!(of(10, &world.passes(DRAIN + KILL)), []);
    assert_eq!(of(10, &world.serves(20, B)), [Sent::Takedown, Sent::Signalled(STOP)]);
    assert_eq!(of(10, &world.passes(DRAIN - MOMENT)), []);
    assert_eq!(of(10, &world.passes(MOMENT)), [Sent::Signalled(Kill)]);
}

#[test]
fn more_time_that_it_asks_for_is_given() {
    let mut world = World::new();
    stands_in(&mut world, 10, &[A]);
    world.server_is_up(20, &[A]);
    let extend_ms = Some(60_000);
    world.sends(10, FromClient::Progress(Progress { re: 1, extend_ms, ..Progress::default() }));
    assert_eq!(of(10, &world.passes(2 * DRAIN - MOMENT)), []);
    assert_eq!(of(10, &world.passes(MOMENT)), [Sent::Signalled(Kill)]);
}

#[test]
fn a_takedown_that_its_stand_in_cannot_answer_takes_no_time_from_it() {
    let mut world = World::new();
    stands_in(&mut world, 10, &[A]);
    world.server_is_up(20, &[A]);
    let error = Error { re: Some(1), code: Code::UnknownType, message: String::new(), fatal: false };
    assert_eq!(world.sends(10, FromClient::Error(error)), []);
    assert_eq!(of(10, &world.passes(DRAIN - MOMENT)), []);
}

#[test]
fn it_is_stopped_when_its_supervisor_is_asked_to_stop() {
    let mut world = World::new();
    world.supervisor(11, Stay);
    stands_in(&mut world, 10, &[A]);
    let sent = world.sends(11, FromClient::Stop(StopRequest {}));
    assert_eq!(of(10, &sent), [Sent::Takedown, Sent::Signalled(STOP)]);
}

#[test]
fn one_that_waits_for_its_grant_is_not_stopped_for_it() {
    let mut world = World::new();
    stands_in(&mut world, 10, &[A]);
    world.stand_in_arrives(quits(20), Vec::new());
    assert_eq!(world.claims(20, A, Inherit), [(20, Sent::Granted(Listener))]);
    assert_eq!(of(10, &world.passes(DRAIN)), []);
    assert_eq!(of(10, &world.ends(20)), []);
    assert_eq!(world.serving(A), [10]);
}

#[test]
fn one_that_is_tried_on_probation_is_stopped_when_it_gives_up() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.probation_ms = 2_000;
    world.supervisor(21, Stay);
    stands_in(&mut world, 20, &[A]);
    let fail = serverswap::protocol::message::Fail { reason: "it crashes".to_owned() };
    let sent = world.sends(20, FromClient::Fail(fail));
    assert_eq!(of(20, &sent), [Sent::Takedown, Sent::Signalled(STOP)]);
    assert_eq!(world.serving(A), [10]);
}

#[test]
fn what_remains_of_it_has_the_rest_of_its_drain() {
    let mut world = World::new();
    stands_in(&mut world, 10, &[A]);
    world.server_is_up(20, &[A]);
    world.passes(WAIT);
    world.ends_and_leaves(10, &[12]);
    assert_eq!(of(12, &world.passes(DRAIN - WAIT - MOMENT)), []);
    assert_eq!(world.passes(MOMENT), [(12, Sent::Signalled(Kill))]);
}

#[test]
fn what_remains_of_one_that_ended_by_itself_is_stopped_by_its_signal() {
    let mut world = World::new();
    stands_in(&mut world, 10, &[A]);
    world.ends_and_leaves(10, &[12]);
    world.server(20);
    assert_eq!(of(20, &world.claims(20, A, Inherit)), [Sent::Granted(Listener)]);
    assert_eq!(world.serves(20, A), [(12, Sent::Signalled(STOP))]);
    assert_eq!(of(12, &world.passes(DRAIN)), [Sent::Signalled(Kill)]);
}

#[test]
fn what_such_a_server_has_left_is_stopped_by_its_signal_by_the_next_arbiter_too() {
    let mut world = World::new();
    stands_in(&mut world, 10, &[A]);
    world.ends_and_leaves(10, &[12]);
    // The second one takes over what is still being looked for.
    let mut world = world.taken_over(&[]).taken_over(&[]);
    world.server(20);
    assert_eq!(of(20, &world.claims(20, A, Inherit)), [Sent::Granted(Listener)]);
    assert_eq!(of(12, &world.serves(20, A)), [Sent::Signalled(STOP)]);
}

#[test]
fn so_it_is_where_the_next_arbiter_finds_only_what_remains() {
    let mut world = World::new();
    stands_in(&mut world, 10, &[A]);
    world.server_is_up(20, &[A]);
    let remains = Remains::from([(generation(10), [process(12)].into())]);
    let mut world = world.taken_over_with(&[10], &remains);
    world.arrives(20, serverswap::protocol::message::Role::Server, Leave, vec![held(A, true)]);
    assert_eq!(of(12, &world.passes(DRAIN - MOMENT)), []);
    assert_eq!(of(12, &world.passes(MOMENT)), [Sent::Signalled(Kill)]);
}

#[test]
fn a_server_that_speaks_for_itself_again_is_taken_down_as_others_are() {
    let mut world = World::new();
    stands_in(&mut world, 10, &[A]);
    world.link_ends(10);
    world.arrives(10, serverswap::protocol::message::Role::Server, Leave, vec![held(A, true)]);
    assert_eq!(of(10, &world.server_is_up(20, &[A])), [Sent::Takedown]);
}

// --- `provide` ---------------------------------------------------------------------------------

#[test]
fn where_there_is_no_listener_it_is_granted_without_one_and_sends_it() {
    let mut world = World::new();
    world.supervisor(11, Stay);
    world.stand_in_arrives(quits(10), Vec::new());
    let sent = world.claims_to_provide(10, A);
    assert_eq!(of(10, &sent), [Sent::Granted(Nothing)]);
    assert!(!world.has_listener(A));
    assert_eq!(of(11, &world.provides(10, A))[0], Sent::Event(Serving, Listener));
    assert!(world.has_listener(A));
    assert_eq!(world.serving(A), [10]);
}

#[test]
fn where_there_is_one_it_is_granted_with_it_and_owes_none() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.stand_in_arrives(quits(20), Vec::new());
    assert_eq!(world.claims_to_provide(20, A), [(20, Sent::Granted(Listener))]);
    assert_eq!(of(10, &world.serves(20, A)), [Sent::Takedown]);
}

#[test]
fn a_listener_that_is_owed_and_does_not_come_is_a_fault() {
    let mut world = World::new();
    world.stand_in_arrives(quits(10), Vec::new());
    world.claims_to_provide(10, A);
    assert_eq!(world.serves(10, A), [(10, Sent::Refused(Code::InvalidMessage))]);
    assert!(world.serving(A).is_empty());
}

#[test]
fn others_wait_while_one_is_about_to_open_the_listener() {
    let mut world = World::new();
    world.stand_in_arrives(quits(10), Vec::new());
    world.claims_to_provide(10, A);
    world.stand_in_arrives(quits(20), Vec::new());
    assert_eq!(world.claims_to_provide(20, A), [(20, Sent::Waiting)]);
    world.server(30);
    assert_eq!(of(10, &world.claims(30, A, Inherit)), []);
    assert_eq!(of(30, &world.provides(10, A)), [Sent::Granted(Listener)]);
    assert_eq!(world.serving(A), [10]);
}

#[test]
fn the_next_one_is_asked_to_open_it_when_the_first_one_ends() {
    let mut world = World::new();
    world.stand_in_arrives(quits(10), Vec::new());
    world.claims_to_provide(10, A);
    world.stand_in_arrives(quits(20), Vec::new());
    world.claims_to_provide(20, A);
    assert_eq!(world.ends(10), [(20, Sent::Granted(Nothing))]);
}

#[test]
fn one_that_comes_back_before_it_has_opened_the_listener_still_owes_it() {
    let mut world = World::new();
    world.supervisor(11, Stay);
    world.stand_in_arrives(quits(10), Vec::new());
    world.claims_to_provide(10, A);
    for mut world in [world.taken_over(&[]), World::new()] {
        let (holding, _) = held(A, false);
        world.stand_in_arrives(quits(10), vec![(holding, Nothing)]);
        world.supervisor(11, Stay);
        world.stand_in_arrives(quits(20), Vec::new());
        assert_eq!(of(20, &world.claims_to_provide(20, A)), [Sent::Waiting]);
        world.provides(10, A);
        assert!(world.has_listener(A));
        assert_eq!(world.serving(A), [10]);
    }
}

#[test]
fn one_that_does_not_come_back_may_have_opened_the_listener_meanwhile() {
    for (found, granted) in [(Fetched::Found, Listener), (Fetched::Absent, Nothing)] {
        let mut world = World::new();
        world.stand_in_arrives(quits(10), Vec::new());
        world.claims_to_provide(10, A);
        let mut world = world.taken_over(&[]);
        world.fetch.insert(10, found);
        world.stand_in_arrives(quits(20), Vec::new());
        let mut sent = world.claims_to_provide(20, A);
        assert_eq!(of(10, &sent), [], "nothing is taken down for it");
        sent.extend(world.ends(10));
        assert!(of(20, &sent).contains(&Sent::Granted(granted)), "{found:?}");
    }
}

#[test]
fn one_that_is_stopped_before_it_has_opened_the_listener_does_not_keep_the_next_ones_waiting() {
    let mut world = World::new();
    world.supervisor(11, Stay);
    world.stand_in_arrives(quits(10), Vec::new());
    world.claims_to_provide(10, A);
    world.is_signalling = true;
    assert_eq!(
        of(10, &world.sends(11, FromClient::Stop(StopRequest {}))),
        [Sent::Takedown, Sent::Signalled(STOP)]
    );
    let mut world = world.taken_over(&[11]);
    assert_eq!(of(10, &world.stand_in_arrives(quits(20), Vec::new())), [Sent::Signalled(STOP)]);
    assert_eq!(of(20, &world.claims_to_provide(20, A)), [Sent::Waiting]);
    assert_eq!(of(20, &world.ends(10)), [Sent::Granted(Nothing)]);
}

#[test]
fn no_listener_is_asked_for_while_a_server_may_have_it_of_which_no_state_says_so() {
    let mut world = World::knowing_only_of(&[10]);
    world.stand_in_arrives(quits(20), Vec::new());
    assert_eq!(world.claims_to_provide(20, A), [(20, Sent::Waiting)]);
    let sent = world.arrives(10, serverswap::protocol::message::Role::Server, Leave, vec![held(A, true)]);
    assert_eq!(of(20, &sent), [Sent::Granted(Listener)]);
}

#[test]
fn the_kernel_says_whether_it_is_free_once_nobody_comes_back_any_more() {
    let mut world = World::knowing_only_of(&[10]);
    world.stand_in_arrives(quits(20), Vec::new());
    assert_eq!(world.claims_to_provide(20, A), [(20, Sent::Waiting)]);
    assert_eq!(world.passes(WAIT), [(20, Sent::Granted(Nothing))]);
}

#[test]
fn a_server_that_speaks_for_itself_opens_no_listener() {
    let mut world = World::new();
    world.server(10);
    assert_eq!(of(10, &world.claims_to_provide(10, A)), [Sent::Granted(Listener)]);
}

// --- adoption ----------------------------------------------------------------------------------

#[test]
fn a_server_that_nobody_has_started_is_replaced_like_any_other_with_the_deadlines_that_come_with_it() {
    let mut world = World::new();
    world.stand_in_arrives(StandIn { pid: 10, stop_signal: QUIT, adopt: true }, Vec::new());
    assert_eq!(of(10, &world.claims_to_provide(10, A)), [Sent::Granted(Nothing)]);
    world.provides(10, A);
    world.supervisor(21, Leave);
    stands_in(&mut world, 20, &[A]);
    assert_eq!(world.serving(A), [20]);
    assert_eq!(of(10, &world.passes(DRAIN - MOMENT)), []);
    assert_eq!(of(10, &world.passes(MOMENT)), [Sent::Signalled(Kill)]);
    assert_eq!(
        of(21, &world.ends(10)),
        [Sent::Event(EventKind::Gone, Nothing), Sent::Event(EventKind::Done, Nothing)]
    );
}

#[test]
fn the_state_says_how_a_server_is_stopped() {
    let mut world = World::new();
    world.stand_in_arrives(StandIn { pid: 10, stop_signal: QUIT, adopt: true }, Vec::new());
    world.claims_to_provide(10, A);
    let holder = |world: &World| world.arbiter.snapshot().addresses[&address(A)].holders[0].clone();
    assert!(holder(&world).provides);
    world.provides(10, A);
    let served = holder(&world);
    let stand_in = served.stand_in.expect("it has one");
    assert_eq!((served.provides, stand_in.stop_signal, stand_in.adopted), (false, QUIT, true));
}
