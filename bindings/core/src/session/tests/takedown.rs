//! Takedown and release, with and without a link in between.

use super::*;

const TAKEDOWN: &str = r#"{"type":"takedown","id":5,"address":":1","reason":"replaced","drainMs":30000}"#;

#[test]
fn the_server_is_notified_of_a_takedown_and_its_release_answers_it() {
    let mut bench = Bench::serving();
    bench.receive(TAKEDOWN);
    assert_eq!(bench.events(), ["takedown :1 Replaced 30s"]);
    assert_eq!(bench.actions(), [""; 0]);
    bench.call(Call::Released(address(":1"))).expect("held");
    assert_eq!(bench.actions(), [r#"{"type":"released","re":5,"address":":1"}"#]);
}

#[test]
fn progress_of_a_drain_names_the_takedown_before_and_after_the_release() {
    let mut bench = Bench::serving();
    bench.receive(TAKEDOWN);
    let progress = |bench: &mut Bench, connections, cut, extend| {
        bench
            .call(Call::Progress { address: address(":1"), connections, cut, extend })
            .expect("it was taken");
    };
    progress(&mut bench, Some(3), None, None);
    bench.call(Call::Released(address(":1"))).expect("held");
    progress(&mut bench, Some(1), Some(2), Some(SECOND));
    let expected = [
        r#"{"type":"progress","re":5,"connections":3}"#,
        r#"{"type":"released","re":5,"address":":1"}"#,
        r#"{"type":"progress","re":5,"connections":1,"cut":2,"extendMs":1000}"#,
    ];
    assert_eq!(bench.actions(), expected);
    bench.handle(SessionInput::Ended).actions();
    progress(&mut bench, Some(0), None, None);
    assert_eq!(bench.actions(), [""; 0]);
}

#[test]
fn more_connections_than_the_protocol_can_count_are_reported_as_its_largest_number() {
    let mut bench = Bench::serving();
    bench.receive(TAKEDOWN);
    let connections = Some(u64::MAX);
    bench
        .call(Call::Progress { address: address(":1"), connections, cut: None, extend: None })
        .expect("it was taken");
    assert_eq!(bench.actions(), [r#"{"type":"progress","re":5,"connections":9007199254740991}"#]);
}

#[test]
fn a_longer_extension_than_one_progress_may_ask_for_is_asked_for_as_a_day() {
    let mut bench = Bench::serving();
    bench.receive(TAKEDOWN);
    let extend = Some(Duration::MAX);
    bench
        .call(Call::Progress { address: address(":1"), connections: None, cut: None, extend })
        .expect("it was taken");
    assert_eq!(bench.actions(), [r#"{"type":"progress","re":5,"extendMs":86400000}"#]);
}

#[test]
fn a_takedown_of_a_released_address_is_answered_at_once() {
    let mut bench = Bench::serving();
    bench.call(Call::Released(address(":1"))).expect("held");
    bench.receive(TAKEDOWN);
    let expected = [r#"{"type":"released","address":":1"}"#, r#"{"type":"released","re":5,"address":":1"}"#];
    assert_eq!((bench.actions(), bench.events()), (expected.map(String::from).to_vec(), vec![]));
}

#[test]
fn a_takedown_that_the_server_works_on_is_not_reported_again_when_the_next_arbiter_sends_it() {
    let mut bench = Bench::serving();
    bench.receive(TAKEDOWN).events();
    bench.handle(SessionInput::Ended).link();
    assert!(bench.actions()[2].contains(r#""holding":[{"address":":1","serving":true}]"#));
    bench.receive(r#"{"type":"takedown","id":1,"address":":1","reason":"replaced","drainMs":9}"#);
    assert_eq!(bench.events(), [""; 0]);
    bench.call(Call::Released(address(":1"))).expect("held");
    assert_eq!(bench.actions(), [r#"{"type":"released","re":1,"address":":1"}"#]);
}

#[test]
fn a_release_without_a_link_is_in_the_next_hello_as_draining() {
    let mut bench = Bench::serving();
    bench.receive(TAKEDOWN);
    bench.handle(SessionInput::Ended);
    bench.call(Call::Released(address(":1"))).expect("held");
    bench.link();
    let actions = bench.actions();
    assert!(actions[2].ends_with(r#""generation":"7-9","draining":[":1"]}"#), "{}", actions[2]);
    assert_eq!(actions.len(), 3);
}

#[test]
fn a_takedown_that_the_next_arbiter_does_not_repeat_is_given_up_without_an_answer() {
    let mut bench = Bench::serving();
    bench.receive(TAKEDOWN);
    bench.handle(SessionInput::Ended).link().actions();
    bench.call(Call::Released(address(":1"))).expect("held");
    assert_eq!(bench.actions(), [r#"{"type":"released","address":":1"}"#]);
}

#[test]
fn a_takedown_while_one_is_open_breaks_the_link_off() {
    let mut bench = Bench::serving();
    bench.receive(TAKEDOWN).events();
    bench.receive(r#"{"type":"takedown","id":6,"address":":1","reason":"stopping","drainMs":9}"#);
    assert!(bench.events()[0].starts_with("error out_of_order"));
    assert_eq!(bench.call(Call::Released(address(":1"))), Ok(()));
}

#[test]
fn a_takedown_that_was_not_delivered_before_the_release_is_not_reported_any_more() {
    let mut bench = Bench::serving();
    bench.receive(TAKEDOWN);
    bench.call(Call::Released(address(":1"))).expect("held");
    assert_eq!(bench.events(), [""; 0]);
}

#[test]
fn a_server_that_begins_to_serve_while_it_is_taken_down_sends_serving() {
    let mut bench = Bench::linked();
    bench.bind("a").receive(r#"{"type":"granted","re":2,"address":"a"}"#).actions();
    bench.receive(r#"{"type":"takedown","id":1,"address":"a","reason":"replaced","drainMs":9}"#);
    bench.call(Call::Serving(address("a"))).expect("held");
    bench.call(Call::Serving(address("a"))).expect("held");
    assert_eq!(bench.actions(), [r#"{"type":"serving","address":"a"}"#]);
}
