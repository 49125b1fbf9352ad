//! Links that are made, lost and looked for.

use super::super::link::{ARBITER_ABSENT_MIN, ARBITER_START_TIME};
use super::*;

#[test]
fn an_arbiter_that_is_not_there_is_looked_for_again_after_the_watch_and_then_waited_for() {
    let mut bench = Bench::new();
    assert_eq!(bench.actions(), ["connect"]);
    bench.absent();
    assert_eq!(bench.actions(), ["watch", "connect"]);
    bench.absent();
    assert_eq!((bench.actions(), bench.session.deadline()), (vec![], None));
    bench.handle(SessionInput::Changed);
    assert_eq!(bench.actions(), ["connect"]);
    bench.link();
    assert!(bench.actions().contains(&"unwatch".to_owned()));
}

#[test]
fn a_lost_arbiter_is_looked_for_at_once() {
    let mut bench = Bench::linked();
    bench.pass(60 * SECOND).handle(SessionInput::Ended);
    assert_eq!(bench.actions(), ["close", "connect"]);
}

#[test]
fn an_orphan_waits_for_ever_without_a_clock() {
    let mut bench = Bench::serving();
    bench.handle(SessionInput::Ended).absent().absent();
    bench.actions();
    assert_eq!(bench.session.deadline(), None);
    bench.pass(1_000_000 * SECOND);
    assert_eq!((bench.actions(), bench.events()), (vec![], vec![]));
}

#[test]
fn without_a_watch_attempts_are_made_every_second() {
    let mut bench = Bench::serving();
    bench.handle(SessionInput::Ended).absent().handle(SessionInput::WatchLost).absent();
    bench.actions();
    assert_eq!(bench.session.deadline(), Some(bench.now + SECOND));
    bench.pass(SECOND);
    assert_eq!(bench.actions(), ["watch", "connect"]);
}

#[test]
fn a_server_that_can_no_longer_enter_the_directory_that_it_watches_tries_every_second() {
    let mut bench = Bench::serving();
    let out_of_sight = || SessionInput::OutOfSight { reason: "permission denied".into() };
    bench.handle(SessionInput::Ended).absent().absent();
    bench.actions();
    bench.handle(SessionInput::Changed).handle(out_of_sight());
    assert_eq!(bench.actions(), ["connect"]);
    for _ in 0..3 {
        assert_eq!(bench.session.deadline(), Some(bench.now + SECOND));
        bench.pass(SECOND);
        assert_eq!(bench.actions(), ["watch", "connect"]);
        bench.handle(out_of_sight());
    }
}

#[test]
fn when_the_directory_is_deleted_attempts_go_by_the_clock() {
    let mut bench = Bench::serving();
    bench.handle(SessionInput::Ended).absent().absent();
    bench.actions();
    bench.handle(SessionInput::WatchLost);
    assert_eq!(bench.session.deadline(), Some(bench.now + SECOND));
}

#[test]
fn a_socket_that_vanished_is_looked_for_once_more_by_its_path() {
    let mut bench = Bench::serving();
    bench.handle(SessionInput::Ended).absent().absent();
    bench.actions();
    bench.handle(SessionInput::Removed).pass(SECOND);
    assert_eq!(bench.actions(), ["watch", "connect"]);
    bench.absent();
    assert_eq!(bench.session.deadline(), None);
}

#[test]
fn a_claim_fails_after_ten_seconds_without_an_arbiter_and_holdings_stay() {
    let mut bench = Bench::serving();
    bench.handle(SessionInput::Ended).absent().absent();
    bench.pass(5 * SECOND).bind("a").absent();
    bench.pass(9 * SECOND);
    assert_eq!(bench.events(), [""; 0]);
    assert_eq!(bench.session.deadline(), Some(bench.now + SECOND));
    bench.pass(SECOND);
    assert_eq!(bench.events(), ["refused a supervisor_lost"]);
    assert_eq!(bench.call(Call::Released(address(":1"))), Ok(()));
}

#[test]
fn a_claim_that_waits_when_the_link_is_lost_has_ten_seconds_from_then() {
    let mut bench = Bench::linked();
    bench.bind("a").pass(100 * SECOND);
    bench.handle(SessionInput::Ended).absent().absent();
    assert_eq!(bench.session.deadline(), Some(bench.now + 10 * SECOND));
}

#[test]
fn a_claim_that_finds_no_arbiter_has_one_started_and_another_one_if_none_comes() {
    let mut bench = Bench::with_arbiter_program();
    bench.link();
    bench.inherit(":1").handle(SessionInput::Ended).absent().absent();
    bench.actions();
    bench.pass(ARBITER_ABSENT_MIN - Duration::from_millis(1));
    assert_eq!(bench.actions(), [""; 0]);
    assert_eq!(bench.session.deadline(), Some(bench.now + Duration::from_millis(1)));
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.actions(), ["start an arbiter"]);
    assert_eq!(bench.session.deadline(), Some(bench.now + ARBITER_START_TIME));
    bench.pass(ARBITER_START_TIME);
    assert_eq!(bench.actions(), ["start an arbiter"]);
    bench.handle(SessionInput::Changed).link();
    assert!(bench.actions().iter().any(|line| line.contains("readyFor")));
    assert_eq!(bench.session.deadline(), None);
}

#[test]
fn no_arbiter_is_started_for_a_server_that_claims_nothing_or_has_a_busy_one() {
    let mut bench = Bench::with_arbiter_program();
    bench.absent().absent().pass(60 * SECOND);
    assert!(!bench.actions().contains(&"start an arbiter".to_owned()));
    bench.bind("a").handle(SessionInput::Busy).handle(SessionInput::Busy).handle(SessionInput::Busy);
    bench.pass(ARBITER_ABSENT_MIN);
    assert!(!bench.actions().contains(&"start an arbiter".to_owned()));
}

#[test]
fn a_claim_fails_after_five_seconds_without_a_greeting_and_a_late_one_is_still_welcome() {
    let mut bench = Bench::new();
    bench.bind("a").connect();
    assert_eq!(bench.session.deadline(), Some(bench.now + 5 * SECOND));
    bench.pass(5 * SECOND);
    assert_eq!(bench.events(), ["refused a arbiter_not_responding"]);
    bench.greet().welcome();
    assert!(bench.session.is_linked());
}

#[test]
fn a_client_that_was_held_up_gives_its_arbiter_the_time_to_welcome_it() {
    let mut bench = Bench::new();
    bench.bind("a").connect();
    bench.now += 7 * SECOND;
    bench.greet().pass(4 * SECOND);
    assert_eq!(bench.events(), [""; 0]);
    bench.pass(SECOND);
    assert_eq!(bench.events(), ["refused a arbiter_not_responding"]);
}

#[test]
fn the_refusal_names_the_arbiter_that_does_not_answer() {
    let mut bench = Bench::new();
    bench.bind("a").connect().pass(5 * SECOND);
    let Some(ServerEvent::Refused { error, .. }) = bench.session.next_event() else {
        panic!("the claim is refused");
    };
    assert_eq!(error.message, "the supervisor with process id 42 has not answered for 5s");
}

#[test]
fn a_full_queue_and_an_arbiter_that_hangs_up_are_tried_ever_more_slowly() {
    fn queue_is_full(bench: &mut Bench) {
        bench.handle(SessionInput::Busy);
    }
    fn hangs_up(bench: &mut Bench) {
        bench.connect().handle(SessionInput::Ended);
    }
    for fails in [queue_is_full, hangs_up] {
        let mut bench = Bench::new();
        let mut attempts = 0;
        let until = bench.now + 60 * SECOND;
        while bench.now < until {
            let connects = bench.actions().iter().filter(|action| *action == "connect").count();
            attempts += connects;
            if connects == 0 {
                let wait = bench.session.deadline().expect("it is tried again") - bench.now;
                bench.pass(wait);
            } else {
                fails(&mut bench);
            }
        }
        assert!((60..80).contains(&attempts), "{attempts} attempts in a minute");
    }
}

#[test]
fn links_that_end_soon_after_their_welcome_are_no_busy_loop_either() {
    let mut bench = Bench::new();
    let immediate = (0..100)
        .take_while(|_| {
            bench.link().handle(SessionInput::Ended);
            bench.actions().contains(&"connect".to_owned())
        })
        .count();
    assert_eq!(immediate, 3);
    assert!(bench.session.deadline().is_some());
}

#[test]
fn a_fatal_error_fails_the_claims_and_another_link_is_tried_a_second_later() {
    let mut bench = Bench::serving();
    bench.bind("a").actions();
    bench.receive(r#"{"type":"error","code":"other_pid_namespace","message":"no","fatal":true}"#);
    assert_eq!(bench.events(), ["error other_pid_namespace: no", "refused a other_pid_namespace"]);
    assert_eq!(bench.actions(), ["close", "watch"]);
    bench.handle(SessionInput::Changed);
    assert_eq!((bench.actions(), bench.session.deadline()), (vec![], Some(bench.now + SECOND)));
    bench.pass(SECOND);
    assert_eq!(bench.actions(), ["watch", "connect"]);
    assert_eq!(bench.call(Call::Serving(address(":1"))), Ok(()));
}

#[test]
fn after_a_fatal_error_of_any_kind_another_link_is_tried() {
    for code in ["malformed_line", "not_permitted", "out_of_order", "descriptor_mismatch", "internal"] {
        let mut bench = Bench::serving();
        bench.bind("a").actions();
        bench.receive(&format!(r#"{{"type":"error","code":"{code}","message":"no","fatal":true}}"#));
        assert_eq!(bench.events(), [format!("error {code}: no"), format!("refused a {code}")]);
        assert_eq!(bench.session.deadline(), Some(bench.now + SECOND));
        bench.actions();
        bench.pass(SECOND);
        assert_eq!(bench.actions(), ["watch", "connect"]);
    }
}

#[test]
fn a_claim_that_is_made_after_a_fatal_error_gets_an_answer_of_its_own() {
    let mut bench = Bench::linked();
    bench.receive(r#"{"type":"error","code":"not_permitted","message":"no","fatal":true}"#);
    bench.actions();
    bench.bind("a").pass(SECOND);
    assert_eq!(bench.actions(), ["watch", "connect"]);
}

#[test]
fn a_shortage_of_the_arbiter_passes_and_claims_wait_for_that() {
    let mut bench = Bench::new();
    bench.bind("a").connect();
    bench.receive(r#"{"type":"error","code":"too_many_connections","message":"full","fatal":true}"#);
    assert_eq!(bench.events(), ["error too_many_connections: full"]);
    assert_eq!(bench.session.deadline(), Some(bench.now + SECOND));
    bench.actions();
    bench.pass(SECOND);
    assert_eq!(bench.actions(), ["watch", "connect"]);
}

#[test]
fn a_peer_of_another_user_is_left_before_anything_is_sent() {
    let mut bench = Bench::new();
    bench.bind("a").actions();
    bench.handle(SessionInput::Broken { code: Code::NotPermitted, message: "another user".into() });
    assert_eq!(bench.events(), ["error not_permitted: another user", "refused a not_permitted"]);
}
