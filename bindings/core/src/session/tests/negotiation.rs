//! Greeting, hello, welcome; what is sent again on a new link.

use super::*;

const HELLO: &str = r#"{"type":"hello","id":1,"version":1,"client":{"name":"test","version":"1"},"role":"server","generation":"7-9""#;

fn hello(rest: &str) -> String {
    format!("{HELLO}{rest}}}")
}

#[test]
fn a_new_server_sends_hello_and_its_claims_at_once() {
    let mut bench = Bench::new();
    bench.inherit(":1").bind("mailer");
    assert_eq!(bench.actions(), ["connect"]);
    bench.connect();
    assert_eq!(bench.actions(), [""; 0]);
    bench.greet();
    let first = [
        &hello(""),
        r#"{"type":"readyFor","id":2,"address":":1","socket":"inherit"}"#,
        r#"{"type":"readyFor","id":3,"address":"mailer","socket":"bind"}"#,
    ];
    assert_eq!(bench.actions(), first);
    bench.welcome();
    assert_eq!(bench.actions(), [""; 0]);
}

#[test]
fn claims_that_wait_are_sent_again_in_the_order_in_which_they_were_made() {
    let mut bench = Bench::linked();
    bench.bind("b").pass(SECOND).bind("a").actions();
    bench.handle(SessionInput::Ended).link();
    let actions = bench.actions();
    let claims = [
        r#"{"type":"readyFor","id":2,"address":"b","socket":"bind"}"#,
        r#"{"type":"readyFor","id":3,"address":"a","socket":"bind"}"#,
    ];
    assert_eq!(actions[actions.len() - 2..], claims);
}

#[test]
fn a_hello_lists_what_is_held_with_its_listener_and_what_drains() {
    let mut bench = Bench::serving();
    bench.bind("mailer").receive(r#"{"type":"granted","re":3,"address":"mailer"}"#);
    bench.inherit(":2").receive_with(r#"{"type":"granted","re":4,"address":":2","fds":["listener"]}"#, &[8]);
    bench.call(Call::Released(address(":2"))).expect("held");
    bench.call(Call::OnTakedown(address("mailer"))).expect("it is possible");
    bench.actions();
    bench.handle(SessionInput::Ended).connect().greet();
    let holding = r#","holding":[{"address":":1","serving":true},{"address":"mailer","serving":false,"onTakedown":true}],"draining":[":2"],"fds":[":1"]"#;
    assert_eq!(bench.actions(), ["close", "connect", &format!("{} +7", hello(holding))]);
}

#[test]
fn more_than_128_addresses_go_on_in_holding_lines() {
    let mut bench = Bench::linked();
    for port in 1..=300_u32 {
        bench.inherit(&format!(":{port}"));
        let granted =
            format!(r#"{{"type":"granted","re":{},"address":":{port}","fds":["listener"]}}"#, port + 1);
        bench.receive_with(&granted, &[port]);
    }
    bench.actions();
    bench.handle(SessionInput::Ended).connect().greet();
    let parts: Vec<(usize, bool)> = std::iter::from_fn(|| bench.session.next_action())
        .filter_map(|action| match action {
            SessionAction::Send(FromClient::Hello(hello), listeners) => Some((listeners.len(), hello.more)),
            SessionAction::Send(FromClient::Holding(holding), listeners) => {
                Some((listeners.len(), holding.more))
            }
            SessionAction::Send(..)
            | SessionAction::Watch
            | SessionAction::Unwatch
            | SessionAction::Connect
            | SessionAction::Close
            | SessionAction::StartArbiter
            | SessionAction::Open(_) => None,
        })
        .collect();
    assert_eq!(parts, [(128, true), (128, true), (44, false)]);
}

#[test]
fn no_line_of_a_hello_is_longer_than_the_limit_whatever_the_addresses_are() {
    let mut bench = Bench::linked();
    for number in 0..1_000 {
        // Each control character is six bytes in JSON.
        let name = format!("unix:/{}{number:04}", "\u{1}".repeat(100));
        bench.bind(&name);
        let id = number + 2;
        let granted = serde_json::json!({"type": "granted", "re": id, "address": name}).to_string();
        bench.receive(&granted);
        if number % 2 == 0 {
            bench.call(Call::Released(address(&name))).expect("held");
        }
    }
    bench.actions();
    bench.handle(SessionInput::Ended).connect().greet();
    let longest = bench.actions().iter().map(String::len).max();
    assert!(longest.is_some_and(|bytes| bytes < serverswap_protocol::limits::LINE_BYTES_MAX), "{longest:?}");
}

#[test]
fn what_becomes_true_between_hello_and_welcome_is_sent_at_once() {
    let mut bench = Bench::serving();
    bench.bind("a").bind("b").actions();
    bench.receive(r#"{"type":"granted","re":3,"address":"a"}"#);
    bench.handle(SessionInput::Ended).connect().greet().actions();
    bench.call(Call::Serving(address("a"))).expect("held");
    bench.call(Call::OnTakedown(address("a"))).expect("it is possible");
    bench.call(Call::Released(address(":1"))).expect("held");
    bench.call(Call::Released(address("b"))).expect("claimed");
    bench.bind("c");
    let expected = [
        r#"{"type":"serving","address":"a"}"#,
        r#"{"type":"onTakedown","address":"a"}"#,
        r#"{"type":"released","address":":1"}"#,
        r#"{"type":"released","address":"b"}"#,
        r#"{"type":"readyFor","id":3,"address":"c","socket":"bind"}"#,
    ];
    assert_eq!(bench.actions(), expected);
    bench.welcome();
    assert_eq!(bench.actions(), [""; 0]);
}

#[test]
fn handlers_server_up_and_fail_are_sent_again_after_every_hello() {
    let mut bench = Bench::linked();
    bench.call(Call::OnTakedown(address("a"))).expect("it is possible");
    bench.call(Call::ServerUp).expect("it is possible");
    bench.bind("a").actions();
    bench.handle(SessionInput::Ended).link();
    let again = [
        "close",
        "connect",
        &hello(""),
        r#"{"type":"onTakedown","address":"a"}"#,
        r#"{"type":"readyFor","id":2,"address":"a","socket":"bind"}"#,
        r#"{"type":"serverUp"}"#,
    ];
    assert_eq!(bench.actions(), again);
    bench.call(Call::Fail { reason: "no database".to_owned() }).expect("it is possible");
    let failed = [r#"{"type":"fail","reason":"no database"}"#, r#"{"type":"released","address":"a"}"#];
    assert_eq!(bench.actions(), failed);
    bench.handle(SessionInput::Ended).link();
    assert_eq!(bench.actions().last().map(String::as_str), Some(failed[0]));
}

#[test]
fn an_arbiter_without_version_1_is_sent_an_error_and_left() {
    let mut bench = Bench::new();
    bench.bind("a").connect();
    bench.actions();
    bench.receive(
        r#"{"type":"greeting","versions":[2,3],"arbiter":{"name":"serverswap","version":"9","pid":42},"limits":{"lineBytes":65536,"fdsPerLine":128}}"#,
    );
    let why = "serverswap 9 speaks the versions [2, 3] of the protocol; this client speaks 1";
    let error = format!(r#"{{"type":"error","code":"version_unsupported","message":"{why}","fatal":true}}"#);
    assert_eq!(bench.actions(), [&error, "close", "watch"]);
    assert_eq!(
        bench.events(),
        [&format!("error version_unsupported: {why}"), "refused a version_unsupported"]
    );
}

#[test]
fn a_line_at_the_wrong_time_breaks_the_link_off() {
    let takedown = r#"{"type":"takedown","id":1,"address":":1","reason":"replaced","drainMs":1}"#;
    let welcome = r#"{"type":"welcome","re":1,"version":1}"#;
    let mut ungreeted = Bench::new();
    let mut unwelcomed = Bench::new();
    let mut linked = Bench::linked();
    ungreeted.connect().receive(takedown);
    unwelcomed.connect().greet().receive(takedown);
    linked.receive(welcome);
    for (when, bench) in [("greeting", ungreeted), ("welcome", unwelcomed), ("linked", linked)] {
        let mut bench = bench;
        let actions = bench.actions();
        assert!(actions.iter().any(|line| line.contains("out_of_order")), "{when}: {actions:?}");
        assert_eq!(actions[actions.len() - 2..], ["close", "watch"], "{when}");
    }
}

#[test]
fn a_ping_is_answered_after_everything_before_it() {
    let mut bench = Bench::serving();
    bench.call(Call::Released(address(":1"))).expect("held");
    bench.actions();
    bench
        .receive(r#"{"type":"takedown","id":1,"address":":1","reason":"replaced","drainMs":1}"#)
        .receive(r#"{"type":"ping","id":2}"#);
    let expected = [r#"{"type":"released","re":1,"address":":1"}"#, r#"{"type":"pong","re":2}"#];
    assert_eq!(bench.actions(), expected);
}

#[test]
fn a_type_from_the_future_that_wants_a_reply_is_answered_with_unknown_type() {
    let mut bench = Bench::linked();
    bench.handle(SessionInput::Unknown { id: 4, kind: "dance".into() });
    let expected = r#"{"type":"error","re":4,"code":"unknown_type","message":"this client does not know the type `dance`","fatal":false}"#;
    assert_eq!(bench.actions(), [expected]);
}

#[test]
fn an_impossible_message_is_answered_if_it_has_an_id_and_else_breaks_the_link_off() {
    let mut bench = Bench::linked();
    let invalid = |re| SessionInput::Invalid { re, code: Code::InvalidAddress, message: "no".into() };
    bench.handle(invalid(Some(3)));
    let answer = r#"{"type":"error","re":3,"code":"invalid_address","message":"no","fatal":false}"#;
    assert_eq!(bench.actions(), [answer]);
    bench.handle(invalid(None));
    let last = r#"{"type":"error","code":"invalid_address","message":"no","fatal":true}"#;
    assert_eq!(bench.actions(), [last, "close", "watch"]);
}

#[test]
fn an_id_that_does_not_increase_breaks_the_link_off() {
    let mut bench = Bench::linked();
    bench.receive(r#"{"type":"ping","id":2}"#).receive(r#"{"type":"ping","id":2}"#);
    let expected = [
        r#"{"type":"pong","re":2}"#,
        r#"{"type":"error","code":"id_reused","message":"the id 2 does not increase","fatal":true}"#,
        "close",
        "watch",
    ];
    assert_eq!(bench.actions(), expected);
}
