use std::time::Duration;

use serverswap::protocol::SocketMode::{Bind, Inherit};
use serverswap::protocol::message::{
    Closed, Code, Error, EventKind, Fail, Form::Leave, Form::Stay, FromClient, Progress, Stop,
};

use super::world::{A, B, DRAIN, KILL, Sent, World, address, of};
use crate::arbiter::Attached;
use crate::arbiter::TerminationSignal::{Kill, Term};

const MOMENT: Duration = Duration::from_millis(1);

#[test]
fn a_server_that_does_not_exit_gets_term_and_then_kill() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.server_is_up(20, &[A]);
    world.releases(10, A);
    assert_eq!(world.passes(DRAIN - MOMENT), []);
    assert_eq!(world.passes(MOMENT), [(10, Sent::Signalled(Term))]);
    assert_eq!(world.passes(KILL - MOMENT), []);
    assert_eq!(world.passes(MOMENT), [(10, Sent::Signalled(Kill))]);
    assert_eq!(world.arbiter.deadline(), None);
}

#[test]
fn a_server_without_a_handler_gets_term_at_once() {
    let mut world = World::new();
    world.server(10);
    world.claims(10, A, Inherit);
    world.serves(10, A);
    assert_eq!(of(10, &world.server_is_up(20, &[A])), [Sent::Signalled(Term)]);
}

#[test]
fn a_server_that_serves_another_address_is_never_ended() {
    let mut world = World::new();
    world.server_is_up(10, &[A, B]);
    world.server_is_up(20, &[A]);
    world.releases(10, A);
    assert_eq!(world.passes(DRAIN + KILL), []);
    assert_eq!(world.serving(B), [10]);
}

#[test]
fn its_drain_begins_anew_when_the_last_address_goes() {
    let mut world = World::new();
    world.server_is_up(10, &[A, B]);
    world.server(20);
    world.claims(20, A, Inherit);
    world.claims(20, B, Inherit);
    world.serves(20, A);
    world.passes(DRAIN);
    assert_eq!(world.serves(20, B), [(10, Sent::Takedown)]);
    assert_eq!(world.passes(DRAIN - MOMENT), []);
    assert_eq!(world.passes(MOMENT), [(10, Sent::Signalled(Term))]);
}

#[test]
fn a_draining_server_can_ask_for_more_time() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.server_is_up(20, &[A]);
    world.passes(DRAIN - MOMENT);
    let extend = Progress { re: 1, extend_ms: Some(60_000), ..Progress::default() };
    world.sends(10, FromClient::Progress(extend));
    assert_eq!(world.passes(Duration::from_secs(60) - MOMENT), []);
    assert_eq!(world.passes(MOMENT), [(10, Sent::Signalled(Term))]);
}

#[test]
fn a_takedown_says_for_how_long_responses_may_make_progress() {
    for (stream_ms, expected) in [(None, None), (Some(600_000), Some(600_000))] {
        let mut world = World::new();
        world.stream_ms = stream_ms;
        world.supervisor(11, Stay);
        world.server_is_up(10, &[A]);
        world.server_is_up(20, &[A]);
        let said: Vec<Option<u64>> = world.takedowns_to(10).map(|takedown| takedown.stream_ms).collect();
        assert_eq!(said, [expected]);
    }
}

#[test]
fn what_was_open_at_its_deadline_is_told_to_the_newer_generation_and_its_own() {
    let mut world = World::new();
    world.supervisor(11, Stay);
    world.server_is_up(10, &[A]);
    world.supervisor(21, Leave);
    world.server_is_up(20, &[A]);
    world.supervisor(31, Leave);
    world.releases(10, A);
    world.open_connections.insert(10, 3);
    let sent = world.passes(DRAIN);
    for told in [11, 21] {
        assert_eq!(of(told, &sent), [Sent::Event(EventKind::Terminated, Attached::Nothing)]);
    }
    assert_eq!(of(31, &sent), [], "it has nothing to do with it");
    let event = world.last_event_to(21);
    assert_eq!((event.pid, event.connections, event.remaining_ms), (Some(10), Some(3), Some(5_000)));
}

#[test]
fn the_kill_timeout_begins_when_term_was_sent() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.server_is_up(20, &[A]);
    world.releases(10, A);
    world.is_signalling = true;
    world.passes(DRAIN);
    assert_eq!(world.passes(2 * KILL), []);
    world.signal_was_sent(10, Term);
    assert_eq!(world.passes(KILL - MOMENT), []);
    assert_eq!(world.passes(MOMENT), [(10, Sent::Signalled(Kill))]);
}

#[test]
fn what_a_server_has_closed_unfinished_is_told_with_its_end() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.supervisor(21, Leave);
    world.server_is_up(20, &[A]);
    world.sends(10, FromClient::Progress(Progress { re: 1, cut: Some(2), ..Progress::default() }));
    world.ends(10);
    let gone = world.events_to(21).find(|event| event.what == EventKind::Gone).expect("it has exited");
    assert_eq!(gone.cut, Some(2));
}

#[test]
fn stop_takes_down_the_own_generation_and_no_other() {
    let mut world = World::new();
    world.supervisor(11, Stay);
    world.server_is_up(10, &[A]);
    world.server_is_up(20, &[B]);
    let sent = world.sends(11, FromClient::Stop(Stop {}));
    assert_eq!(of(10, &sent), [Sent::Takedown]);
    assert_eq!(of(20, &sent), []);
}

#[test]
fn a_stopped_address_is_closed_as_soon_as_it_is_released() {
    let mut world = World::new();
    world.supervisor(11, Stay);
    world.server_is_up(10, &[A]);
    world.sends(11, FromClient::Stop(Stop {}));
    let sent = world.releases(10, A);
    assert!(of(11, &sent).contains(&Sent::Event(EventKind::Close, Attached::Nothing)));
    world.sends(11, FromClient::Closed(Closed { address: address(A) }));
    assert!(!world.has_listener(A));
}

#[test]
fn a_server_that_answers_a_takedown_with_an_error_gets_term_at_once() {
    let mut world = World::new();
    world.server_is_up(10, &[A]);
    world.server_is_up(20, &[A]);
    let error = Error { re: Some(1), code: Code::Internal, message: "I will not".to_owned(), fatal: false };
    assert_eq!(world.sends(10, FromClient::Error(error)), [(10, Sent::Signalled(Term))]);
}

#[test]
fn fail_ends_every_claim_with_an_answer() {
    let mut world = World::new();
    world.server(10);
    world.claims(10, A, Bind);
    world.server(20);
    world.claims(20, A, Bind);
    let fail = Fail { reason: "no database".to_owned() };
    assert_eq!(world.sends(20, FromClient::Fail(fail)), [(20, Sent::Refused(Code::Withdrawn))]);
}
